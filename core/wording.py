"""Articles and numbers in messages."""

from __future__ import annotations

import types


def with_article(noun: str) -> str:
    """A noun with "a" or "an" before it, as it is said.

    >>> [with_article(noun) for noun in ("int", "hourly run", "user", "S3FileHandle", "UUID")]
    ['an int', 'an hourly run', 'a user', 'an S3FileHandle', 'a UUID']
    """
    is_spelled = noun[:1].isupper() and (noun[1:2].isupper() or noun[1:2].isdigit())
    if is_spelled:
        return f"{'an' if noun[0] in 'AEFHILMNORSX' else 'a'} {noun}"
    begins = noun.lower()
    sounds_open = begins.startswith(("a", "e", "i", "o", "u", "hour"))
    sounds_open = sounds_open and not begins.startswith(("use", "uni", "one", "eu"))
    return f"{'an' if sounds_open else 'a'} {noun}"


def a_kind_of(value: object) -> str:
    """What something is, for messages that must not show what it holds.

    >>> a_kind_of(1), a_kind_of(int), a_kind_of(None)
    ('an int', 'the class int', 'None')
    """
    if value is None:
        return "None"
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
        return "a function"
    return f"the class {value.__name__}" if isinstance(value, type) else with_article(type(value).__name__)


def counted(count: int, noun: str) -> str:
    """A number and a noun: "1 input", "2 inputs", "1,000 steps".

    >>> counted(1, "input"), counted(0, "value"), counted(1000, "repository")
    ('1 input', '0 values', '1,000 repositories')
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("y") else f"{count:,} {noun}s"


def ended(text: object) -> str:
    """A sentence that ends with what something else says, with a period where that has no end of its own.

    >>> ended("The run failed: no bucket"), ended("The run failed: There is no bucket."), ended("It wrote:\\nno bucket")
    ('The run failed: no bucket.', 'The run failed: There is no bucket.', 'It wrote:\\nno bucket')
    """
    said = str(text).rstrip(": \n")
    return said if said.endswith((".", "!", "?", "…")) or "\n" in said else f"{said}."

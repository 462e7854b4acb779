"""Values that are none yet: generators and coroutines, which whoever takes them first uses up."""

from __future__ import annotations

import inspect

from core.errors import ValueNotKeptError
from core.wording import a_kind_of


def refuse_unfinished(value: object, what: str) -> None:
    """Refuses a generator, an async generator or a coroutine.

    Args:
        value: the value.
        what: it is to be stored as, as the beginning of a message.

    Raises:
        ValueNotKeptError: it is one.
    """
    if inspect.iscoroutine(value):
        value.close()  # which keeps Python from warning that nobody waited for it
    elif not inspect.isgenerator(value) and not inspect.isasyncgen(value):
        return
    raise ValueNotKeptError(
        f"{what} is {a_kind_of(value)}, which is used up when it is read once. Give what it makes: a list of "
        "what a generator yields, what a coroutine returns when it is awaited."
    )

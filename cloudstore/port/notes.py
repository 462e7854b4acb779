"""What cannot be rewritten, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

from cloudstore.port.names import advice_on, first_place, home_of_name, is_module, name_here


class Note(NamedTuple):
    """Something that is left to do.

    Attributes:
        line: where, counted from 1.
        text: what, as sentences.
    """

    line: int
    text: str


def note_on(line: int, module: str, name: str = "") -> Note:
    """The note on a name, or a module, of Dagster 0.11 that has no counterpart."""
    return Note(line, f"{f'{module}.{name}' if name else module} has no counterpart. {advice_on(module, name)}")


def note_on_alias(line: int, meant: str, found: str) -> Note:
    """The note on a name that is here, and not in what the module has become by which it is written."""
    return Note(line, f"{meant} is {found} now, which that module does not have: import it from there.")


def note_on_text(line: int, text: str) -> Note | None:
    """The note on a text, which was left as it is and may name a module; None where nothing says that it does."""
    module, _, name = text.rpartition(".")
    if is_module(first := first_place(text) or ""):
        now = f"that is {first} now."
    elif module and home_of_name(module, name):
        now = f"that is {home_of_name(module, name)}.{name_here(module, name)} now."
    elif text.startswith(("dagster.core.", "dagster_")):
        now = advice_on(module or text, name if module else "")
    else:
        return None
    return Note(line, f"The text {text!r} was left as it is. If it names something to import: {now}")

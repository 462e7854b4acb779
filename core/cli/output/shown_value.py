"""A stored value, shown to people."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

import msgspec

from core.cli.output.terminal import say
from core.cli.output.text import SHORT_ID, human_bytes
from core.printable import printable, printable_lines
from core.views.stored_outputs import StoredOutput

_MOST_CHARACTERS = 2000
_MOST_ITEMS = 50


class ValueDocument(msgspec.Struct, frozen=True):
    """A value, as `cloudstore value --json` tells it.

    Attributes:
        run_id: the run that stored it.
        step_key: its step.
        output_name: the output.
        mapping_key: which value of a dynamic output.
        version: of the output; None where it has none.
        address: where it is stored; None where its IO manager does not say.
        type: the type of the value.
        size_bytes: of what is stored; None where that is not known without asking the store.
        length: how many items it has; None where it has no length.
        repr: the beginning of its repr.
    """

    run_id: str
    step_key: str
    output_name: str
    mapping_key: str | None
    version: str | None
    address: str | None
    type: str
    size_bytes: int | None
    length: int | None
    repr: str


def document_value(stored: StoredOutput, value: Any, size_bytes: int | None) -> ValueDocument:
    """What is told of a value.

    Args:
        stored: where it is.
        value: the value.
        size_bytes: of what is stored.
    """
    cls, handle = type(value), stored.handle
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    return ValueDocument(
        stored.run_id,
        handle.step_key,
        handle.output_name,
        handle.mapping_key,
        stored.version,
        stored.address,
        name,
        size_bytes,
        _length(value),
        bounded_repr(value),
    )


def show_value(document: ValueDocument, name: str, is_verbose: bool) -> None:
    """Prints what is told of a value.

    Args:
        document: that.
        name: of the value.
        is_verbose: whether its whole version, and its address, are shown.
    """
    size = [] if document.size_bytes is None else [f"{human_bytes(document.size_bytes)} stored"]
    length = [] if document.length is None else [f"length {document.length}"]
    say(f"{printable(name)}: {', '.join([printable(document.type), *length, *size])}")
    if document.version is not None:
        say(f"version {document.version if is_verbose else document.version[:SHORT_ID]}")
    if document.address is not None and is_verbose:
        say(f"at {printable(document.address)}")
    say(printable_lines(document.repr))


def show_saved(name: str, codec_name: str, file: Path) -> None:
    """Prints that a value was saved."""
    size = human_bytes(file.stat().st_size)
    say(f"Saved {printable(name)} in {printable(str(file))}: {printable(codec_name)}, {size}.", err=True)


def bounded_repr(value: Any) -> str:
    """The beginning of a value's repr, in bounded time for the containers of Python, whatever its `__repr__` does."""
    shortened = reprlib.Repr()
    shortened.maxlevel = 6
    shortened.maxlist = shortened.maxtuple = shortened.maxdict = shortened.maxset = _MOST_ITEMS
    shortened.maxfrozenset = shortened.maxdeque = shortened.maxarray = _MOST_ITEMS
    shortened.maxstring = shortened.maxother = shortened.maxlong = _MOST_CHARACTERS
    try:
        text = shortened.repr(value)
    except Exception as error:  # noqa: BLE001  of the value's own code
        return f"<its repr raised {type(error).__name__}>"
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."


def _length(value: Any) -> int | None:
    try:
        return len(value)
    except Exception:  # noqa: BLE001  it has none, or code of its own raises
        return None

"""What is wrong with a piece of config: where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

import msgspec

Path = tuple[str | int, ...]


class ConfigFault(msgspec.Struct, frozen=True):
    """One fault in a config value.

    Attributes:
        path: keys and indexes from the root of the config to the value at fault.
        message: what is wrong and what would be right.
        is_of_environment: it is about an environment variable: of here and now, and with nothing of a value in it.
    """

    path: Path
    message: str
    is_of_environment: bool = False

    def __str__(self) -> str:
        return f"{format_path(self.path)}: {self.message}"


def format_path(path: Path) -> str:
    """`("solids", "clean", "months", 1)` becomes `solids.clean.months[1]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "(top level)"


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """A message for a name that is not among the known ones, with the likeliest one it was meant to be."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"unknown {kind} {name!r}{hint} Known: {', '.join(names) or 'none'}."


def show_value(value: object, limit: int = 60) -> str:
    """A value and its type for a message, cut to `limit` characters; of a container not what is in it.

    What is in a container may be a secret that was written in the wrong place, and may be large.
    """
    if isinstance(value, Mapping):
        text = f"{{{', '.join(f'{key}: …' for key in value)}}}"
    elif isinstance(value, list | tuple | set | frozenset):
        text = "1 item" if len(value) == 1 else f"{len(value)} items"
    else:
        text = repr(value)
    return f"{text if len(text) <= limit else text[: limit - 1] + '…'} ({type(value).__name__})"

"""What is wrong with a piece of config: where, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from core.printable import printable
from core.wording import counted

Path = tuple[str | int, ...]
MISSING = "missing required config"
"""How the message of a fault begins where something is left out."""

# To the last @, because a password may hold one.
_IN_URL = re.compile(r"(://[^:/@\s]*):.*@")
_IN_WORDS = re.compile(r"""(passw(?:or)?d\s*=\s*)(?:'[^']*'|"[^"]*"|[^\s&'"]+)""", re.IGNORECASE)
_NAMES_SECRET = re.compile(
    r"(passw(or)?d|passphrase|secret|token|credentials?|(access|api|private|secret)_key|dsn|postgres_url|conn\w*_string)$",
    re.IGNORECASE,
)


class ConfigFault(msgspec.Struct, frozen=True):
    """One fault in a config value.

    Attributes:
        path: keys and indexes from the root of the config to the value at fault.
        message: what is wrong and what would be right.
        is_of_environment: it is about an environment variable: of here and now, and with nothing of a value in it.
        file: where the config was written, as far as that is known.
        line: the line in that file, counted from 1; 0 where there is none.
        lacking: where a mapping is left out, the faults for what is required in it.
        left_out: the config type of that mapping, from which the least to write is told.
    """

    path: Path
    message: str
    is_of_environment: bool = False
    file: str = ""
    line: int = 0
    lacking: tuple[ConfigFault, ...] = ()
    left_out: Any = None

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        place = f"{printable(self.file)}{line}: " if self.file else ""
        return f"{place}{format_path(self.path)}: {self.message}"

    def __repr__(self) -> str:
        return f"ConfigFault({str(self)!r})"  # which hides what should not be shown


def format_path(path: Path) -> str:
    """`("solids", "clean", "months", 1)` becomes `solids.clean.months[1]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return printable(hide_passwords(text.removeprefix("."))) or "(top level)"


def hide_passwords(text: str) -> str:
    """`text` with `…` for each password of a URL (`://user:password@`) and after `password=`."""
    return _IN_WORDS.sub(r"\1…", _IN_URL.sub(r"\1:…@", text))


def names_secret(path: Path) -> bool:
    """Whether the last key of `path` is one under which people keep a secret: `password`, `postgres_url` ..."""
    return bool(path) and _NAMES_SECRET.search(str(path[-1])) is not None


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """A message for a name that is not among the known ones, with the likeliest one it was meant to be."""
    names = sorted(known)
    meant = likeliest_name(name, names)
    hint = "." if meant is None else f"; did you mean {meant!r}?"
    return f"unknown {kind} {hide_passwords(repr(name))}{hint} Known: {', '.join(map(printable, names)) or 'none'}."


def likeliest_name(name: object, known: Iterable[str]) -> str | None:
    """The known name that another one was most likely meant to be; None where none is like it."""
    import difflib  # only a fault needs it

    return next(iter(difflib.get_close_matches(str(name), sorted(known), n=1)), None)


def show_value(value: object, limit: int = 60) -> str:
    """A value and its type for a message, cut to `limit` characters, without passwords; of a container not its items.

    What is in a container may be a secret that was written in the wrong place, and may be large.
    """
    if isinstance(value, Mapping):
        text = f"{{{', '.join(f'{printable(str(key))}: …' for key in value)}}}"
    elif isinstance(value, list | tuple | set | frozenset):
        text = counted(len(value), "item")
    else:
        text = repr(value) if isinstance(value, str) else " ".join(repr(value).split())  # of tables, it has many lines
    return f"{_cut(hide_passwords(text), limit)} ({type(value).__name__})"


def show_text(text: str, limit: int = 60) -> str:
    """A text as it was written, in quotes, cut to `limit` characters, without passwords."""
    return _cut(hide_passwords(repr(text)), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"

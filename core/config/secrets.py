"""The secrets that a config held."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from core.config.faults import names_secret

_found: ContextVar[list[Secret] | None] = ContextVar("_found", default=None)


class Secret(msgspec.Struct, frozen=True):
    """The value of a field that is marked as a secret, or has a name under which people keep one.

    Attributes:
        value: the secret.
        variable: the environment variable that held it; None where it was written out.
    """

    value: str
    variable: str | None = None

    def __repr__(self) -> str:
        return f"Secret(..., variable={self.variable!r})"


@contextmanager
def collecting_secrets() -> Iterator[list[Secret]]:
    """Gives a list that gets the secrets of all config that is resolved in the block."""
    found: list[Secret] = []
    token = _found.set(found)
    try:
        yield found
    finally:
        _found.reset(token)


def note_secret(given: object, resolved: Any) -> None:
    """Adds a secret to the list of the `collecting_secrets` that is under way, if one is.

    Args:
        given: as it stood in the config.
        resolved: what became of it.
    """
    found = _found.get()
    if found is None:
        return
    if isinstance(resolved, Mapping):
        for name, item in resolved.items():
            note_secret(given.get(name) if isinstance(given, Mapping) else None, item)
    elif isinstance(resolved, list):
        for given_item, item in _paired(given, resolved):
            note_secret(given_item, item)
    elif resolved is not None and not isinstance(resolved, bool):
        variable = given.get("env") if isinstance(given, Mapping) else None
        if variable is not None:  # the text of a number may be spelled in another way there
            found.append(Secret(os.environ.get(variable, str(resolved)), variable))
        if variable is None or str(resolved) != found[-1].value:
            found.append(Secret(str(resolved), variable))


def note_named_secrets(given: object, resolved: Any) -> None:
    """As `note_secret`, of what has a name under which people keep a secret, however deep in a free-form value."""
    if _found.get() is None:
        return
    if isinstance(resolved, Mapping):
        for name, item in resolved.items():
            given_item = given.get(name) if isinstance(given, Mapping) else None
            if names_secret((str(name),)) and not isinstance(item, Mapping | list):
                note_secret(given_item, item)
            else:
                note_named_secrets(given_item, item)
    elif isinstance(resolved, list):
        for given_item, item in _paired(given, resolved):
            note_named_secrets(given_item, item)


def _paired(given: object, resolved: list[Any]) -> Iterable[tuple[object, Any]]:
    if isinstance(given, Sequence) and len(given) == len(resolved):
        return zip(given, resolved, strict=True)
    return ((None, item) for item in resolved)

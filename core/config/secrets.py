"""The secrets that a config held."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from core.config.faults import ConfigFault, Path, names_secret

NOT_KEPT = "(a secret that was written out, which is not kept)"
"""What a stored run config holds in the place of a secret."""

SHORTEST_SECRET = 4
"""Characters; what is shorter is in so many texts that hiding it says what it is."""

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


def note_secrets(secrets: Iterable[Secret]) -> None:
    """Adds secrets that were collected before to the list of the `collecting_secrets` around, if one is under way."""
    found = _found.get()
    if found is not None:
        found.extend(secrets)


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
            if isinstance(name, str) and names_secret((name,)) and not isinstance(item, Mapping | list):
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


def without_secrets(value: Any, secrets: Collection[Secret]) -> Any:
    """A run config as it is stored: with `NOT_KEPT` for each value in it that is or holds a secret, wherever it stands.

    Args:
        value: the config as it was given.
        secrets: those that it held. Those that came from the environment are not in it.
    """
    texts = written_out(secrets)
    return _hidden(value, texts) if texts else value


def written_out(secrets: Collection[Secret]) -> set[str]:
    """The texts of the secrets that stood in a config itself, but for those that are too short to be hidden."""
    return {each.value for each in secrets if each.variable is None and len(each.value) >= SHORTEST_SECRET}


def _hidden(value: Any, texts: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(item, texts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item, texts) for item in value]
    if isinstance(value, str):  # a password may stand in a URL too
        return NOT_KEPT if any(text in value for text in texts) else value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return NOT_KEPT if is_number and str(value) in texts else value


def lacking_secrets(value: Any, path: Path = ()) -> Iterator[ConfigFault]:
    """A fault for each secret that a stored run config does not have any more."""
    if isinstance(value, str) and value == NOT_KEPT:
        yield ConfigFault(path, "this secret was written out, so it is not kept; give it again, best as {env: NAME}")
    elif isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from lacking_secrets(item, (*path, key))

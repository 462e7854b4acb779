"""Records to JSON and back."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import PurePath
from typing import Any, TypeVar, cast

import msgspec

from core.errors import DagsterInvariantViolationError

T = TypeVar("T")


_PLAIN_TYPES: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
)
"""What instances of subclasses are stored as, whatever these say of themselves."""


def _plain(value: object) -> object:
    """JSON for what msgspec does not know: the user's own values inside configs and tags."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    for plain, as_plain in _PLAIN_TYPES:
        if isinstance(value, plain):
            return as_plain(value)
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()  # type: ignore[attr-defined]  # a number, which JSON may hold or not
    raise DagsterInvariantViolationError(
        f"A value of type {type(value).__name__} cannot be stored as JSON; use str, int, float, bool, None, dict and "
        "list."
    )


_encoder = msgspec.json.Encoder(enc_hook=_plain)


@cache
def _decoder(record_type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(record_type)


def to_json(record: object, replace_surrogates: bool = False) -> str:
    r"""A record or plain value as JSON text.

    Args:
        record: what to write.
        replace_surrogates: writes lone surrogates, which come from file names that are not UTF-8, as `\udcXX`.

    Raises:
        DagsterInvariantViolationError: it holds something that JSON cannot.

    Example:
        >>> from core import PipelineRun
        >>> from core.serdes import from_json, to_json
        >>> text = to_json(PipelineRun("count", run_id="a-run", tags={"team": "a"}))
        >>> from_json(PipelineRun, text).tags
        {'team': 'a'}
    """
    try:
        return _encoder.encode(record).decode("utf-8")
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        if replace_surrogates and isinstance(error, UnicodeEncodeError):
            return to_json(_without_surrogates(msgspec.to_builtins(record, enc_hook=_plain)))
        raise DagsterInvariantViolationError(f"Cannot be stored as JSON: {error}") from error


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list | tuple) else value


def from_json(record_type: type[T], text: str | bytes) -> T:
    """The record that `to_json` wrote. Fields it does not know, of a newer release, are left out.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: the text is not such a record.

    Example:
        >>> from core.serdes import from_json
        >>> from_json(dict[str, int], '{"rows": 3}')
        {'rows': 3}
    """
    decoded: T = _decoder(cast(Hashable, record_type)).decode(text)
    return decoded

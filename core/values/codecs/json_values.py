"""The codec of JSON: for values that other programs are to read."""

from __future__ import annotations

import math
from typing import IO, Any

from core.types.pickles import type_name
from core.values.codecs.base import Codec
from core.values.codecs.plain import has_surrogate, write_text

_DEEPEST = 100  # Python ends at 1,000 calls, the stack of the caller and several a level included
_MOST_INT_BITS = 14_000  # Python reads numbers of up to 4,300 digits: sys.set_int_max_str_digits


class JsonCodec(Codec):
    """None, bool, int, finite float, str, and lists and dicts of them with str keys: what JSON gives back unchanged."""

    name = "json"
    content_type = "application/json"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        import json  # 2 ms to import; few values are stored as JSON

        self.check(value)
        write_text(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")), stream)

    def decode(self, stream: IO[bytes]) -> Any:
        import json

        return json.loads(stream.read().decode())

    def refusal(self, value: Any) -> str | None:
        return _refusal(value, ())


def _refusal(value: object, path: tuple[object, ...]) -> str | None:
    if len(path) > _DEEPEST:
        return f"values that are nested more than {_DEEPEST} levels deep or contain themselves"
    # By exact type: an IntEnum or OrderedDict would come back as an int or a dict.
    match value:
        case None | True | False:
            return None
        case str() if type(value) is str:
            return f"the lone surrogate in the text{_at(path)}" if has_surrogate(value) else None
        case int() if type(value) is int:
            too_long = value.bit_length() > _MOST_INT_BITS
            return f"the int of {value.bit_length()} bits{_at(path)}" if too_long else None
        case float() if type(value) is float:
            return None if math.isfinite(value) else f"the float {value}{_at(path)}"
        case list() if type(value) is list:
            return _first(_refusal(item, (*path, index)) for index, item in enumerate(value))
        case dict() if type(value) is dict:
            return _first(_refusal_of_item(key, item, path) for key, item in value.items())
    return f"the {type_name(value)}{_at(path)}"


def _refusal_of_item(key: object, item: object, path: tuple[object, ...]) -> str | None:
    if type(key) is not str:
        return f"the {type_name(key)} key {key!r:.60}{_at(path)}"
    if has_surrogate(key):
        return f"the lone surrogate in the key {key!r:.60}{_at(path)}"
    return _refusal(item, (*path, key))


def _first(refusals: Any) -> str | None:
    return next((each for each in refusals if each is not None), None)


def _at(path: tuple[object, ...]) -> str:
    shown = "".join(f"[{step!r:.40}]" for step in path[:8]) + ("..." if len(path) > 8 else "")
    return f" at value{shown}" if path else ""

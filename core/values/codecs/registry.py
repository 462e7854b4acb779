"""Which codec a value is stored with."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError, DagsterMissingExtraError
from core.types import DagsterType
from core.values.codecs.arrays import NpyCodec
from core.values.codecs.base import Codec
from core.values.codecs.json_values import JsonCodec
from core.values.codecs.plain import BytesCodec, PickleCodec, TextCodec
from core.values.codecs.tables import ParquetCodec

CODEC_KEY = "codec"
"""The key of an output's metadata that names its codec: `OutputDefinition(metadata={"codec": "json"})`."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_PICKLE = PickleCodec()
_by_name: dict[str, Codec] = {}
_by_type: dict[type, Codec] = {}
# Libraries are not imported for these: a process that has such a value has imported its library.
_by_library_type: dict[tuple[str, str], str] = {
    ("numpy", "ndarray"): NpyCodec.name,
    ("pandas", "DataFrame"): ParquetCodec.name,
    ("polars", "DataFrame"): ParquetCodec.name,
    ("pyarrow", "Table"): ParquetCodec.name,
}


def register_codec(codec: Codec, *python_types: type) -> None:
    r"""Makes a codec known, in this process: import the module that does so wherever values are stored or loaded.

    Args:
        codec: its name must be free, or be that of an object of the same class, which it replaces.
        python_types: values of exactly one of these types, leaving outputs that declare it, are stored with it
            where the output names no codec. The last codec registered for a type has it.

    Raises:
        DagsterInvalidDefinitionError: the name is not valid, or is that of another codec; or a type is not a class.

    Example:
        >>> from core import Codec, OutputDefinition, register_codec
        >>> class LinesCodec(Codec):
        ...     name = "lines"
        ...     def encode(self, value, stream):
        ...         stream.write("\n".join(value).encode())
        ...     def decode(self, stream):
        ...         return stream.read().decode().split("\n")
        >>> register_codec(LinesCodec())
        >>> words = OutputDefinition(list, "words", metadata={"codec": "lines"})
    """
    if not isinstance(codec, Codec):
        raise DagsterInvalidDefinitionError(f"{codec!r} is not a codec; register an instance of a subclass of Codec.")
    name = getattr(codec, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DagsterInvalidDefinitionError(
            f"{name!r} is not a valid codec name; use up to 64 lower-case letters, digits, '.', '_' and '-', and "
            "begin with a letter or digit."
        )
    for each in python_types:
        if not isinstance(each, type):
            raise DagsterInvalidDefinitionError(
                f"Codec {name!r} is registered for {each!r}, which is not a class; values are of classes such as list."
            )
    known = _by_name.get(codec.name)
    if known is not None and type(known).__qualname__ != type(codec).__qualname__:
        raise DagsterInvalidDefinitionError(
            f"A codec {codec.name!r} exists already, of class {type(known).__qualname__}; choose another name."
        )
    _by_name[codec.name] = codec
    _by_type.update(dict.fromkeys(python_types, codec))


def codec_named(name: str) -> Codec:
    """The codec of this name.

    Raises:
        DagsterInvariantViolationError: this process knows no such codec.
    """
    try:
        return _by_name[name]
    except (KeyError, TypeError):  # TypeError: something other than a str may not be hashable
        raise DagsterInvariantViolationError(
            f"There is no codec {name!r}. Known: {', '.join(sorted(_by_name))}. A codec of your own is known once the "
            "module that calls register_codec is imported."
        ) from None


def codecs_for(metadata: Mapping[str, Any], dagster_type: DagsterType, value: Any) -> list[Codec]:
    """The codecs for a value of an output, in the order in which they are to be tried: the one that the output's
    metadata names, alone; else the one for its type, where the output declares that type, and pickle.

    Whether one that comes with this package keeps the value turns out when it encodes it; others have been asked.

    Args:
        metadata: of the output; see `CODEC_KEY`.
        dagster_type: that the output declares.
        value: the value.

    Raises:
        DagsterInvariantViolationError: the metadata names a codec that does not exist.
        ValueNotKeptError: it names one of the user's own that refuses the value.
    """
    if CODEC_KEY in metadata:
        named = codec_named(metadata[CODEC_KEY])
        if named.name not in BUILT_IN:
            named.check(value)
        return [named]
    codec = _codec_of_type(type(value)) if _stands_for(dagster_type, type(value)) else None
    if codec is None or (codec.name not in BUILT_IN and codec.refusal(value) is not None):
        return [_PICKLE]
    return [codec, _PICKLE]


def codec_for(metadata: Mapping[str, Any], dagster_type: DagsterType, value: Any) -> Codec:
    """The first of `codecs_for` that keeps the value; the last one where none does."""
    *preferred, last = codecs_for(metadata, dagster_type, value)
    return next((codec for codec in preferred if _keeps(codec, value)), last)


def _stands_for(dagster_type: DagsterType, cls: type) -> bool:
    declared = dagster_type.typing_type
    if isinstance(declared, str):
        module, _, name = declared.rpartition(".")
        return getattr(sys.modules.get(module), name, None) is cls
    return declared is cls


def _codec_of_type(cls: type) -> Codec | None:
    if cls in _by_type:
        return _by_type[cls]
    for (module, name), codec in _by_library_type.items():
        if getattr(sys.modules.get(module), name, None) is cls:
            return _by_name[codec]
    return None


def _keeps(codec: Codec, value: Any) -> bool:
    try:
        return codec.refusal(value) is None
    except DagsterMissingExtraError:
        return False


register_codec(_PICKLE)
register_codec(JsonCodec())
register_codec(BytesCodec(), bytes)
register_codec(TextCodec(), str)
register_codec(NpyCodec())
register_codec(ParquetCodec())

BUILT_IN = frozenset(_by_name)
"""The names of the codecs that come with this package."""

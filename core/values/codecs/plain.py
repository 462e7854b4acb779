"""Codecs that need no library: pickles, bytes and text."""

from __future__ import annotations

import re
from typing import IO, Any

from core.types import pickles
from core.types.pickles import type_name
from core.values.codecs.base import Codec

_SLICE_CHARACTERS = 1 << 20
_SURROGATES = re.compile("[\ud800-\udfff]")


class PickleCodec(Codec):
    """Whatever pickle takes. Decoding runs code that the bytes name."""

    name = "pickle"
    content_type = "application/vnd.python.pickle"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        pickles.dump(value, stream)

    def decode(self, stream: IO[bytes]) -> Any:
        return pickles.load(stream)


class BytesCodec(Codec):
    """`bytes` as they are."""

    name = "bytes"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        self.check(value)
        stream.write(value)

    def decode(self, stream: IO[bytes]) -> Any:
        return stream.read()

    def refusal(self, value: Any) -> str | None:
        return None if type(value) is bytes else f"a {type_name(value)}, only bytes"


class TextCodec(Codec):
    """`str` as UTF-8."""

    name = "text"
    content_type = "text/plain; charset=utf-8"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        self.check(value)
        write_text(value, stream)

    def decode(self, stream: IO[bytes]) -> Any:
        return stream.read().decode()

    def refusal(self, value: Any) -> str | None:
        if type(value) is not str:
            return f"a {type_name(value)}, only str"
        return "a lone surrogate, which UTF-8 cannot write" if has_surrogate(value) else None


def has_surrogate(text: str) -> bool:
    """Whether a text has code points that no UTF-8 stands for."""
    return not text.isascii() and _SURROGATES.search(text) is not None


def write_text(text: str, stream: IO[bytes]) -> None:
    """Writes a text as UTF-8, in slices, so that it is not held twice."""
    for start in range(0, len(text), _SLICE_CHARACTERS):
        stream.write(text[start : start + _SLICE_CHARACTERS].encode())

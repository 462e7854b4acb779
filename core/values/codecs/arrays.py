"""The codec of NumPy arrays: `.npy`.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

from typing import IO, Any

from core.types.pickles import type_name
from core.values.codecs.base import Codec, library

_VERSION = (3, 0)  # says its field names in UTF-8; NumPy reads it since 1.17, and warns of it only when it chose itself
_LONGEST_DESCRIPTION = 9_000  # NumPy reads headers of up to 10,000 characters


class NpyCodec(Codec):
    """Arrays of `numpy.ndarray` itself, of any type but objects; written and read in slices."""

    name = "npy"
    content_type = "application/x-npy"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        self.check(value)
        library("numpy.lib.format", self.name).write_array(stream, value, version=_VERSION, allow_pickle=False)

    def decode(self, stream: IO[bytes]) -> Any:
        return library("numpy.lib.format", self.name).read_array(stream, allow_pickle=False)

    def refusal(self, value: Any) -> str | None:
        numpy, npy = library("numpy", self.name), library("numpy.lib.format", self.name)
        if type(value) is not numpy.ndarray:
            return f"a {type_name(value)}, only numpy.ndarray itself"
        dtype = value.dtype
        if dtype.hasobject:
            return f"an array of Python objects (dtype {dtype})"
        if dtype.metadata is not None:
            return f"the metadata of dtype {dtype}"
        try:
            description = npy.dtype_to_descr(dtype)
            restored = npy.descr_to_dtype(description)
        except (ValueError, TypeError, SyntaxError) as error:  # of fields that overlap, are out of order, ...
            return f"arrays of dtype {dtype} ({error!s:.300})"
        if len(repr(description)) > _LONGEST_DESCRIPTION:
            return f"a dtype that takes more than {_LONGEST_DESCRIPTION} characters to describe"
        # What a dtype is pickled as has more than == compares: titles, alignment.
        if restored != dtype or restored.__reduce__() != dtype.__reduce__():
            return f"arrays of dtype {dtype}"
        return None

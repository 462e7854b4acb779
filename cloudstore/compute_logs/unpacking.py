"""Reading gzip from a bucket, where anybody may have put it: within bounds, and to its end or not at all."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from core.errors import DagsterObjectCorruptError

_GZIP = 31  # for zlib: the largest window, with a header of gzip
_CHUNK_BYTES = 1 << 20


def unpacked(chunks: Iterable[bytes], url: str, most_bytes: int) -> Iterator[bytes]:
    """What gzip holds, in pieces of at most 1 MiB.

    Args:
        chunks: the gzip.
        url: the object that it is, for messages.
        most_bytes: as much as it may hold.

    Raises:
        DagsterObjectCorruptError: it holds more, is cut, is no gzip, or goes on after its end.
    """
    inflater, size = zlib.decompressobj(_GZIP), 0
    for left in chain(chunks, [b""]):
        while content := _inflated(inflater, left, url):
            left = inflater.unconsumed_tail
            size += len(content)
            if size > most_bytes:
                raise _corrupt(url, f"holds more than {most_bytes:,} bytes, which no log of its size does")
            yield content
    if not inflater.eof:
        raise _corrupt(url, "is cut")


def _inflated(inflater: zlib._Decompress, packed: bytes, url: str) -> bytes:
    if inflater.eof and (packed or inflater.unused_data):
        raise _corrupt(url, "goes on after its end")
    try:
        return inflater.decompress(packed, _CHUNK_BYTES)
    except zlib.error:
        raise _corrupt(url, "is not gzip") from None


def _corrupt(url: str, what: str) -> DagsterObjectCorruptError:
    return DagsterObjectCorruptError(f"{url} {what}, so it is not read as a log. Find out who wrote it, or delete it.")

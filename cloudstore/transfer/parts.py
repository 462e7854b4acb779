"""The parts that large objects are sent in: how large they are, and cutting streams and files into them."""

from __future__ import annotations

import io
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, cast

from core.disk.file_slice import FileSlice

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
MAX_PART_BYTES = 5 << 30

PART_BYTES = 16 << 20
PARTS_IN_FLIGHT = 4

_PARTS_OF_ONE_SIZE = 1000
_CHUNK_BYTES = 1 << 20


def part_bytes(number: int) -> int:
    """The size in bytes of the part with this number (from 1): small at first, and 5 TiB within 10,000 parts."""
    return min(PART_BYTES << (number - 1) // _PARTS_OF_ONE_SIZE, MAX_PART_BYTES)


def most_in_flight(number: int) -> int:
    """How many parts to hold when this one is the largest: 64 MiB of them, but two at least, to read while sending."""
    return max(2, PARTS_IN_FLIGHT * PART_BYTES // part_bytes(number))


def parts_of_stream(stream: IO[bytes]) -> Iterator[io.BytesIO]:
    """The rest of a stream, a part at a time, without end: the parts after the last one are empty."""
    return (_read_part(stream, part_bytes(number)) for number in itertools.count(1))


def parts_of_file(file: IO[bytes], start: int, end: int) -> Iterator[IO[bytes]]:
    """The bytes of a file of the system's, or in memory, from `start` up to `end`; they are read as they are sent."""
    part = _part_of(file)
    numbers = itertools.count(1)
    while start < end:
        length = min(part_bytes(next(numbers)), end - start)
        yield part(start, length)
        start += length


def _part_of(file: IO[bytes]) -> Callable[[int, int], IO[bytes]]:
    """What gives the part of a file with this start and length."""
    if isinstance(file, io.BytesIO):
        content = file.getbuffer()
        return lambda start, length: io.BytesIO(content[start : start + length])
    if isinstance(file, FileSlice):
        return cast("Callable[[int, int], IO[bytes]]", file.part)
    return cast("Callable[[int, int], IO[bytes]]", partial(FileSlice, file.fileno()))


def left_in_file(stream: IO[bytes]) -> int:
    """How many bytes a file of the system's has from its position on; 0 for any other stream."""
    raw = stream.raw if isinstance(stream, io.BufferedReader) else stream
    if not isinstance(raw, io.FileIO) or not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        return 0
    return os.fstat(raw.fileno()).st_size - stream.tell()


def length_of(part: IO[bytes]) -> int:
    """The length of a part in bytes; its position is at its end then."""
    return part.seek(0, os.SEEK_END)


def _read_part(stream: IO[bytes], size: int) -> io.BytesIO:
    """The next `size` bytes of `stream`; fewer at its end only."""
    part = io.BytesIO()
    while (left := size - part.tell()) and (chunk := stream.read(min(left, _CHUNK_BYTES))):
        part.write(chunk)
    return part

"""Whole objects into memory, by several ranges at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from typing import TYPE_CHECKING

from cloudstore.s3.errors import answer_to, code_of
from cloudstore.transfer.content import Content
from cloudstore.transfer.resuming import RANGE_BYTES, PinnedObject, ResumingBody
from core.errors import DagsterObjectStoreError

if TYPE_CHECKING:
    from hashlib import _Hash

    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

RANGES_AT_ONCE = 4


def get_content(client: S3Client, bucket: str, key: str, let_in: Callable[[int], None] | None = None) -> Content:
    """Fetches an object into memory: in one request up to 16 MiB, further ranges of 16 MiB four at a time.

    All of it comes from one object, also where that is replaced meanwhile: then this raises. (An empty object takes a
    second request: it has no range, and no store sends its metadata when it says so. Where it lacks metadata, the
    answer may have been cut; see `cloudstore.values.load`.)

    Args:
        let_in: called with the size in bytes, once it is known and before memory is taken; returns when it may be.

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """
    source = PinnedObject(client, bucket, key)
    answer, body = _beginning(source)
    with closing(body):
        if let_in is not None:
            let_in(source.size_bytes)
        content = Content(source.size_bytes, answer["Metadata"], source.etag, source.crc32)
        content.sha256 = _Fetch(source, content).run(body)
    return content


def _beginning(source: PinnedObject) -> tuple[GetObjectOutputTypeDef, ResumingBody]:
    try:
        return source.get(Range=f"bytes=0-{RANGE_BYTES - 1}")
    except DagsterObjectStoreError as error:
        if code_of(answer_to(error)) not in ("InvalidRange", "416"):
            raise
        return source.get()  # an empty object has no bytes to ask for


class _Fetch:
    """One object on its way into memory."""

    def __init__(self, source: PinnedObject, content: Content) -> None:
        self._source, self._content = source, content
        self._stop = Event()

    def run(self, beginning: ResumingBody) -> str:
        """Reads everything, and returns its SHA-256, which is computed while later ranges arrive."""
        first, size = beginning.end, self._source.size_bytes
        spans = [(start, min(start + RANGE_BYTES, size)) for start in range(first, size, RANGE_BYTES)]
        hasher = hashlib.sha256()
        pool = ThreadPoolExecutor(RANGES_AT_ONCE, thread_name_prefix="s3-range")
        try:
            others = [pool.submit(self._fill_range, start, end) for start, end in spans]
            self._fill(beginning, 0, first)
            self._hash(hasher, 0, first)
            for other, (start, end) in zip(others, spans, strict=True):
                other.result()
                self._hash(hasher, start, end)
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
        return hasher.hexdigest()

    def _fill_range(self, start: int, end: int) -> None:
        with closing(self._source.open(start, end)) as body:
            self._fill(body, start, end)

    def _fill(self, body: ResumingBody, start: int, end: int) -> None:
        for part in self._content.slices(start, end):
            while part and not self._stop.is_set():
                part = part[body.readinto(part) :]

    def _hash(self, hasher: _Hash, start: int, end: int) -> None:
        for part in self._content.slices(start, end):
            hasher.update(part)

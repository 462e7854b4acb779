"""One log on its way to the bucket: segments while it is written, one object when it is complete."""

from __future__ import annotations

import gzip
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from cloudstore import transfer
from cloudstore.compute_logs.masking import Masker
from cloudstore.compute_logs.objects import SEGMENTS, STREAMS, UNPACKED_BYTES, is_segment, segment_key
from core.compute_logs.pieces import open_log
from core.disk.file_slice import FileSlice

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONTENT_TYPE = "text/plain; charset=utf-8"

_CHUNK_BYTES = 1 << 20
_SPOOL_BYTES = 16 << 20


@dataclass(frozen=True)
class Packing:
    """How the bytes of logs are changed on their way.

    Attributes:
        masker: makes one that hides a run's secrets.
        is_gzipped: whether they are compressed.
    """

    masker: Callable[[], Masker]
    is_gzipped: bool


class LogStream:
    """A log file that is shipped. One thread at a time uses it.

    Args:
        path: the file; it need not be there yet.
        key: that of the complete log.
        packing: how bytes are changed.
        most_bytes: bytes after the first `most_bytes` are not shipped before the log is complete; None for no limit.
        may_have_segments: whether another process may have shipped some.
    """

    def __init__(
        self, path: Path, key: str, packing: Packing, most_bytes: int | None, may_have_segments: bool = False
    ) -> None:
        self.path = path
        self.key = key
        self._packing = packing
        self._most_bytes = most_bytes
        self._may_have_segments = may_have_segments
        self._segments: list[str] = []
        self._masker: Masker | None = None
        self._read_bytes = 0
        self._told_bytes = 0
        self._untold = b""
        self._is_ended = False
        self._is_there = False
        self._metadata: dict[str, str] = {}

    def end(self, shipped_with: Sequence[LogStream]) -> None:
        """Nothing will be added to the file.

        Args:
            shipped_with: the streams of this attempt at the step that are shipped, this one too.
        """
        self._is_there = self.path.exists()  # if it is not later, somebody else has shipped it, or deleted the run
        self._is_ended = True  # before the masker goes: no segment is begun with another one
        self._untold, self._masker = b"", None  # in an outage many logs wait
        self._metadata = {STREAMS: " ".join(sorted(each.path.suffix for each in shipped_with))}

    def new_bytes(self) -> int:
        """How many bytes were written that were not read yet."""
        size = self._size_bytes()
        return (size if self._most_bytes is None else min(size, self._most_bytes)) - self._read_bytes

    @property
    def is_empty(self) -> bool:
        """bool: whether nothing was written at all."""
        return self._size_bytes() == 0

    def _size_bytes(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def ship_segment(self, client: S3Client, bucket: str, most_bytes: int) -> None:
        """Ships the bytes that are not shipped yet as one object; at most `most_bytes` of them.

        Raises:
            DagsterObjectStoreError: it could not be stored; the same bytes are shipped the next time.
            OSError: the file cannot be read.
        """
        untold = self._untold or self._read_on(most_bytes)
        if not untold:
            return
        key = segment_key(self.key, self._told_bytes, self._packing.is_gzipped)
        self._segments.append(key)  # first: the segment may be there even if the answer is lost
        try:
            content = gzip.compress(untold) if self._packing.is_gzipped else untold
            transfer.put_bytes(client, bucket, key, content, content_type=CONTENT_TYPE)
        except BaseException:
            self._untold = b"" if self._is_ended else untold
            raise
        self._told_bytes += len(untold)
        self._untold = b""

    def _read_on(self, most_bytes: int) -> bytes:
        masker = self._masker or self._packing.masker()
        if self._is_ended:
            return b""
        self._masker = masker
        with suppress(FileNotFoundError), open_log(self.path) as file:
            file.seek(self._read_bytes)
            raw = file.read(min(most_bytes, max(0, self.new_bytes())))
            self._read_bytes += len(raw)
            return masker.feed(raw)
        return b""

    def ship_whole(self, client: S3Client, bucket: str) -> None:
        """Ships the complete log as one object, and deletes its segments.

        Raises:
            DagsterObjectStoreError: it could not be stored, or a segment not be deleted; doing it again is harmless.
            OSError: the file cannot be read, or the disk is full.
        """
        encoding = "gzip" if self._packing.is_gzipped else None
        with self._packed() as content:
            if content is None:
                return
            transfer.put_file(
                client,
                bucket,
                self.key,
                content,
                content_type=CONTENT_TYPE,
                content_encoding=encoding,
                metadata=self._metadata,
                in_one=True,
            )
        if self._may_have_segments:
            found = transfer.list_objects(client, bucket, self.key + SEGMENTS)
            self._segments = [each.key for each in found if is_segment(each.key)]
        transfer.delete_objects(client, bucket, self._segments)

    @contextmanager
    def _packed(self) -> Iterator[IO[bytes] | None]:
        """The whole log as it is to be stored; None where another process has shipped it and deleted the file."""
        masker = self._packing.masker()
        with ExitStack() as stack:
            try:
                file: IO[bytes] = stack.enter_context(open_log(self.path))
            except FileNotFoundError:
                if self._is_there or not self.path.parent.exists():
                    yield None
                    return
                file = stack.enter_context(tempfile.TemporaryFile())  # nothing was written
            # As long as it is now: something that the step left running may still write.
            content = FileSlice(file.fileno(), 0, os.fstat(file.fileno()).st_size)
            if masker.is_idle and not self._packing.is_gzipped:
                yield cast("IO[bytes]", content)
                return
            if self._packing.is_gzipped:
                self._metadata[UNPACKED_BYTES] = str(content.seek(0, os.SEEK_END))  # masking changes no length
                content.seek(0)
            spool = stack.enter_context(tempfile.SpooledTemporaryFile(_SPOOL_BYTES))
            with gzip.open(spool, "wb") if self._packing.is_gzipped else nullcontext(spool) as sink:
                while chunk := content.read(_CHUNK_BYTES):
                    sink.write(masker.feed(chunk))
                sink.write(masker.feed(b"", is_last=True))
            yield cast("IO[bytes]", spool)

"""Where the logs of a run are in a bucket, and reading them there."""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudstore import transfer
from cloudstore.compute_logs.unpacking import unpacked
from cloudstore.s3.errors import answer_to, code_of, translate_errors
from cloudstore.s3.keys import join_key, s3_url
from core.compute_logs.names import IO_TYPE_EXTENSION, ComputeIOType, attempt_suffix
from core.disk.atomic_file import atomic_write
from core.disk.deleting import entries_of
from core.disk.private import make_folder as make_private_folder
from core.errors import DagsterObjectCorruptError, DagsterObjectNotFoundError, DagsterStorageError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SEGMENTS = ".parts/"

LARGEST_SEGMENT_BYTES = 8 << 20  # kept in memory as long as it cannot be shipped
_MOST_SEGMENT_BYTES = (
    2 * LARGEST_SEGMENT_BYTES
)  # what was held back before, because it may be part of a secret, comes on top

UNPACKED_BYTES = "unpacked-bytes"  # metadata of a packed log: how much it holds
_LEAST_LIMIT_BYTES, _MOST_RATIO = 64 << 20, 100  # of a log without that metadata

STREAMS = "streams"  # metadata of a log that is complete: of which streams of its step there are objects

_PACKED = ".gz"
_COPY = ".copy-"

_SEGMENT_NAME = rf"[0-9]{{20}}(?:{re.escape(_PACKED)})?"
_SEGMENT = re.compile(rf"{re.escape(SEGMENTS)}{_SEGMENT_NAME}\Z")
_EXTENSIONS = "|".join(IO_TYPE_EXTENSION.values())
_LOG = re.compile(rf"/compute_logs/[^/]+\.({_EXTENSIONS})({re.escape(SEGMENTS)}{_SEGMENT_NAME})?\Z")


@dataclass(frozen=True)
class LogPlaces:
    """The keys of logs.

    A log that is complete is one object, `{prefix}/storage/{run_id}/compute_logs/{step_key}.out` or `.err`, with `(2)`
    behind the step's key for its second attempt. Until then its segments are below that key with `.parts/` behind it,
    each under the place in the log at which it begins, of 20 digits, with `.gz` behind it where it is packed.

    Attributes:
        bucket: the bucket.
        prefix: where in the bucket.
    """

    bucket: str
    prefix: str

    def of_run(self, run_id: str) -> str:
        """What the keys of all logs of a run begin with."""
        return _folder_of(self.prefix, run_id) + "/"

    def of_log(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int) -> str:
        """The key of a log that is complete."""
        ending = f"{attempt_suffix(attempt)}.{IO_TYPE_EXTENSION[io_type]}"
        return join_key(_folder_of(self.prefix, run_id), key, ending=ending)

    def is_log(self, key: str) -> bool:
        """Whether a key below `of_run` is of a log or of a segment; a run's values may be there too."""
        return _LOG.search(key) is not None


@lru_cache(maxsize=64)
def _folder_of(prefix: str, run_id: str) -> str:
    return join_key(prefix, "storage", run_id, "compute_logs")


def segment_key(log_key: str, start: int, is_packed: bool) -> str:
    """The key of a segment of the log with the key `log_key`, which begins at its byte `start`."""
    return f"{log_key}{SEGMENTS}{start:020d}{_PACKED if is_packed else ''}"


def fetch_log(client: S3Client, bucket: str, key: str, path: Path, make_folder: Callable[[], None]) -> Path | None:
    """Copies a log that is complete to the disk, unless it is there already.

    The name of the copy has the ETag of its object, so that copies of a log that was replaced are recognized, and
    deleted. The copy appears whole or not at all.

    Args:
        client: a boto3 S3 client.
        bucket: the bucket.
        key: of the log.
        path: where the log was written, or would have been; copies are beside it.
        make_folder: called before something is written to the disk.

    Returns:
        The copy; None where the log is not in the bucket.

    Raises:
        DagsterObjectStoreError: as `cloudstore.s3.errors.translate_errors`; of a missing bucket too.
    """
    found = _head(client, bucket, key)
    if found is None:
        return None
    begin = f"{_COPY}{_short_hash(path.name)}-"
    copy = path.with_name(f"{begin}{_short_hash(found['ETag'])}{path.suffix}")
    if not copy.exists():
        for older in (each for each in entries_of(path.parent) if each.name.startswith(begin)):
            older.unlink(missing_ok=True)
        make_folder()
        make_private_folder(copy.parent)
        if found.get("ContentEncoding") == "gzip":
            _download_packed(client, bucket, key, copy, found)
        else:
            transfer.download(client, bucket, key, copy)
    return copy


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _download_packed(client: S3Client, bucket: str, key: str, path: Path, head: Any) -> None:
    most_bytes = _most_unpacked(head, path, s3_url(bucket, key))
    packed = path.with_name(f".partial-{uuid.uuid4().hex}.gz")  # of its own: two may fetch one log at once
    try:
        transfer.download(client, bucket, key, packed)
        with packed.open("rb") as content, atomic_write(path) as file:
            file.writelines(unpacked(iter(lambda: content.read(1 << 20), b""), s3_url(bucket, key), most_bytes))
    finally:
        packed.unlink(missing_ok=True)


def _most_unpacked(head: Any, path: Path, url: str) -> int:
    """How much a packed log may hold: what its writer says, or what its size allows; and what the disk has room for."""
    said = head["Metadata"].get(UNPACKED_BYTES, "")
    limit = int(said) if said.isascii() and said.isdigit() and len(said) < 20 else _limit_by_size(head["ContentLength"])
    room = shutil.disk_usage(path.parent).free // 2
    if said and limit > room:
        raise DagsterStorageError(f"{url} holds {limit:,} bytes, for which {path.parent} has no room. Make room there.")
    return min(limit, room)


def _limit_by_size(packed_bytes: int) -> int:
    return max(_LEAST_LIMIT_BYTES, _MOST_RATIO * packed_bytes)


def are_complete(client: S3Client, bucket: str, keys: Sequence[str]) -> bool:
    """Whether the logs of all streams of a step that has any are there, by a HEAD of each key.

    Raises:
        DagsterObjectStoreError: as `fetch_log`.
    """
    found = {key: head for key in keys if (head := _head(client, bucket, key)) is not None}
    endings = {ending for head in found.values() for ending in head["Metadata"].get(STREAMS, "").split()}
    return bool(found) and all(key in found for key in keys if key.endswith(tuple(endings)))


def _head(client: S3Client, bucket: str, key: str) -> Any:
    try:
        with translate_errors("HeadObject", bucket, key):
            return client.head_object(Bucket=bucket, Key=key)
    except DagsterObjectNotFoundError as error:
        if code_of(answer_to(error)) == "NoSuchBucket":
            raise
        return None


def read_segments(client: S3Client, bucket: str, key: str, cursor: int, max_bytes: int) -> tuple[bytes, int] | None:
    """What the segments of a log hold from a place on.

    Args:
        client: a boto3 S3 client.
        bucket: the bucket.
        key: of the log.
        cursor: the place, in bytes.
        max_bytes: the maximum number of bytes.

    Returns:
        The bytes, and how large the log is at least; None where there are no segments, or they went meanwhile: the log
        is complete, or nothing of it was shipped yet.
    """
    raw, size = b"", 0
    segments = [each for each in sorted(transfer.list_objects(client, bucket, key + SEGMENTS)) if is_segment(each.key)]
    if not segments:
        return None
    for segment, following in itertools.zip_longest(segments, segments[1:]):
        start = _start_of(segment.key)
        if start > cursor + len(raw):
            break  # what was before it went, or it is none of this log's
        size = max(size, start + segment.size_bytes)
        if segment.key.endswith(_PACKED):
            is_before = following is not None and _start_of(following.key) <= cursor
        else:
            is_before = following is not None and start + segment.size_bytes <= cursor
        if is_before or len(raw) >= max_bytes:
            continue
        try:
            content = _read_segment(client, bucket, segment)
        except DagsterObjectNotFoundError:
            return None
        size = max(size, start + len(content))
        raw += content[cursor + len(raw) - start :]
    else:
        return raw[:max_bytes], size
    return (raw[:max_bytes], cursor + len(raw)) if raw else None


def is_segment(key: str) -> bool:
    """Whether a key below a log's is one that a segment has; others may have put things there."""
    return _SEGMENT.search(key) is not None


def _start_of(key: str) -> int:
    return int(key.rpartition("/")[2].removesuffix(_PACKED))


def _read_segment(client: S3Client, bucket: str, segment: transfer.ListedObject) -> bytes:
    url = s3_url(bucket, segment.key)
    if segment.size_bytes > _MOST_SEGMENT_BYTES:
        raise DagsterObjectCorruptError(
            f"{url} has {segment.size_bytes:,} bytes, more than any part of a log. Find out who wrote it, or delete it."
        )
    content = transfer.get_bytes(client, bucket, segment.key)
    is_packed = segment.key.endswith(_PACKED)
    return b"".join(unpacked([content], url, _MOST_SEGMENT_BYTES)) if is_packed else content

"""Values as objects: encoded, summed and signed on the way out, verified before they are decoded on the way in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, cast

from cloudstore import transfer
from cloudstore.values.head import head
from cloudstore.values.in_memory import MemoryShares
from cloudstore.values.metadata import CODEC, SHA256, by_run, fault_of, metadata_of, no_value
from cloudstore.values.place import Place, bare_stamp, stamp_of
from core.disk.hashing import HashingWriter
from core.disk.spool import Spool
from core.errors import (
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterObjectStoreError,
)
from core.values.codecs import Codec, codec_named
from core.values.loading import told_where

_FORMER_CODEC = "pickle"  # of release 0.1, which recorded none
_MOST_ATTEMPTS = 8
_shares = MemoryShares()
_EMPTY_ATTEMPTS = 3


@dataclass(frozen=True)
class WrittenValue:
    """A value that is stored now.

    Attributes:
        is_new: False where the value that was already there was kept.
        stamp: tells it from any other at its place (see `stamp_of`); None where the store did not say its ETag.
    """

    is_new: bool
    stamp: str | None


def store(place: Place, value: Any, codec: Codec, *, run_id: str | None = None, once: bool = False) -> WrittenValue:
    """Stores a value as one object that appears whole: one request up to 16 MiB, and up to 5 GiB with `once`.

    Args:
        run_id: recorded with it.
        once: keep a whole value that is there already, and replace a damaged one (see `head`).

    Raises:
        core.values.codecs.ValueNotKeptError: the codec would change the value.
        DagsterObjectStoreError: as `cloudstore.s3.errors.translate_errors`. What encoding raises passes unchanged.
    """
    with Spool() as spool:
        return stage(place, value, codec, spool, run_id=run_id, once=once)()


def stage(
    place: Place, value: Any, codec: Codec, spool: Spool, *, run_id: str | None = None, once: bool = False
) -> Callable[[], WrittenValue]:
    """Encodes a value into a spool, as it is now; what is returned stores it. Otherwise as `store`."""
    with spool.writing() as spooled:
        writer = HashingWriter(cast("IO[bytes]", spooled))
        codec.encode(value, cast("IO[bytes]", writer))
    metadata = metadata_of(place, codec.name, writer.digest().hex(), writer.size_bytes, run_id)
    details: dict[str, Any] = {"content_type": codec.content_type, "metadata": metadata}

    def put() -> WrittenValue:
        file = spooled.reading()
        if once:
            return _put_once(place, file, writer.size_bytes, details)
        written = transfer.put_file(place.client, place.bucket, place.key, file, **details)
        return _new_value(place, written, writer.size_bytes)

    return put


def load(place: Place, known: str | None = None) -> Any:
    """The value of an object, in one request up to 16 MiB. Nothing of it is decoded before all of it is verified.

    Args:
        known: the stamp of the value that was there, if that is known. An object without metadata, as release 0.1 made
            them, must then be that very value.

    Raises:
        S3UntrustedValueError: values are signed, and it is not, or not for this key.
        DagsterObjectCorruptError: its content is not what was stored.
        DagsterObjectNotLoadableError: no value can be made of its content, or this process knows no codec of its name.
        DagsterObjectStoreError: as `cloudstore.s3.errors.translate_errors`.
    """
    with _shares.share() as let_in:
        content, codec = checked_content(place, known, let_in)
        with content.open() as stream, told_where(place.url):
            return codec.decode(stream)


def checked_content(
    place: Place, known: str | None = None, let_in: Callable[[int], None] | None = None
) -> tuple[transfer.Content, Codec]:
    """The content of an object, once verified, and its codec; as `load`, which decodes it."""
    for attempt in range(1, _EMPTY_ATTEMPTS + 1):
        content = transfer.get_content(place.client, place.bucket, place.key, let_in)
        try:
            return content, _checked_codec(place, content, known)
        except DagsterObjectCorruptError:
            # Where no content follows the headers of an answer, they may have been cut without a trace.
            if content.size_bytes or attempt == _EMPTY_ATTEMPTS:
                raise
    raise AssertionError("the last attempt returned or raised")


def _checked_codec(place: Place, content: transfer.Content, known: str | None) -> Codec:
    fault = fault_of(place, content.metadata, content.size_bytes)
    if fault:
        raise fault
    expected = content.metadata.get(SHA256)
    if expected is None and known not in (None, bare_stamp(content.etag, content.size_bytes)):
        raise no_value(place)
    if expected is not None and expected != content.sha256:
        raise DagsterObjectCorruptError(
            f"The content of {place.url} has the SHA-256 {content.sha256}, but {expected} was stored "
            f"{by_run(content.metadata)}. Restore the object, or execute that step again."
        )
    if expected is None and not content.has_stored_crc32():
        raise DagsterObjectCorruptError(
            f"The bytes read from {place.url} do not have the checksum that was stored with them."
        )
    with told_where(place.url):
        return codec_named(content.metadata.get(CODEC, _FORMER_CODEC))


def _put_once(place: Place, file: IO[bytes], size_bytes: int, details: dict[str, Any]) -> WrittenValue:
    client, bucket, key = place.client, place.bucket, place.key
    for _ in range(_MOST_ATTEMPTS):
        if written := transfer.put_file(client, bucket, key, file, if_absent=True, **details):
            return _new_value(place, written, size_bytes)
        found = head(place)
        if found is None:  # deleted just now
            continue
        if found.fault is None:
            return WrittenValue(False, found.stamp)
        try:
            if written := transfer.put_file(client, bucket, key, file, if_match=found.etag, **details):
                return _new_value(place, written, size_bytes)
        except DagsterObjectNotFoundError:
            continue
    raise DagsterObjectStoreError(f"{place.url} was changed again and again while a value was stored there. Try again.")


def _new_value(place: Place, written: transfer.WrittenObject | None, size_bytes: int) -> WrittenValue:
    etag = written.etag if written else None
    return WrittenValue(True, stamp_of(place, etag, size_bytes) if etag else None)

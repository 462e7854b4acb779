"""Values as objects: encoded, summed and signed on the way out, verified before they are decoded on the way in."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, cast

from cloudstore import transfer
from cloudstore.s3.keys import decode_name, encode_name, s3_url
from cloudstore.values.signing import Signer
from core.errors import (
    DagsterInvariantViolationError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterObjectStoreError,
)
from core.values.codecs import Codec, codec_named

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SHA256, CODEC, SIZE = "cloudstore-sha256", "cloudstore-codec", "cloudstore-bytes"
RUN_ID, SIGNATURE = "cloudstore-run-id", "cloudstore-signature"
SPOOL_BYTES = 16 << 20

_FORMER_CODEC = "pickle"  # of release 0.1, which recorded none
_SLICE_BYTES = 1 << 20
_LONGEST_RUN_ID = 256  # metadata is at most 2 KiB, and this is for people
_ATTEMPTS = 8
_EMPTY_ATTEMPTS = 3
_TRUST_DIGITS = 16


class S3UntrustedValueError(DagsterObjectCorruptError):
    """Values are signed, and this object has no signature of a known key for its key, codec and content."""


@dataclass(frozen=True)
class StoredValue:
    """A value that is stored now.

    Attributes:
        is_new: False where one that was there was kept.
        stamp: tells it from any other at its place (see `stamp_of`); None where the store did not tell enough.
    """

    is_new: bool
    stamp: str | None


@dataclass(frozen=True)
class Place:
    """Where a value is or will be, and how it is trusted.

    Attributes:
        client: a boto3 S3 client.
        bucket: the bucket.
        key: the object's exact key.
        signer: signs what is stored, and must accept what is loaded; None where values are not signed.
    """

    client: S3Client
    bucket: str
    key: str
    signer: Signer | None = None

    @property
    def url(self) -> str:
        """str: for messages."""
        return s3_url(self.bucket, self.key)


def store(place: Place, value: Any, codec: Codec, *, run_id: str | None = None, once: bool = False) -> StoredValue:
    """Stores a value as one object that appears whole: one request up to 16 MiB, and up to 5 GiB with `once`.

    Args:
        run_id: recorded with it.
        once: keep a whole value that is there already, and replace one that is not (see `has`).

    Raises:
        core.values.codecs.ValueNotKeptError: the codec would change the value.
        DagsterObjectStoreError: as `cloudstore.s3.errors.translate_errors`. What encoding raises passes unchanged.
    """
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        writer = _SummingWriter(cast("IO[bytes]", spool))
        codec.encode(value, cast("IO[bytes]", writer))
        metadata = _metadata(place, writer, codec, run_id)
        file = cast("IO[bytes]", spool)
        details: dict[str, Any] = {"content_type": codec.content_type, "metadata": metadata}
        if once:
            return _put_once(place, file, writer.size, details)
        written = transfer.put_file(place.client, place.bucket, place.key, file, **details)
        return _new_value(place, written, writer.size)


def load(place: Place) -> Any:
    """The value of an object, in one request up to 16 MiB. Nothing of it is decoded before all of it is verified.

    Raises:
        S3UntrustedValueError: values are signed, and it is not, or not for this key.
        DagsterObjectCorruptError: its content is not the one that was stored.
        DagsterInvariantViolationError: this process knows no codec of its name.
        DagsterObjectStoreError: as `cloudstore.s3.errors.translate_errors`. What decoding raises passes unchanged.
    """
    content, codec = checked_content(place)
    with content.open() as stream:
        return codec.decode(stream)


@dataclass(frozen=True)
class FoundObject:
    """What a HEAD tells of an object.

    Attributes:
        metadata: its own metadata.
        size_bytes: its size.
        etag: its ETag.
        fault: why it is no whole value; None where nothing is against it.
    """

    metadata: Mapping[str, str]
    size_bytes: int
    etag: str
    fault: DagsterObjectCorruptError | None = field(compare=False)


def stamp_of(place: Place, etag: str, size_bytes: int) -> str:
    """What tells an object from any other at its place: its ETag and size; and who trusts it, where values are signed.

    So a stamp that was recorded while values were not signed, or were signed with another key, is not this one.
    """
    trust = "" if place.signer is None else f" {place.signer.sign('', '', 'stamp')[:_TRUST_DIGITS]}"  # of no value
    return f"{content_stamp(etag, size_bytes)}{trust}"


def content_stamp(etag: str, size_bytes: int) -> str:
    """What a stamp begins with, whoever trusts the object."""
    return f"{etag} {size_bytes}"


def checked_content(place: Place) -> tuple[transfer.Content, Codec]:
    """The content of an object that is the one that was stored, and its codec; as `load`, which decodes it."""
    for attempt in range(1, _EMPTY_ATTEMPTS + 1):
        content = transfer.get_content(place.client, place.bucket, place.key)
        try:
            return content, _checked_codec(place, content)
        except (DagsterObjectCorruptError, DagsterInvariantViolationError):
            # Where no content follows the headers of an answer, they may have been cut without a trace.
            if content.size_bytes or attempt == _EMPTY_ATTEMPTS:
                raise
    raise AssertionError("the last attempt returned or raised")


def _checked_codec(place: Place, content: transfer.Content) -> Codec:
    fault = _fault(place, content.metadata, content.size_bytes)
    if fault:
        raise fault
    expected = content.metadata.get(SHA256)
    if expected is not None and expected != content.sha256:
        raise DagsterObjectCorruptError(
            f"The content of {place.url} has the SHA-256 {content.sha256}, and {expected} was stored "
            f"{_by_run(content.metadata)}. Restore the object, or execute that step again."
        )
    if expected is None and not content.has_stored_crc32():
        raise DagsterObjectCorruptError(
            f"The bytes read from {place.url} do not have the checksum that was stored with them."
        )
    return codec_named(content.metadata.get(CODEC, _FORMER_CODEC))


def _put_once(place: Place, file: IO[bytes], size_bytes: int, details: dict[str, Any]) -> StoredValue:
    client, bucket, key = place.client, place.bucket, place.key
    for _ in range(_ATTEMPTS):
        if written := transfer.put_file(client, bucket, key, file, if_absent=True, **details):
            return _new_value(place, written, size_bytes)
        found = head(place)
        if found is None:  # deleted just now
            continue
        if found.fault is None:
            return StoredValue(False, stamp_of(place, found.etag, found.size_bytes))
        try:
            if written := transfer.put_file(client, bucket, key, file, if_match=found.etag, **details):
                return _new_value(place, written, size_bytes)
        except DagsterObjectNotFoundError:
            continue
    raise DagsterObjectStoreError(f"{place.url} was changed again and again while a value was stored there. Try again.")


def _new_value(place: Place, written: transfer.WrittenObject | None, size_bytes: int) -> StoredValue:
    etag = written.etag if written else None
    return StoredValue(True, stamp_of(place, etag, size_bytes) if etag else None)


def head(place: Place) -> FoundObject | None:
    """What there is, by one HEAD of the exact key.

    An object that is no value of ours, has another size than was stored, or lacks the signature that loading it takes,
    has a fault. Headers may be cut without a trace: those that lack what values have count when said twice.

    Raises:
        DagsterObjectAccessError: when the store refuses to say.
    """
    before = None
    for _ in range(_ATTEMPTS):
        found = _answer_to_head(place)
        if found is None or found == before or (found.fault is None and SHA256 in found.metadata):
            return found
        before = found
    raise DagsterObjectStoreError(f"HeadObject on {place.url} was answered otherwise each time. Try again.")


def _answer_to_head(place: Place) -> FoundObject | None:
    try:
        answer = transfer.ask(
            lambda: place.client.head_object(Bucket=place.bucket, Key=place.key),
            ("ContentLength", "ETag"),
            "HeadObject",
            place.bucket,
            place.key,
        )
    except DagsterObjectNotFoundError:
        return None
    metadata, size_bytes = answer["Metadata"], answer["ContentLength"]
    return FoundObject(metadata, size_bytes, answer["ETag"], _fault(place, metadata, size_bytes))


def _metadata(place: Place, written: _SummingWriter, codec: Codec, run_id: str | None) -> dict[str, str]:
    metadata = {SHA256: written.sha256, CODEC: codec.name, SIZE: str(written.size)}
    if run_id is not None:
        metadata[RUN_ID] = encode_name(run_id)[:_LONGEST_RUN_ID]
    if place.signer is not None:
        metadata[SIGNATURE] = place.signer.sign(place.key, codec.name, written.sha256)
    return metadata


def _fault(place: Place, metadata: Mapping[str, str], size_bytes: int) -> DagsterObjectCorruptError | None:
    """What an object's metadata and size say against it, if anything."""
    said = [metadata.get(name) for name in (CODEC, SHA256, SIZE)]
    if place.signer is not None and not place.signer.accepts(
        metadata.get(SIGNATURE, ""), place.key, metadata.get(CODEC, ""), metadata.get(SHA256, "")
    ):
        what = "is signed with no known key for this key, codec and content" if SIGNATURE in metadata else "is unsigned"
        return S3UntrustedValueError(
            f"{place.url} {what}, so it was not read; it says it was stored {_by_run(metadata)}. Execute that step "
            "again, or find out who wrote the object: docs/security.md."
        )
    if said == [None, None, None]:  # of release 0.1; no pickle is empty
        return None if size_bytes else DagsterObjectCorruptError(f"{place.url} is empty, and no value is.")
    if None in said:
        return DagsterObjectCorruptError(f"{place.url} has lost some of its metadata: {dict(metadata)}. Restore it.")
    if said[2] != str(size_bytes):
        return DagsterObjectCorruptError(
            f"{place.url} has {size_bytes} bytes, and {said[2]} with the SHA-256 {said[1]} were stored "
            f"{_by_run(metadata)}. Restore the object, or execute that step again."
        )
    return None


def _by_run(metadata: Mapping[str, str]) -> str:
    return f"by run {decode_name(metadata[RUN_ID])}" if RUN_ID in metadata else "by an unknown run"


class _SummingWriter(io.BufferedIOBase):
    """Passes bytes on, and counts and sums them.

    In slices, so that a large buffer that is written at once is not held a second time before it goes to the disk.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self._hasher = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """str: of what was written, in hexadecimal digits."""
        return self._hasher.hexdigest()

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:
        with memoryview(chunk).cast("B") as view:
            for start in range(0, len(view), _SLICE_BYTES):
                part = view[start : start + _SLICE_BYTES]
                self._hasher.update(part)
                self._stream.write(part)
            self.size += len(view)
            return len(view)

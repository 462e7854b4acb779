"""What a HEAD says about an object that should be a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudstore import transfer
from cloudstore.values.metadata import SHA256, fault_of
from cloudstore.values.place import Place, bare_stamp, stamp_of
from core.errors import DagsterObjectCorruptError, DagsterObjectNotFoundError, DagsterObjectStoreError

_MOST_ATTEMPTS = 8


@dataclass(frozen=True)
class ObjectHead:
    """What a HEAD says about an object.

    Attributes:
        metadata: its own metadata.
        size_bytes: its size.
        etag: its ETag.
        stamp: what tells it from any other at its place.
        fault: why it is not a whole value; None where nothing speaks against it.
    """

    metadata: Mapping[str, str]
    size_bytes: int
    etag: str
    stamp: str
    fault: DagsterObjectCorruptError | None = field(compare=False)


def head(place: Place) -> ObjectHead | None:
    """What there is, by one HEAD of the exact key.

    An object has a fault that is not a value of ours, has another size than was stored, or lacks the signature that
    loading needs. Headers may be cut without a trace: headers without a value's metadata count when they come twice.

    Raises:
        DagsterObjectAccessError: when the store refuses to say.
    """
    before = None
    for _ in range(_MOST_ATTEMPTS):
        found = _answer_to_head(place)
        if found is None or found == before or (found.fault is None and SHA256 in found.metadata):
            return found
        before = found
    raise DagsterObjectStoreError(f"HeadObject on {place.url} was answered differently each time. Try again.")


def _answer_to_head(place: Place) -> ObjectHead | None:
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
    metadata, size_bytes, etag = answer["Metadata"], answer["ContentLength"], answer["ETag"]
    stamp = stamp_of(place, etag, size_bytes) if SHA256 in metadata else bare_stamp(etag, size_bytes)
    return ObjectHead(metadata, size_bytes, etag, stamp, fault_of(place, metadata, size_bytes))

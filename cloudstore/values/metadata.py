"""The metadata of a value's object: made when it is stored, and checked against the object later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from cloudstore.values.place import Place
from core.errors import DagsterObjectCorruptError
from core.printable import printable
from core.values.keys import decode_name, encode_name

SHA256, CODEC, SIZE = "cloudstore-sha256", "cloudstore-codec", "cloudstore-bytes"
RUN_ID, SIGNATURE, NAME_SHA256 = "cloudstore-run-id", "cloudstore-signature", "cloudstore-name-sha256"

_LONGEST_RUN_ID = 256  # metadata is at most 2 KiB, and this is for people


class S3UntrustedValueError(DagsterObjectCorruptError):
    """Values are signed, and this object has no signature by a known key for its key, codec and content.

    Example:
        >>> from cloudstore import S3ObjectStore
        >>> address = S3ObjectStore("my-bucket").set_object("unsigned", [17, 42])
        >>> S3ObjectStore("my-bucket", signing_key="a key of sixteen bytes or more").get_object("unsigned")
        Traceback (most recent call last):
        cloudstore.values.metadata.S3UntrustedValueError: s3://my-bucket/unsigned is unsigned, so it was not read; ...
    """


def metadata_of(place: Place, codec: str, sha256: str, size_bytes: int, run_id: str | None) -> dict[str, str]:
    """The metadata of a value.

    Args:
        place: where it will be, and how it is signed.
        codec: the codec's name.
        sha256: of the content, in hexadecimal digits.
        size_bytes: of the content.
        run_id: the run that stores it.
    """
    metadata = {SHA256: sha256, CODEC: codec, SIZE: str(size_bytes)}
    if run_id is not None:
        metadata[RUN_ID] = encode_name(run_id)[:_LONGEST_RUN_ID]
    if place.name is not None:
        metadata[NAME_SHA256] = _sha256_of(place.name)
    if place.signer is not None:
        metadata[SIGNATURE] = place.signer.sign(place.key, codec, sha256)
    return metadata


def fault_of(place: Place, metadata: Mapping[str, str], size_bytes: int) -> DagsterObjectCorruptError | None:
    """What is wrong with an object, as its metadata and size show; None when nothing is."""
    said = [metadata.get(name) for name in (CODEC, SHA256, SIZE)]
    if place.signer is not None and not place.signer.accepts(
        metadata.get(SIGNATURE, ""), place.key, metadata.get(CODEC, ""), metadata.get(SHA256, "")
    ):
        what = (
            "is not signed with a known key for its key, codec and content" if SIGNATURE in metadata else "is unsigned"
        )
        return S3UntrustedValueError(
            f"{place.url} {what}, so it was not read; it claims to be stored {by_run(metadata)}. Execute that step "
            "again, or find out who wrote the object: see docs/security.md."
        )
    if said == [None, None, None]:  # of release 0.1; no pickle is empty
        return (
            None
            if size_bytes
            else DagsterObjectCorruptError(
                f"{place.url} is empty, so it is not a value. Delete it, or execute that step again."
            )
        )
    if None in said:
        return DagsterObjectCorruptError(f"{place.url} has lost some of its metadata: {dict(metadata)}. Restore it.")
    if said[2] != str(size_bytes):
        return DagsterObjectCorruptError(
            f"{place.url} has {size_bytes} bytes, but {said[2]} with the SHA-256 {said[1]} were stored "
            f"{by_run(metadata)}. Restore the object, or execute that step again."
        )
    if place.name is not None and metadata.get(NAME_SHA256, expected := _sha256_of(place.name)) != expected:
        return DagsterObjectCorruptError(
            f"{place.url} holds the value of another output, stored {by_run(metadata)}; it was copied there. Restore "
            "the object, or execute that step again."
        )
    return None


def no_value(place: Place) -> DagsterObjectCorruptError:
    """What is wrong with an object without a value's metadata, where there was a value with it."""
    return DagsterObjectCorruptError(
        f"{place.url} was replaced by an object that is not a value of ours, or has lost its metadata. Restore it, or "
        "execute that step again."
    )


def _sha256_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def by_run(metadata: Mapping[str, str]) -> str:
    """Which run stored an object, as its metadata claims, which anybody may have written."""
    try:
        return f"by run {printable(decode_name(metadata[RUN_ID]))}"
    except (KeyError, UnicodeDecodeError):
        return "by an unknown run"

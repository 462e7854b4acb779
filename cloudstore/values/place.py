"""Where a value is, and what tells one object there from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudstore.s3.keys import s3_url
from cloudstore.values.signing import Signer

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_TRUST_DIGITS = 16


@dataclass(frozen=True)
class Place:
    """Where a value is or will be, and how it is trusted.

    Attributes:
        client: a boto3 S3 client.
        bucket: the bucket.
        key: the object's exact key.
        signer: signs values that are stored, and must accept those that are loaded; None where values are not signed.
        name: of the value, which is recorded with it, so that another's in its place is noticed; not the key, so that
            all of them may be moved. None records none, and takes any.
    """

    client: S3Client
    bucket: str
    key: str
    signer: Signer | None = None
    name: str | None = None

    @property
    def url(self) -> str:
        """str: for messages."""
        return s3_url(self.bucket, self.key)


def stamp_of(place: Place, etag: str, size_bytes: int) -> str:
    """What tells an object from any other at its place: its ETag and size; and the signing key, where there is one.

    So a stamp that was recorded while values were not signed, or were signed with another key, is another one.
    """
    trust = (
        "" if place.signer is None else f" {place.signer.sign('', '', 'stamp')[:_TRUST_DIGITS]}"
    )  # which signs no value
    return f"{content_stamp(etag, size_bytes)}{trust}"


def content_stamp(etag: str, size_bytes: int) -> str:
    """The beginning of a stamp, which is the same with any signing key."""
    return f"{etag} {size_bytes}"


def bare_stamp(etag: str, size_bytes: int) -> str:
    """The stamp of a value of release 0.1, which has no metadata.

    It is another one than that of a value with metadata, so that what has lost its metadata is not taken for one.
    """
    return f"{content_stamp(etag, size_bytes)} bare"

"""Objects in a bucket, each a value as its serialization strategy writes it."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

from cloudstore import transfer
from cloudstore.client import connect_anew_in_forked_children, make_client
from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.values import objects
from cloudstore.values.metadata import CODEC, SHA256, SIGNATURE, S3UntrustedValueError
from cloudstore.values.place import Place
from cloudstore.values.signing import signer_of
from core.errors import DagsterObjectStoreError
from core.types import PickleSerializationStrategy, SerializationStrategy
from core.values.codecs import Codec, codec_named
from core.values.keys import checked_key
from core.values.object_store import ObjectStore

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3ObjectStore(ObjectStore):
    """Objects of one bucket: a request to store one, a request to get it (of up to 16 MiB, more for larger ones).

    Objects are values like those of `s3_pickle_io_manager`: they carry their SHA-256 and, where there is a signing key,
    a signature, and are verified before they are decoded. Strategies other than pickle store their output as bytes.

    Args:
        bucket: the bucket.
        s3_session: a boto3 S3 client; by default one with the settings that every AWS tool takes.
        run_id: recorded with each object that is stored.
        signing_key: signs objects, and refuses those without a signature; by default CLOUDSTORE_SIGNING_KEY's.
        former_signing_key: its signatures are accepted too; by default CLOUDSTORE_FORMER_SIGNING_KEY's.

    Raises:
        DagsterInvalidConfigError: a signing key is too short to be one.

    Example:
        >>> from cloudstore import S3ObjectStore
        >>> store = S3ObjectStore("my-bucket")
        >>> store.set_object("teams/data/orders", [17, 42])
        's3://my-bucket/teams/data/orders'
        >>> value, address = store.get_object("teams/data/orders")
        >>> value
        [17, 42]
    """

    def __init__(
        self,
        bucket: str,
        s3_session: S3Client | None = None,
        run_id: str | None = None,
        signing_key: str | None = None,
        former_signing_key: str | None = None,
    ) -> None:
        super().__init__("s3")
        self.bucket = bucket
        self._client = make_client({}) if s3_session is None else connect_anew_in_forked_children(s3_session)
        self._run_id = run_id
        self._signer = signer_of(signing_key, former_signing_key)

    def set_object(self, key: str, obj: Any, serialization_strategy: SerializationStrategy | None = None) -> str:
        strategy = _own_format(serialization_strategy)
        codec = codec_named("pickle") if strategy is None else _Written(strategy)
        objects.store(self._place(key), obj, codec, run_id=self._run_id)
        return self.uri_for_key(key)

    def get_object(self, key: str, serialization_strategy: SerializationStrategy | None = None) -> tuple[Any, str]:
        loaded, uri = objects.load(self._place(key)), self.uri_for_key(key)
        strategy = _own_format(serialization_strategy)
        if strategy is None:
            return loaded, uri
        if not isinstance(loaded, bytes):
            raise DagsterObjectStoreError(
                f"{uri} was not stored by the strategy {strategy.name!r}. Read it with the strategy that wrote it."
            )
        return strategy.deserialize_from_bytes(io.BytesIO(loaded)), uri

    def has_object(self, key: str) -> bool:
        return transfer.exists(self._client, self.bucket, checked_key(key))

    def rm_object(self, key: str) -> str:
        with translate_errors("DeleteObject", self.bucket, checked_key(key)):
            self._client.delete_object(Bucket=self.bucket, Key=key)
        return self.uri_for_key(key)

    def cp_object(self, src: str, dst: str) -> tuple[str, str]:
        source, target = self._place(src), self._place(dst)
        with translate_errors("HeadObject", self.bucket, src):
            found = self._client.head_object(Bucket=self.bucket, Key=src)
        changed = {
            "Metadata": _metadata_of_copy(source, target, found["Metadata"]),
            "MetadataDirective": "REPLACE",
            "ContentType": found["ContentType"],
            "CopySourceIfMatch": found["ETag"],
        }
        if src != dst:
            with translate_errors("CopyObject", self.bucket, src):
                # In the store; by parts where it is larger than the 5 GiB of one request.
                self._client.copy({"Bucket": self.bucket, "Key": src}, self.bucket, dst, ExtraArgs=changed)
        return source.url, target.url

    def uri_for_key(self, key: str, protocol: str | None = None) -> str:
        url = s3_url(self.bucket, checked_key(key))
        return url if protocol is None else protocol + url.removeprefix("s3://")

    def _place(self, key: str) -> Place:
        return Place(self._client, self.bucket, checked_key(key), self._signer)


class _Written(Codec):
    """The bytes that a strategy writes."""

    name = "bytes"

    def __init__(self, strategy: SerializationStrategy) -> None:
        self._strategy = strategy

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        self._strategy.serialize_to_bytes(value, stream)

    def decode(self, stream: IO[bytes]) -> Any:
        return self._strategy.deserialize_from_bytes(stream)


def _own_format(strategy: SerializationStrategy | None) -> SerializationStrategy | None:
    """The strategy, unless it is pickle's, which is a codec too."""
    return None if type(strategy) is PickleSerializationStrategy else strategy


def _metadata_of_copy(source: Place, target: Place, metadata: dict[str, str]) -> dict[str, str]:
    """The metadata of a copy: the same, except for the signature, which is for its key."""
    signature, codec, sha256 = (metadata.get(name, "") for name in (SIGNATURE, CODEC, SHA256))
    unsigned = {name: value for name, value in metadata.items() if name != SIGNATURE}
    if source.signer is None or target.signer is None:
        return unsigned
    if not source.signer.accepts(signature, source.key, codec, sha256):
        raise S3UntrustedValueError(f"{source.url} has no signature by a known key, so it was not copied.")
    return {**unsigned, SIGNATURE: target.signer.sign(target.key, codec, sha256)}

"""Files in a bucket under keys of the user's choice: written once, found again by every run."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from cloudstore import transfer
from cloudstore.client import S3_OPTIONS, connect_anew_in_forked_children, make_client
from cloudstore.client.option_types import BUCKET, PREFIX
from cloudstore.files.manager import S3FileHandle
from cloudstore.s3.bucket import check_bucket
from cloudstore.s3.keys import join_key
from core.config import Field
from core.definitions.resource import InitResourceContext, resource
from core.files.manager import as_binary, stream_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3FileCache:
    """Files below one key of a bucket, each under a key that its user chooses. It may be used from many threads.

    Args:
        s3_bucket: the bucket.
        s3_key: where in the bucket, as a path.
        s3_session: a boto3 S3 client.
        overwrite: whether a file is replaced when its key is written again; if not, the file that is there stays.

    Example:
        >>> import boto3
        >>> from cloudstore import S3FileCache
        >>> cache = S3FileCache("my-bucket", "cache", boto3.client("s3"))
        >>> if not cache.has_file_object("orders.csv"):
        ...     handle = cache.write_binary_data("orders.csv", b"id,total")
        >>> cache.get_file_handle("orders.csv").s3_path
        's3://my-bucket/cache/orders.csv'
    """

    def __init__(self, s3_bucket: str, s3_key: str, s3_session: S3Client, overwrite: bool = False) -> None:
        self.s3_bucket = s3_bucket
        self.s3_key = join_key(s3_key)
        self.s3 = connect_anew_in_forked_children(s3_session)
        self.overwrite = overwrite

    def has_file_object(self, file_key: str) -> bool:
        """Whether there is a file with exactly this key.

        Raises:
            DagsterObjectAccessError: when the store refuses to say.
        """
        return transfer.exists(self.s3, self.s3_bucket, self.get_full_key(file_key))

    def get_file_handle(self, file_key: str) -> S3FileHandle:
        """The handle of the file with this key, whether it exists or not; `s3_file_manager` reads it."""
        return S3FileHandle(self.s3_bucket, self.get_full_key(file_key))

    def write_file_object(self, file_key: str, source_file_object: IO[bytes]) -> S3FileHandle:
        """Stores the rest of a file object from its position on, up to 5 TiB. The file is there whole or not at all.

        Args:
            file_key: the file's key.
            source_file_object: a readable binary file object; it need not seek.

        Returns:
            S3FileHandle: the handle of the file; with `overwrite` False, maybe of one that was there already.

        Raises:
            DagsterInvariantViolationError: for a file object of text, and a key that is too long.
            DagsterObjectStoreError: the store refuses, or cannot be reached; an older file is untouched.
        """
        handle = self.get_file_handle(file_key)
        content = as_binary(source_file_object, "wb")
        transfer.put_stream(self.s3, handle.s3_bucket, handle.s3_key, content, if_absent=not self.overwrite)
        return handle

    def write_binary_data(self, file_key: str, binary_data: bytes) -> S3FileHandle:
        """Stores bytes; otherwise as `write_file_object`."""
        return self.write_file_object(file_key, stream_of(binary_data))

    def get_full_key(self, file_key: str) -> str:
        """The object's key: `file_key` below the cache's, its slashes kept and its segments encoded reversibly.

        Raises:
            DagsterInvariantViolationError: it has more than 1,024 bytes.
        """
        return join_key(self.s3_key, *file_key.split("/"))


@resource(
    config_schema={
        "bucket": Field(BUCKET, description="The bucket."),
        "key": Field(PREFIX, description="Where in the bucket, as a path."),
        "overwrite": Field(
            bool, default_value=False, description="Replace a file whose key is written again, instead of keeping it."
        ),
        **S3_OPTIONS,
    },
    version="1",
)
def s3_file_cache(init_context: InitResourceContext) -> S3FileCache:
    """File cache in a bucket.

    Raises:
        DagsterResourceUnavailableError: the bucket cannot be used; the run is refused.

    Example:
        >>> from cloudstore import s3_file_cache
        >>> from core import ModeDefinition, execute_solid, solid
        >>> @solid(required_resource_keys={"file_cache"})
        ... def fetch(context):
        ...     return context.resources.file_cache.write_binary_data("rates.csv", b"id,rate").s3_path
        >>> cache = s3_file_cache.configured({"bucket": "my-bucket", "key": "cache"})
        >>> execute_solid(fetch, ModeDefinition(resource_defs={"file_cache": cache})).output_value()
        's3://my-bucket/cache/rates.csv'
    """
    config: dict[str, Any] = init_context.resource_config
    client = make_client(config, init_context.usage, init_context.leftovers)
    check_bucket(client, config["bucket"], config["key"])
    return S3FileCache(config["bucket"], config["key"], client, config["overwrite"])

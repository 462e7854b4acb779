"""Files that solids hand to each other, kept in a bucket."""

from __future__ import annotations

import io
import uuid
from typing import IO, TYPE_CHECKING, Any

from cloudstore import transfer
from cloudstore.client import connect_anew_in_forked_children
from cloudstore.s3.keys import join_key, s3_url
from core.disk.local_copies import LocalCopies
from core.files.manager import (
    READ_MODES,
    WRITE_MODES,
    FileHandle,
    FileManager,
    as_binary,
    check_mode,
    checked_handle,
    dotted,
    stream_of,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3FileHandle(FileHandle):
    """A file in a bucket.

    Args:
        s3_bucket: the bucket's name.
        s3_key: the object's exact key.

    Example:
        >>> from cloudstore import S3FileHandle
        >>> S3FileHandle("my-bucket", "teams/data/orders.csv").s3_path
        's3://my-bucket/teams/data/orders.csv'
    """

    def __init__(self, s3_bucket: str, s3_key: str) -> None:
        self._s3_bucket = s3_bucket
        self._s3_key = s3_key

    @property
    def s3_bucket(self) -> str:
        """str: the bucket's name."""
        return self._s3_bucket

    @property
    def s3_key(self) -> str:
        """str: the object's key."""
        return self._s3_key

    @property
    def s3_path(self) -> str:
        """str: the file as `s3://bucket/key`."""
        return s3_url(self._s3_bucket, self._s3_key)

    @property
    def path_desc(self) -> str:
        return self.s3_path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, S3FileHandle) and other._s3_bucket == self._s3_bucket and other._s3_key == self._s3_key

    def __hash__(self) -> int:
        return hash((self._s3_bucket, self._s3_key))

    def __repr__(self) -> str:
        return f"S3FileHandle({self._s3_bucket!r}, {self._s3_key!r})"


class S3FileManager(FileManager):
    """Files below one key of a bucket, each under a random name. Files of other buckets can be read.

    It may be used from many threads. Local copies go with it: when it is collected, or the process ends.

    Args:
        s3_session: a boto3 S3 client.
        s3_bucket: the bucket to write to.
        s3_base_key: where in the bucket; the files' keys are `{s3_base_key}/{random name}{.ext}`.

    Example:
        >>> import boto3
        >>> from cloudstore import S3FileHandle, S3FileManager
        >>> files = S3FileManager(boto3.client("s3"), "my-bucket", "teams/data")
        >>> handle = files.write_data(b"id,total", ext="csv")
        >>> handle.s3_key
        'teams/data/...csv'
        >>> files.read_data(S3FileHandle("my-bucket", handle.s3_key))
        b'id,total'
    """

    def __init__(self, s3_session: S3Client, s3_bucket: str, s3_base_key: str) -> None:
        self._s3_session = connect_anew_in_forked_children(s3_session)
        self._s3_bucket = s3_bucket
        self._s3_base_key = join_key(s3_base_key)
        self._copies = LocalCopies("s3-files-")

    def get_full_key(self, file_key: str) -> str:
        """The key of a file: `file_key` below the base key. Its slashes are kept.

        Raises:
            DagsterInvariantViolationError: when it is a key that stores do not keep faithfully, as `join_key`.
        """
        return join_key(f"{self._s3_base_key}/{file_key}")

    def copy_handle_to_local_temp(self, file_handle: FileHandle) -> str:
        handle = _checked(file_handle)

        def fetch(path: str) -> None:
            transfer.download(self._s3_session, handle.s3_bucket, handle.s3_key, path)

        return self._copies.get(handle, handle.s3_key, fetch)

    def delete_local_temp(self) -> None:
        self._copies.delete()

    def read(self, file_handle: FileHandle, mode: str = "rb") -> IO[Any]:
        check_mode(mode, READ_MODES)
        handle = _checked(file_handle)
        stream = transfer.open_stream(self._s3_session, handle.s3_bucket, handle.s3_key)
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding="utf-8")

    def read_data(self, file_handle: FileHandle) -> bytes:
        handle = _checked(file_handle)
        return transfer.get_bytes(self._s3_session, handle.s3_bucket, handle.s3_key)

    def write(self, file_obj: IO[Any], mode: str = "wb", ext: str | None = None) -> FileHandle:
        check_mode(mode, WRITE_MODES)
        key = self.get_full_key(uuid.uuid4().hex + dotted(ext))
        transfer.put_stream(self._s3_session, self._s3_bucket, key, as_binary(file_obj, mode))
        return S3FileHandle(self._s3_bucket, key)

    def write_data(self, data: bytes, ext: str | None = None) -> FileHandle:
        return self.write(stream_of(data), ext=ext)


def _checked(file_handle: object) -> S3FileHandle:
    return checked_handle(file_handle, S3FileHandle, "An S3 file manager", "S3FileHandle(bucket, key)")

"""Bytes into S3 and out of it."""

from cloudstore.transfer.common import exists
from cloudstore.transfer.read import RANGE_BYTES, download, get_bytes, open_stream
from cloudstore.transfer.write import PART_BYTES, WRITE_ID, part_bytes, put_bytes, put_stream

__all__ = [
    "PART_BYTES",
    "RANGE_BYTES",
    "WRITE_ID",
    "download",
    "exists",
    "get_bytes",
    "open_stream",
    "part_bytes",
    "put_bytes",
    "put_stream",
]

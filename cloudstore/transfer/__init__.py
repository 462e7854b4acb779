"""Bytes into S3 and out of it."""

from cloudstore.transfer.asking import ask, exists
from cloudstore.transfer.content import Content
from cloudstore.transfer.creation import WRITE_ID
from cloudstore.transfer.delete import delete_objects
from cloudstore.transfer.listing import ListedObject, find_listed, list_objects
from cloudstore.transfer.parts import PART_BYTES, part_bytes
from cloudstore.transfer.ranges import get_content
from cloudstore.transfer.read import download, get_bytes
from cloudstore.transfer.resuming import RANGE_BYTES
from cloudstore.transfer.stream import open_stream
from cloudstore.transfer.write import WrittenObject, put_bytes, put_file, put_stream

__all__ = [
    "Content",
    "ListedObject",
    "PART_BYTES",
    "RANGE_BYTES",
    "WRITE_ID",
    "WrittenObject",
    "ask",
    "delete_objects",
    "download",
    "exists",
    "find_listed",
    "get_bytes",
    "get_content",
    "list_objects",
    "open_stream",
    "part_bytes",
    "put_bytes",
    "put_file",
    "put_stream",
]

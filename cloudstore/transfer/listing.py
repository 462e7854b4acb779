"""Listing objects: those with a prefix, and many by their keys while that takes fewer requests than a HEAD each."""

from __future__ import annotations

import math
import os.path
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from cloudstore.s3.errors import translate_errors
from cloudstore.transfer.asking import ask, require
from core.errors import DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

_RANGES_AT_ONCE = 4  # more gain little: much of the time goes into reading answers, one at a time in a process


class ListedObject(NamedTuple):
    """An object as a listing describes it.

    Attributes:
        key: its key.
        etag: its ETag.
        size_bytes: its size.
        modified_at: when it was stored; with a timezone.
    """

    key: str
    etag: str
    size_bytes: int
    modified_at: datetime


def list_objects(client: S3Client, bucket: str, prefix: str, start_after: str | None = None) -> Iterator[ListedObject]:
    """The objects whose keys begin with `prefix`; where that is a folder's, it ends with "/".

    Args:
        client: for S3.
        bucket: its name.
        prefix: see above.
        start_after: only those that are listed after this key, which begins with the prefix.

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """
    with translate_errors("ListObjectsV2", bucket, prefix):
        pages = client.get_paginator("list_objects_v2")
        asked = pages.paginate(Bucket=bucket, Prefix=prefix)
        if start_after is not None:
            asked = pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=start_after)
        for page in asked:
            require(page, ("IsTruncated",), "ListObjectsV2", bucket, prefix)
            yield from map(_listed, page.get("Contents", []))


def find_listed(client: S3Client, bucket: str, keys: Collection[str]) -> dict[str, ListedObject | None]:
    """Lists the part of a bucket where `keys` are, four pages at a time, and skips what lies between them.

    It goes on while it has read fewer pages than there are keys left. So the pages, and asking for each key that is
    left then, take at most about twice as many requests as the cheaper one of listing that whole part and asking for
    each key.

    Args:
        keys: at least one.

    Returns:
        The object of each key, None where there is none. Keys that were not reached are missing: they have to be
        asked for, one by one. So must all keys where listing fails, or is not allowed.
    """
    whole = _Range(client, bucket, keys)
    try:
        whole.read_page()
        parts = whole.parts_left()
        if parts:
            with ThreadPoolExecutor(len(parts), thread_name_prefix="s3-list") as pool:
                list(pool.map(_Range.read, parts))
    except DagsterObjectStoreError:
        return {}
    found = dict(whole.found)
    for part in parts:
        found.update(part.found)
    return found


class _Range:
    """Keys that are looked for together, in order.

    Stores list keys by their bytes (AWS, moto), or folder by folder (SeaweedFS), which is another order where a name
    goes on with one of `!"#$%&'()*+,-.`. The conclusions drawn here from the order of two keys hold in both.

    Attributes:
        found: what is known about the keys so far.
    """

    def __init__(self, client: S3Client, bucket: str, keys: Collection[str]) -> None:
        self._client, self._bucket = client, bucket
        self._left = sorted(keys, key=_folder_order)
        self._prefix = os.path.commonprefix(self._left)  # noqa: RUF071 - stores take any beginning of a key
        self._last = ""
        self._pages = 0
        self.found: dict[str, ListedObject | None] = {}

    def read(self) -> None:
        """Reads pages until all is known, or until it has read as many as there are keys left."""
        while self._pages < len(self._left):
            self.read_page()

    def read_page(self) -> None:
        """Reads the next page that may have one of the keys that are left."""
        answer = ask(self._send, ("IsTruncated",), "ListObjectsV2", self._bucket, self._prefix)
        self._pages += 1
        listed = {entry["Key"]: _listed(entry) for entry in answer.get("Contents", [])}
        self._last = next(reversed(listed), self._last)
        for key in self._left:
            if key in listed or not answer["IsTruncated"] or _is_behind(self._last, key):
                self.found[key] = listed.get(key)
        self._left = [key for key in self._left if key not in self.found]

    def parts_left(self) -> list[_Range]:
        """What is left, in parts of about as many pages each; empty where asking for each key costs no more."""
        if self._pages >= len(self._left):
            return []
        pages = math.ceil(len(self._left) / max(1, len(self.found)))
        size = math.ceil(len(self._left) / min(pages, _RANGES_AT_ONCE))
        starts = range(0, len(self._left), size)
        return [_Range(self._client, self._bucket, self._left[at : at + size]) for at in starts]

    def _send(self) -> ListObjectsV2OutputTypeDef:
        start = self._start()
        if start:
            return self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, StartAfter=start)
        return self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix)

    def _start(self) -> str:
        """A place before all keys that are left, as far on as can be; SeaweedFS lists nothing after another prefix."""
        first = self._left[0]
        just_before = first[:-1]
        is_before_all = first == min(self._left) and just_before.startswith(self._prefix)
        return just_before if is_before_all and _is_behind(just_before, self._last) else self._last


def _listed(entry: ObjectTypeDef) -> ListedObject:
    return ListedObject(entry["Key"], entry["ETag"], entry["Size"], entry["LastModified"])


def _folder_order(key: str) -> list[str]:
    return key.split("/")


def _is_behind(key: str, other: str) -> bool:
    """Whether `key` comes after `other` in both orders, or is the same."""
    return key >= other and _folder_order(key) >= _folder_order(other)

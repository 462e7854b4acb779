"""Aborting the multipart uploads that killed processes left, so that their parts cost no longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cloudstore.client import make_client
from cloudstore.client.upload_journal import UploadEntry
from cloudstore.s3.errors import answer_to, code_of, translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.asking import require
from cloudstore.transfer.lost_uploads import begun_lately
from core.errors import DagsterObjectAccessError, DagsterObjectStoreError
from core.process.dead_journals import read_entry
from core.records.removal import Removal

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Every attempt at a request ends within this: five of a minute each, by default, and the pauses between them.
_LONGEST_REQUEST_SECONDS = 600.0
_GONE = ("NoSuchUpload", "NoSuchBucket")


def clear_uploads(
    config: Mapping[str, Any],
    entries: list[Mapping[str, Any]],
    living: Callable[[], list[Mapping[str, Any]]],
    dry_run: bool,
) -> Iterator[Removal]:
    """Aborts the uploads that `entries` tell of, if they are still there; a `core.process.leftovers.Clear`.

    This needs s3:AbortMultipartUpload and s3:ListMultipartUploadParts on the objects and s3:ListBucketMultipartUploads
    on the bucket.

    Args:
        config: options of the client, without secrets.
        entries: of dead processes, each an `UploadEntry`.
        living: those of processes that live.
        dry_run: aborts nothing.

    Yields:
        Each upload, when it has been aborted.

    Raises:
        DagsterError: no client can be made, or a bucket cannot be reached or refuses; uploads to others were aborted.
    """
    client = make_client(config)
    failures: dict[str, DagsterObjectStoreError] = {}
    listed: set[str] = set()
    for entry in filter(None, (read_entry(each, UploadEntry) for each in entries)):
        if entry.bucket in failures:
            continue
        try:
            known = [] if entry.upload_id is None else [entry.upload_id]
            for upload_id in known or _lost(client, entry, living):
                size_bytes = None if upload_id in listed else _aborted_bytes(client, entry, upload_id, dry_run)
                if size_bytes is not None:
                    listed.add(upload_id)
                    name = f"{s3_url(entry.bucket, entry.key)} (upload {upload_id})"
                    yield Removal("multipart upload", name, size_bytes)
        except DagsterObjectStoreError as error:
            failures[entry.bucket] = error
    if failures:
        raise DagsterObjectStoreError(" ".join(map(str, failures.values()))) from next(iter(failures.values()))


def _lost(client: S3Client, entry: UploadEntry, living: Callable[[], list[Mapping[str, Any]]]) -> list[str]:
    """The uploads that the process began without learning their ids.

    They differ from others by their key, their time, and by having no parts: nobody knew the id to send one to.
    """
    age_seconds = time.time() - entry.began_at
    candidates: list[str] = []
    with _gone_already():
        candidates = begun_lately(client, entry.bucket, entry.key, age_seconds, age_seconds - _LONGEST_REQUEST_SECONDS)
    found = [each for each in candidates if _part_sizes(client, entry, each) == []]
    # Asked for after the store was, so that it includes every upload of theirs that the store has listed.
    if found and any((each.get("bucket"), each.get("key")) == (entry.bucket, entry.key) for each in living()):
        raise DagsterObjectStoreError(
            f"A killed process may have begun an upload to {s3_url(entry.bucket, entry.key)}, but another process is "
            "writing there now, and its upload looks the same. Prune again when that process has ended."
        )
    return found


def _aborted_bytes(client: S3Client, entry: UploadEntry, upload_id: str, dry_run: bool) -> int | None:
    """Aborts an upload; returns the size of its parts: 0 where asking is not allowed, None where it was gone."""
    try:
        sizes = _part_sizes(client, entry, upload_id)
    except DagsterObjectAccessError:  # aborting may be allowed anyway
        sizes = []
    if sizes is None:
        return None
    with _gone_already(), translate_errors("AbortMultipartUpload", entry.bucket, entry.key):
        if not dry_run:
            client.abort_multipart_upload(Bucket=entry.bucket, Key=entry.key, UploadId=upload_id)
        return sum(sizes)
    return None


def _part_sizes(client: S3Client, entry: UploadEntry, upload_id: str) -> list[int] | None:
    """The sizes in bytes of the parts that an upload has so far; None where it is gone."""
    bucket, key = entry.bucket, entry.key
    with _gone_already(), translate_errors("ListParts", bucket, key):
        sizes: list[int] = []
        for page in client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload_id):
            require(page, ("IsTruncated",), "ListParts", bucket, key)
            sizes += [part["Size"] for part in page.get("Parts", [])]
        return sizes
    return None


@contextmanager
def _gone_already() -> Iterator[None]:
    """Ends the block where the store says that the upload, or its whole bucket, is not there."""
    try:
        yield
    except DagsterObjectStoreError as error:
        if code_of(answer_to(error)) not in _GONE:
            raise

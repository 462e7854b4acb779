"""Notes the multipart uploads of a client while they are in progress, to find those of killed processes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from core.process.journal import Journal, JournalEntry

_CONTEXT = "cloudstore-upload"
_GONE = "NoSuchUpload"


class UploadEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An upload in a journal.

    Attributes:
        bucket: the bucket.
        key: the object's exact key.
        began_at: seconds since 1970 by this machine's clock, just before the first request was sent.
        upload_id: None until the store has said it.
    """

    bucket: str
    key: str
    began_at: float
    upload_id: str | None = None


def journal_uploads(client: S3Client, journal: Journal) -> None:
    """Has `client` note each upload that it begins, before the request for it is sent, until it has ended.

    An upload ends when it is completed or aborted, or the store says that it does not exist. An upload whose answer
    never came may have begun, and stays noted.
    """
    hooks, events = _Hooks(journal), client.meta.events
    events.register("before-call.s3.CreateMultipartUpload", hooks.begin)
    events.register("after-call.s3.CreateMultipartUpload", hooks.begun)
    for operation in ("CreateMultipartUpload", "CompleteMultipartUpload", "AbortMultipartUpload"):
        events.register(f"provide-client-params.s3.{operation}", _remember)
    for operation in ("CompleteMultipartUpload", "AbortMultipartUpload"):
        events.register(f"after-call.s3.{operation}", hooks.ended)


def _remember(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_CONTEXT] = params  # each call of the client has a context of its own


class _Hooks:
    """The handlers of one client's events. Many threads may call them; each upload has an id of its own."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._begun: dict[str, JournalEntry] = {}

    def begin(self, context: dict[str, Any], **_: Any) -> None:
        params = context[_CONTEXT]
        entry = UploadEntry(params["Bucket"], params["Key"], time.time())
        context[_CONTEXT] = entry, self._journal.begin(msgspec.to_builtins(entry))

    def begun(self, context: dict[str, Any], parsed: Mapping[str, Any], http_response: Any, **_: Any) -> None:
        entry, begun = context[_CONTEXT]
        upload_id = parsed.get("UploadId")
        if upload_id is not None:
            begun.note(msgspec.to_builtins(msgspec.structs.replace(entry, upload_id=upload_id)))
            self._begun[upload_id] = begun
        elif http_response.status_code >= 300 and not parsed.get("ResponseMetadata", {}).get("RetryAttempts"):
            begun.end()  # a refusal of the first sending began nothing

    def ended(self, context: dict[str, Any], parsed: Mapping[str, Any], http_response: Any, **_: Any) -> None:
        has_ended = http_response.status_code < 300 or parsed.get("Error", {}).get("Code") == _GONE
        if has_ended and (begun := self._begun.pop(context[_CONTEXT]["UploadId"], None)):
            begun.end()

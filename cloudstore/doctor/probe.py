"""Trying out a place in a bucket: each permission, what the store promises, the clock, the latency.

Everything that is written goes below a folder `.cloudstore-probe/` and is deleted again. Nothing is written that could
not be deleted: a key and an upload that do not exist show first whether deleting and aborting are allowed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cloudstore.doctor.probe_object import ProbeObject
from cloudstore.doctor.target import ABORT, DELETE, GET, LIST, PUT, Target
from cloudstore.s3.bucket import check_bucket
from cloudstore.s3.errors import S3ConditionConflict, S3ConditionFailed, answer_to, code_of
from core.cli.checks import Check, State
from core.errors import DagsterError, DagsterObjectAccessError

_WRONG_CRC32 = "AAAAAA=="
_NO_UPLOAD = "bm90aGluZw"  # an id that no upload has
_LATENCY_SAMPLES = 5
_VERSION = "s3:DeleteObjectVersion"
_REFUSED_SUMS = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"}
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, RequestTimeTooSkewed: 15 minutes
_MOST_SKEW_SECONDS = 900


def probe(target: Target) -> Iterator[Check]:
    """The result of each probe, the bucket's first; where that cannot be used, nothing else is tried.

    Args:
        target: the place to try out; only the actions that it needs are tried.
    """
    try:
        check_bucket(target.client, target.bucket, target.prefix)
    except DagsterError as error:
        yield Check(target.part, "bucket", "missing", str(error))
        return
    yield from _Probe(target).run()


class _Probe:
    """One place being tried. A request that succeeds, or that fails for want of an object, was allowed."""

    def __init__(self, target: Target) -> None:
        self._target, self._object = target, ProbeObject(target)
        self._has_written = False

    def run(self) -> Iterator[Check]:
        yield self._check("bucket", "ok", self._object.region())
        listed = self._object.attempt("ListObjectsV2", self._object.list)
        yield from self._permission(LIST, listed)
        if PUT in self._target.needs:
            yield from self._writing(listed)
        else:
            yield from self._reading(listed)
        yield from self._timing()

    def _writing(self, listed: DagsterError | None) -> Iterator[Check]:
        aborted = self._object.attempt("AbortMultipartUpload", lambda: self._object.abort(_NO_UPLOAD))
        deleted = self._object.attempt("DeleteObject", self._object.delete)
        kept = self._object.delete_versions()
        if deleted is None and kept is None:
            try:
                yield from self._with_objects(listed)
            finally:
                deleted = self._object.attempt("DeleteObject", self._object.delete)
                kept = self._object.delete_versions()
        else:
            yield from self._without_objects(listed, aborted)
        if self._has_written and aborted is None:
            aborted = self._object.attempt("AbortMultipartUpload", self._object.create_and_abort)
        yield from self._permission(ABORT, aborted)
        yield from self._permission(DELETE, deleted)
        if kept is not None:
            left = f"versions of {self._object.key} stay ({len(self._object.versions)})"
            yield self._check("clean-up", "missing", f"{left}; {self._mend(_VERSION)}")

    def _with_objects(self, listed: DagsterError | None) -> Iterator[Check]:
        """Tries writing; the caller deletes the objects."""
        written = self._object.attempt("PutObject", self._object.put)
        yield from self._permission(PUT, written)
        if written is not None:
            yield from self._reading(listed)
            yield from self._promises_not_tried("nothing can be written")
            return
        self._has_written = True
        yield from self._permission(GET, self._object.attempt("GetObject", self._object.get))
        if self._object.delete_versions() is not None:
            yield from self._promises_not_tried("the bucket keeps versions, which could not be deleted")
            return
        self._object.attempt("DeleteObject", self._object.delete)
        first, second = (self._object.attempt("PutObject", lambda: self._object.put(IfNoneMatch="*")) for _ in range(2))
        yield self._conditional_writes(first, second)
        yield self._checksums(self._object.attempt("PutObject", lambda: self._object.put(ChecksumCRC32=_WRONG_CRC32)))

    def _without_objects(self, listed: DagsterError | None, aborted: DagsterError | None) -> Iterator[Check]:
        """Tries as much as possible where an object could not be deleted again."""
        if aborted is None:
            yield from self._permission(
                PUT, self._object.attempt("CreateMultipartUpload", self._object.create_and_abort)
            )
        else:
            yield self._check(PUT, "not tried", f"the upload could not be aborted; {self._mend(ABORT)}")
        yield from self._reading(listed)
        action = _VERSION if self._object.versions else DELETE
        hint = f"an object could not be deleted afterwards; to try it, grant {action} on {self._probe_arn()}"
        yield from self._promises_not_tried(hint)

    def _promises_not_tried(self, why: str) -> Iterator[Check]:
        yield self._check("conditional writes", "not tried", why)
        yield self._check("checksums", "not tried", why)

    def _reading(self, listed: DagsterError | None) -> Iterator[Check]:
        """Reads a key without an object; where listing is not allowed, AWS answers as if reading were not either."""
        read = self._object.attempt("GetObject", self._object.get)
        if isinstance(read, DagsterObjectAccessError) and listed is not None:
            yield self._check(GET, "not tried", f"a missing object looks like a refusal here; {self._mend(LIST)}")
        else:
            yield from self._permission(GET, read)

    def _timing(self) -> Iterator[Check]:
        taken_ms: list[float] = []
        for _ in range(_LATENCY_SAMPLES):
            started = time.perf_counter()
            answer = self._object.head()
            taken_ms.append((time.perf_counter() - started) * 1000)
        yield self._clock(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))
        yield self._check("latency", "ok", f"{statistics.median(taken_ms):.1f} ms, the median of {_LATENCY_SAMPLES}")

    # What answers mean

    def _check(self, what: str, state: State, detail: str) -> Check:
        return Check(self._target.part, what, state, detail)

    def _permission(self, action: str, error: DagsterError | None) -> Iterator[Check]:
        if action in self._target.needs:
            granted = self._check(action, "ok", f"on {self._target.arn(action)}")
            yield granted if error is None else self._check(action, "missing", self._mend(action, error))

    def _mend(self, action: str, error: DagsterError | None = None) -> str:
        """What to do about a refusal; the message of any other error."""
        if error is not None and not isinstance(error, DagsterObjectAccessError):
            return str(error)
        if error is not None and f"allow {action} there" not in str(error):
            return str(error)  # which names another one, such as kms:GenerateDataKey
        return f"grant {action} on {self._target.arn(action)}"

    def _probe_arn(self) -> str:
        return f"arn:aws:s3:::{self._target.bucket}/{self._object.key.rpartition('/')[0]}/*"

    def _conditional_writes(self, first: DagsterError | None, second: DagsterError | None) -> Check:
        what = "conditional writes"
        if first is not None:
            return self._check(what, "missing", f"{first} Use a store that supports If-None-Match.")
        if isinstance(second, S3ConditionFailed | S3ConditionConflict):
            return self._check(what, "ok", "If-None-Match is honoured")
        detail = "the store ignores If-None-Match, so two writers of one version both win; use a store that honours it"
        return self._check(what, "missing", detail)

    def _checksums(self, refused: DagsterError | None) -> Check:
        if refused is not None and code_of(answer_to(refused)) in _REFUSED_SUMS:
            return self._check("checksums", "ok", "bytes with a wrong checksum are refused")
        told = "" if refused is None else f" ({refused})"
        detail = f"the store does not verify the checksums of objects; use a store that does{told}"
        return self._check("checksums", "missing", detail)

    def _clock(self, date: str) -> Check:
        return clock_check(self._target.part, date, datetime.now(UTC))


def clock_check(part: str, date: str, now: datetime) -> Check:
    """What the `Date` of an answer says about this machine's clock.

    Args:
        part: the part that got the answer.
        date: the header; "" where there was none.
        now: this machine's time when it came.
    """
    try:
        skew_seconds = abs((now - parsedate_to_datetime(date)).total_seconds())
    except ValueError:
        return Check(part, "clock", "not tried", "the store's answers have no date")
    told = f"{skew_seconds:.0f} s off the store's"
    if skew_seconds < _MOST_SKEW_SECONDS:
        return Check(part, "clock", "ok", told)
    return Check(
        part, "clock", "missing", f"{told}; set this machine's clock: from 15 minutes on, the store refuses requests"
    )

"""What becomes of values and files when every request may fail: right values, or one error that says what and where."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.retries.standard import ExponentialBackoff

from cloudstore import S3FileHandle, S3FileManager, s3_pickle_io_manager, s3_resource, versioned_s3_io_manager
from cloudstore.client import make_client
from cloudstore.testing import Fault, FaultProxy
from cloudstore.transfer import delete_objects, list_objects, put_bytes
from core import DagsterInstance, ModeDefinition, execute_pipeline, pipeline, solid
from core.errors import DagsterObjectStoreError, DagsterResourceUnavailableError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

DATA = b"".join(number.to_bytes(4, "big") for number in range(100_000))  # 400 kB, no two places alike
RANGE = 128 << 10
PART = 5 << 20  # the least that stores take
LARGE = DATA * 30  # three parts
ATTEMPTS = 5
READ_TIMEOUT_SECONDS = 10.0  # so that a busy machine adds no faults of its own
STALLED_TIMEOUT_SECONDS = 0.8
# A use sends some ten requests, each several times, and each may last as long as the timeout.
MOST_SECONDS = 30

PASSING = [
    Fault.refused(0.02),
    Fault.reset(),
    Fault.lost_reply(),
    Fault.stall(2 * STALLED_TIMEOUT_SECONDS),
    Fault.cut(),
    Fault.error("InternalError"),
    Fault.error("SlowDown"),
]
LASTING = [
    Fault.error("InvalidRequest"),
    Fault.error("AccessDenied"),
    Fault.error("NoSuchKey"),
    Fault.error("ConditionalRequestConflict"),
    Fault.error("PreconditionFailed"),
    Fault.error("ExpiredToken"),
    Fault.wrong_byte(),
]
ACTION = re.compile(
    r"\b(?:Get|Put|Head|Delete|List|Upload|Complete|Create|Abort)(?:Object|Part|Multipart)\w*\b|was stored by run"
)


@dataclass
class Lab:
    """A bucket behind a proxy."""

    proxy: FaultProxy
    options: dict[str, Any]
    bucket: str
    direct: S3Client
    folder: Path

    def client(self) -> S3Client:
        return make_client(self.options)

    def objects(self) -> dict[str, bytes]:
        return {
            each.key: self.direct.get_object(Bucket=self.bucket, Key=each.key)["Body"].read()
            for each in list_objects(self.direct, self.bucket, "")
        }

    def pending_uploads(self) -> list[Any]:
        return list(self.direct.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))


@pytest.fixture
def lab(
    embedded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    # Pauses shorter than a user's, so that many faults fit into a second.
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.03)
    monkeypatch.setattr("cloudstore.transfer.asking._FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("cloudstore.transfer.asking._LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("cloudstore.transfer.parts.PART_BYTES", PART)
    monkeypatch.setattr("cloudstore.transfer.stream.RANGE_BYTES", RANGE)
    is_stalled = request.node.callspec.params["fault"].kind == "stall"
    with FaultProxy(embedded.options["endpoint_url"], seed=len(request.node.name)) as proxy:
        options = {
            **embedded.options,
            "endpoint_url": proxy.endpoint_url,
            "max_attempts": ATTEMPTS,
            "read_timeout_seconds": STALLED_TIMEOUT_SECONDS if is_stalled else READ_TIMEOUT_SECONDS,
        }
        yield Lab(proxy, options, embedded.bucket, embedded.client, tmp_path)


# --- the uses: each raises, or returns after it has checked what it got -----------------------------------------------


def run_pipeline(lab: Lab, manager: Any, memoize: bool) -> None:
    received: list[Any] = []

    @solid(version="1")
    def first(_: Any) -> dict[str, bytes]:
        return {"data": DATA}

    @solid(version="1")
    def second(_: Any, found: dict[str, bytes]) -> int:
        received.append(found)
        return len(found["data"])

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"s3": s3_resource, "io_manager": manager})])
    def both() -> None:
        second(first())

    config = {"s3": {"config": lab.options}, "io_manager": {"config": {"s3_bucket": lab.bucket}}}
    with DagsterInstance.ephemeral(str(lab.folder)) as instance:
        execute_pipeline(both, {"resources": config}, instance=instance, memoize=memoize)
    lab.proxy.clear()
    assert received == [{"data": DATA}]
    assert len(lab.objects()) == 2


def values_of_a_run(lab: Lab) -> None:
    run_pipeline(lab, s3_pickle_io_manager, memoize=False)


def values_by_version(lab: Lab) -> None:
    run_pipeline(lab, versioned_s3_io_manager, memoize=True)


def write_in_one(lab: Lab) -> None:
    handle = S3FileManager(lab.client(), lab.bucket, "files").write_data(DATA[:1000], "bin")
    lab.proxy.clear()
    assert isinstance(handle, S3FileHandle)
    assert lab.objects() == {handle.s3_key: DATA[:1000]}


def write_in_parts(lab: Lab) -> None:
    handle = S3FileManager(lab.client(), lab.bucket, "files").write(io.BytesIO(LARGE), ext="bin")
    lab.proxy.clear()
    assert isinstance(handle, S3FileHandle)
    assert lab.objects() == {handle.s3_key: LARGE}


def create_in_one(lab: Lab) -> None:
    assert put_bytes(lab.client(), lab.bucket, "k", DATA, if_absent=True)
    assert lab.objects() == {"k": DATA}


def read_whole(lab: Lab) -> None:
    handle = S3FileHandle(lab.bucket, "whole")
    put_bytes(lab.direct, lab.bucket, "whole", DATA)
    assert S3FileManager(lab.client(), lab.bucket, "files").read_data(handle) == DATA


def read_as_a_stream(lab: Lab) -> None:
    handle = S3FileHandle(lab.bucket, "stream")
    put_bytes(lab.direct, lab.bucket, "stream", DATA)
    with S3FileManager(lab.client(), lab.bucket, "files").read(handle) as stream:
        assert stream.read() == DATA


def read_a_slice(lab: Lab) -> None:
    handle = S3FileHandle(lab.bucket, "slice")
    put_bytes(lab.direct, lab.bucket, "slice", DATA)
    with S3FileManager(lab.client(), lab.bucket, "files").read(handle) as stream:
        stream.seek(RANGE - 10)
        assert stream.read(100_000) == DATA[RANGE - 10 :][:100_000]


def copy_to_a_file(lab: Lab) -> None:
    put_bytes(lab.direct, lab.bucket, "copy", DATA)
    manager = S3FileManager(lab.client(), lab.bucket, "files")
    try:
        assert Path(manager.copy_handle_to_local_temp(S3FileHandle(lab.bucket, "copy"))).read_bytes() == DATA
    finally:
        left = [path for path in Path(manager._copies._directory or lab.folder).iterdir() if path.is_file()]
        assert all(path.read_bytes() == DATA for path in left)
        manager.delete_local_temp()


def list_and_delete(lab: Lab) -> None:
    keys = {f"old/{number}" for number in range(5)}
    for key in keys:
        put_bytes(lab.direct, lab.bucket, key, b"x")
    client = lab.client()
    assert {each.key for each in list_objects(client, lab.bucket, "old/")} == keys
    delete_objects(client, lab.bucket, sorted(keys))
    assert lab.objects() == {}


USES: list[Callable[[Lab], None]] = [
    values_of_a_run,
    values_by_version,
    write_in_one,
    write_in_parts,
    create_in_one,
    read_whole,
    read_as_a_stream,
    read_a_slice,
    copy_to_a_file,
    list_and_delete,
]


# --- what has to hold -------------------------------------------------------------------------------------------------


def outcome(use: Callable[[Lab], None], lab: Lab, caplog: pytest.LogCaptureFixture) -> BaseException | None:
    """The error that `use` ended with, if any, after a look at what it left."""
    before = set(lab.objects())
    began, error = time.monotonic(), None
    with caplog.at_level(logging.WARNING):
        try:
            use(lab)
        except (DagsterObjectStoreError, DagsterResourceUnavailableError) as raised:
            error = raised
    assert time.monotonic() - began < MOST_SECONDS
    lab.proxy.clear()
    if error is not None:
        told = str(error)
        # A bucket that cannot be used at all is the object then, and starting the run the action.
        assert isinstance(error, DagsterResourceUnavailableError) or f"s3://{lab.bucket}/" in told, told
        assert isinstance(error, DagsterResourceUnavailableError) or ACTION.search(told), told
        assert lab.bucket in told
    if use in (write_in_parts, create_in_one, write_in_one):
        assert [body for key, body in lab.objects().items() if key not in before] in (
            [],
            [DATA],
            [LARGE],
            [DATA[:1000]],
        )
    pending = lab.pending_uploads()
    warned = [record for record in caplog.records if "upload" in record.getMessage()]
    assert not pending or warned, f"{len(pending)} uploads stay, and nobody says so"
    return error


# Stores tell no checksum of a slice, so no wrong byte is noticed there.
CASES = [
    (use, fault)
    for use in USES
    for fault in PASSING + LASTING
    if not (use is read_a_slice and fault.kind == "wrong byte")
]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("use", "fault"), CASES, ids=lambda each: str(getattr(each, "__name__", each)))
def test_right_values_or_one_clear_error(
    lab: Lab, use: Callable[[Lab], None], fault: Fault, rate: float, caplog: pytest.LogCaptureFixture
) -> None:
    lab.proxy.inject(fault, rate=rate)
    outcome(use, lab, caplog)


@pytest.mark.parametrize("fault", PASSING, ids=str)
@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_what_passes_is_overcome(
    lab: Lab, use: Callable[[Lab], None], fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    lab.proxy.inject(fault, times=2)
    assert outcome(use, lab, caplog) is None
    assert lab.proxy.faults
    assert lab.pending_uploads() == []

"""`cloudstore doctor` as users run it."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from cloudstore.doctor.probe import clock_check
from cloudstore.doctor.target import target_of_logs
from cloudstore.testing import EmbeddedS3Server
from core.serdes import ConfigurableClassData

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from conftest import Project

FILE = ("-f", "flights.py", "--mode", "s3", "-c", "s3.yaml")
LOGS = """
compute_logs:
  module: cloudstore
  class: S3ComputeLogManager
  config:
    bucket: {env: STORE_BUCKET}
    endpoint_url: {env: STORE_URL}
    aws_access_key_id: {env: STORE_KEY}
    aws_secret_access_key: {env: STORE_SECRET}
    region_name: us-east-1
    addressing_style: path
"""


def told(done: CompletedProcess[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """(part, what) -> (state, detail), of output through a pipe."""
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert all(len(line) == 4 for line in lines), done.stdout + done.stderr
    return {(part, what): (state, detail) for state, part, what, detail in lines}


def missing(done: CompletedProcess[str]) -> dict[tuple[str, str], str]:
    """What is missing, of a command that says so."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found = {which: detail for which, (state, detail) in told(done).items() if state == "missing"}
    assert done.stderr.startswith("Error: 1 thing is" if len(found) == 1 else f"Error: {len(found)} things are")
    return found


@pytest.fixture
def is_left_empty(s3_server: EmbeddedS3Server, bucket: str):  # type: ignore[no-untyped-def]  # a generator fixture
    yield
    client = s3_server.client()
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


# ---- what is in order ----


@pytest.mark.usefixtures("is_left_empty")
def test_a_mode_and_an_instance_in_order(s3_project: Project) -> None:
    s3_project.write("home/dagster.yaml", LOGS)
    done = s3_project.command("doctor", *FILE)
    assert (done.returncode, done.stderr) == (0, "")
    found = told(done)
    assert {state for state, _ in found.values()} == {"ok"}
    databases = {("instance", f"{name} storage") for name in ("run", "event log", "schedule")}
    assert databases | {("instance", "compute log manager")} < set(found)
    probed = {"bucket", "s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:AbortMultipartUpload"}
    probed |= {"conditional writes", "checksums", "clock", "latency"}
    assert {what for part, what in found if part == "io_manager"} == probed
    assert {what for part, what in found if part == "compute logs"} == probed | {"s3:DeleteObject"}
    assert s3_project.variables["STORE_SECRET"] not in done.stdout


@pytest.mark.usefixtures("is_left_empty")
def test_a_bucket_without_a_file(s3_project: Project, s3_server: EmbeddedS3Server, bucket: str) -> None:
    variables = s3_server.environment()
    done = s3_project.command("doctor", "--bucket", bucket, "--prefix", "a/b", with_home=False, variables=variables)
    found = told(done)
    assert done.returncode == 0
    assert found.pop(("instance", "DAGSTER_HOME"))[0] == "not tried"
    assert {state for state, _ in found.values()} == {"ok"}
    assert found[("--bucket", "s3:PutObject")][1] == f"on arn:aws:s3:::{bucket}/a/b/*"


@pytest.mark.usefixtures("is_left_empty")
def test_reading_only_writes_nothing(s3_project: Project, s3_server: EmbeddedS3Server, bucket: str) -> None:
    arguments = ("--bucket", bucket, "--read-only", "--endpoint-url", s3_server.endpoint_url)
    done = s3_project.command("doctor", *arguments, variables=s3_server.environment())
    assert {what for part, what in told(done) if part == "--bucket" and what.startswith("s3:")} == {
        "s3:GetObject",
        "s3:ListBucket",
    }


def test_config_of_solids_is_not_needed_and_a_mode_without_s3_has_nothing_to_probe(project: Project) -> None:
    done = project.command("doctor", "-f", "flights.py", "--mode", "local")
    assert done.returncode == 0
    assert {part for part, _ in told(done)} == {"instance"}


def test_on_a_terminal_it_is_a_table(s3_project: Project) -> None:
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [str(s3_project.program), "doctor", *FILE],
        cwd=s3_project.folder,
        env={**s3_project.environment(), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    shown = b""
    while chunk := _read(reader):
        shown += chunk
    os.close(reader)
    assert process.wait() == 0
    text = shown.decode()
    assert "found, or how to fix it" in text
    assert "┃" in text
    assert text.count("io_manager") == 1


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 16)
    except OSError:  # Linux says so when the other end is closed
        return b""


# ---- what is not ----


def test_a_missing_bucket(s3_project: Project) -> None:
    done = s3_project.command("doctor", *FILE, "--set", "resources.io_manager.config.s3_bucket=no-such-bucket")
    found = missing(done)
    assert set(found) == {("io_manager", "bucket")}
    assert "create it: aws s3 mb s3://no-such-bucket" in found["io_manager", "bucket"]


@pytest.mark.usefixtures("is_left_empty")
def test_a_wrong_secret(s3_project: Project) -> None:
    s3_project.variables["STORE_SECRET"] = "not-the-secret-of-this-key"
    done = s3_project.command("doctor", *FILE)
    found = missing(done)
    assert set(found) == {("io_manager", "bucket")}
    assert "Check aws_secret_access_key." in found["io_manager", "bucket"]
    assert "not-the-secret" not in done.stdout + done.stderr


def test_a_closed_port(s3_project: Project) -> None:
    s3_project.write("home/dagster.yaml", LOGS)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # held, and nobody listens
        s3_project.variables["STORE_URL"] = f"http://127.0.0.1:{closed.getsockname()[1]}"
        found = missing(s3_project.command("doctor", *FILE))
    assert set(found) == {("io_manager", "bucket"), ("compute logs", "bucket")}
    assert all("Check endpoint_url" in detail for detail in found.values())


def test_a_database_that_is_none_does_not_hide_the_rest(s3_project: Project) -> None:
    s3_project.write("home/dagster.yaml", LOGS)
    (s3_project.home / "history").mkdir()
    s3_project.write("home/history/runs.db", b"this is no database, and long enough to be taken for one" * 20)
    done = s3_project.command("doctor")
    assert set(missing(done)) == {("instance", "run storage")}
    assert told(done)["compute logs", "s3:PutObject"][0] == "ok"


def test_a_profile_that_is_not_there_is_the_fault_of_one_part(s3_project: Project) -> None:
    s3_project.write("home/dagster.yaml", LOGS)
    done = s3_project.command("doctor", *FILE, "--set", "resources.s3.config.profile_name=nobody")
    found = missing(done)
    assert set(found) == {("io_manager", "configuration")}
    assert "nobody" in found["io_manager", "configuration"]
    assert told(done)["compute logs", "bucket"][0] == "ok"


def test_an_endpoint_that_is_no_url(s3_project: Project) -> None:
    s3_project.variables["STORE_URL"] = "over there"
    done = s3_project.command("doctor", *FILE)
    assert done.returncode == 1
    assert "endpoint_url" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("resources.io_manager.config.s3_bukket=x", "resources.io_manager.config.s3_bukket"),
        ("resources.io_manger.config.s3_bucket=x", "did you mean 'io_manager'?"),
        ("resources.io_manager.config.s3_prefix=a/../b", "s3_prefix: expected a path such as"),
        ("resources=3", "resources"),
    ],
)
def test_config_that_does_not_fit_is_refused(s3_project: Project, setting: str, said: str) -> None:
    done = s3_project.command("doctor", *FILE, "--set", setting)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert said in done.stderr


def test_a_missing_variable_is_named(project: Project) -> None:
    done = project.command("doctor", *FILE)
    assert done.returncode == 1
    assert "STORE_SECRET is not set" in done.stderr


# ---- the clock ----

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes_off", "state"), [(0, "ok"), (14, "ok"), (-14, "ok"), (15, "missing"), (-15, "missing"), (1000, "missing")]
)
def test_the_clock(minutes_off: int, state: str) -> None:
    date = format_datetime(NOW + timedelta(minutes=minutes_off), usegmt=True)
    check = clock_check("part", date, NOW)
    assert check.state == state
    assert f"{abs(minutes_off) * 60} s" in check.detail
    assert ("set this machine's clock" in check.detail) is (state == "missing")


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_an_answer_without_a_date_says_nothing_of_the_clock(date: str) -> None:
    assert clock_check("part", date, NOW).state == "not tried"


def test_a_store_that_is_silent_is_not_waited_for_as_in_a_run() -> None:
    config = '{"bucket": "b", "region_name": "us-east-1", "max_attempts": 9, "connect_timeout_seconds": 0.5}'
    target = target_of_logs(ConfigurableClassData("cloudstore", "S3ComputeLogManager", config))
    assert target is not None
    chosen = target.client.meta.config
    assert (chosen.retries["total_max_attempts"], chosen.read_timeout, chosen.connect_timeout) == (2, 10.0, 0.5)

"""Secrets of a run's config: on the local disk, and nowhere else."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cloudstore.compute_logs.noted_secrets import NotedSecrets
from core import Field, StringSource, execute_pipeline, pipeline, resource, solid
from core.compute_logs.names import ComputeIOType
from core.config import Secret
from core.definitions.mode import ModeDefinition
from core.records.pipeline_run import PipelineRun

STDOUT, STDERR = ComputeIOType.STDOUT, ComputeIOType.STDERR
RUN = PipelineRun("p", "run-1")

FROM_ENVIRONMENT = "environment-s3cr3t"
WRITTEN_OUT = "written-out-s3cr3t"
BY_ITS_NAME = "named-like-one-s3cr3t"
OF_A_RESOURCE = "nested-in-a-resource-s3cr3t"
FREE_FORM = "free-form-s3cr3t-é🦆"
SECRETS = [FROM_ENVIRONMENT, WRITTEN_OUT, BY_ITS_NAME, OF_A_RESOURCE, FREE_FORM]
UNMARKED = "shown-to-all"

MIB_8, KIB_64 = 8 << 20, 64 << 10


@resource({"store": {"inner": {"key": Field(StringSource, is_secret=True)}}, "options": dict})
def store(context: Any) -> Any:
    return context.resource_config


@solid(
    config_schema={
        "key": Field(StringSource, is_secret=True),
        "other": Field(str, is_secret=True),
        "password": StringSource,
        "plain": str,
    },
    required_resource_keys={"store"},
)
def tells_all(context: Any) -> None:
    inner = context.resources.store
    values = [*context.solid_config.values(), inner["store"]["inner"]["key"], inner["options"]["token"]]
    for value in values:
        raw = value.encode()
        print("printed:", value)
        print(value * 3)
        sys.stdout.flush()
        os.write(1, raw[:5])
        sys.stdout.flush()
        os.write(1, raw[5:] + b"\n")
        for descriptor in (1, 2):
            subprocess.run([sys.executable, "-c", f"import os; os.write({descriptor}, {raw!r})"], check=True)
        context.log.info(f"a message with {value}")
        for border in (KIB_64, MIB_8):
            sys.stdout.flush()
            at = os.fstat(1).st_size
            os.write(1, b"." * (border - at % border - len(raw) // 2) + raw + b"\n")


@pipeline(mode_defs=[ModeDefinition(resource_defs={"store": store})])
def telling() -> None:
    tells_all()


RUN_CONFIG = {
    "solids": {
        "tells_all": {
            "config": {
                "key": {"env": "A_SECRET"},
                "other": WRITTEN_OUT,
                "password": BY_ITS_NAME,
                "plain": UNMARKED,
            }
        }
    },
    "resources": {"store": {"config": {"store": {"inner": {"key": OF_A_RESOURCE}}, "options": {"token": FREE_FORM}}}},
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", FROM_ENVIRONMENT)
    monkeypatch.setenv("ANY_NAME", WRITTEN_OUT)  # where what was written out is found after a kill


@contextmanager
def all_bodies(lab: Any) -> Iterator[list[bytes]]:
    """Every body that reaches the store while the block runs, by looking at the bucket again and again."""
    seen: dict[tuple[str, str], bytes] = {}
    over = threading.Event()

    def look() -> None:
        while True:
            is_over = over.is_set()
            for key in lab.all_keys():
                try:
                    answer = lab.get(key)
                except lab.direct.exceptions.NoSuchKey:  # a segment, deleted meanwhile
                    continue
                body = answer["Body"]
                seen[key, answer["ETag"]] = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
            if is_over:
                return
            over.wait(0.02)

    bodies: list[bytes] = []
    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield bodies
    finally:
        over.set()
        thread.join()
        bodies.extend(seen.values())


def shown(bodies: list[bytes]) -> list[str]:
    return [secret for secret in SECRETS if any(secret.encode() in body for body in bodies)]


@pytest.mark.parametrize("is_gzipped", [False, True])
def test_no_secret_of_a_run_is_in_the_bucket(lab: Any, is_gzipped: bool) -> None:
    with lab.instance(gzip=is_gzipped, upload_interval=0.05) as instance:
        manager = instance.compute_log_manager
        local: list[bytes] = []
        journals: list[bytes] = []
        ended = manager.on_watch_finish

        def look_before(*arguments: Any) -> None:
            local.extend(path.read_bytes() for path in lab.spool().rglob("tells_all.*"))
            journals.extend(path.read_bytes() for path in lab.spool().glob(".writers/*"))
            ended(*arguments)

        manager.on_watch_finish = look_before
        with all_bodies(lab) as bodies:
            result = execute_pipeline(telling, RUN_CONFIG, instance=instance)
            assert result.success
            assert manager.drain() == []
    assert shown(bodies) == []
    assert shown(local) == SECRETS
    assert set(lab.logs()) == {"tells_all.out", "tells_all.err"}
    for name, content in lab.logs().items():
        assert UNMARKED.encode() in content
        assert content.count(b"*" * len(FROM_ENVIRONMENT)) >= 2
        whole = next(each for each in local if (b"printed:" in each) == (name == "tells_all.out"))
        assert len(content) >= len(whole)
    assert journals
    assert [secret for secret in SECRETS if secret.encode() in b"".join(journals)] == []
    assert b"A_SECRET" in b"".join(journals)


def test_patterns_are_hidden_line_by_line(lab: Any) -> None:
    manager = lab.manager(mask_patterns=[r"(?i)bearer \S+", r"\d{16}"])
    with manager.watch(RUN, "step"):
        os.write(1, b"Authorization: Bear")
        os.write(1, b"er abc.def and 12345678")
        os.write(1, b"87654321\nbearer of news: none\n")
    assert manager.finish_run(RUN) + manager.drain() == []
    expected = b"Authorization: ************** and ****************\n********* news: none\n"
    assert lab.logs()["step.out"] == expected


def test_the_managers_own_secret_is_hidden(lab: Any) -> None:
    manager = lab.manager()
    secret = lab.server.secret_key
    with manager.watch(RUN, "step"):
        os.write(1, f"<{secret}>".encode())
    assert manager.finish_run(RUN) + manager.drain() == []
    assert lab.logs()["step.out"] == b"<" + b"*" * len(secret) + b">"


KILLED = """
import json, os, signal, sys
from cloudstore import S3ComputeLogManager
from core.config import Secret
from core.records.pipeline_run import PipelineRun
manager = S3ComputeLogManager(**json.loads(sys.argv[1]))
manager.hide("run-1", [Secret(os.environ["A_SECRET"], "A_SECRET"), Secret("written-out-s3cr3t")])
with manager.watch(PipelineRun("p", "run-1"), "step"):
    text = f"<{os.environ['A_SECRET']}> <written-out-s3cr3t>" + "." * int(sys.argv[2]) + os.environ["A_SECRET"]
    os.write(1, text.encode())
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill(lab: Any, dots: int = 0, **options: Any) -> None:
    command = [sys.executable, "-c", KILLED, json.dumps(lab.config(**options)), str(dots)]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == -9


def hidden(dots: int = 0) -> bytes:
    stars = b"*" * len(FROM_ENVIRONMENT)
    return b"<" + stars + b"> <" + b"*" * len(WRITTEN_OUT) + b">" + b"." * dots + stars


def test_what_a_killed_process_left_is_hidden_where_the_variable_is(lab: Any) -> None:
    kill(lab)
    noted = b"".join(path.read_bytes() for path in lab.spool().glob(".writers/*"))
    assert noted
    assert FROM_ENVIRONMENT.encode() not in noted
    assert WRITTEN_OUT.encode() not in noted
    assert lab.manager().drain() == []
    assert lab.logs()["step.out"] == hidden()
    assert lab.left() == []


@pytest.mark.parametrize("now", [None, "another value"])
def test_what_a_killed_process_left_waits_for_the_variable(
    now: str | None, lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(lab)
    monkeypatch.delenv("A_SECRET") if now is None else monkeypatch.setenv("A_SECRET", now)
    manager = lab.manager()
    reported: list[tuple[str, str]] = []
    manager.report = lambda run_id, message: reported.append((run_id, message))
    manager.drain()
    assert lab.all_keys() == []
    assert {run_id for run_id, _ in reported} == {"run-1"}
    assert all("A_SECRET" in message and "Set it" in message for _, message in reported)
    assert all(FROM_ENVIRONMENT not in message for _, message in reported)
    manager.dispose()
    monkeypatch.setenv("A_SECRET", FROM_ENVIRONMENT)
    assert lab.manager().drain() == []
    assert lab.logs()["step.out"] == hidden()


def test_what_a_killed_process_left_waits_for_what_was_written_out(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kill(lab)
    monkeypatch.delenv("ANY_NAME")
    manager = lab.manager()
    reported: list[str] = []
    manager.report = lambda _run_id, message: reported.append(message)
    manager.drain()
    assert lab.all_keys() == []
    assert all("written out in the run config" in message and WRITTEN_OUT not in message for message in reported)
    assert reported
    manager.dispose()
    monkeypatch.setenv("ANOTHER_NAME", WRITTEN_OUT)
    assert lab.manager().drain() == []
    assert lab.logs()["step.out"] == hidden()


def test_a_secret_at_the_cut_of_a_killed_process_is_not_half_shown(lab: Any) -> None:
    cap = 10_000
    for shift in (3, 10, 16):
        # The first cut is at half of the cap; the last secret lies across it.
        dots = cap // 2 - len(hidden()) + len(FROM_ENVIRONMENT) - shift
        kill(lab, dots=dots, max_log_bytes=cap)
        spooled = lab.spool() / "run-1" / "compute_logs"
        (path,) = (each for each in spooled.iterdir() if each.suffix == ".out")
        with path.open("ab") as log:
            log.write(b"." * cap)
        assert lab.manager(max_log_bytes=cap).drain() == []
        content = lab.logs()["step.out"]
        assert b"dropped here" in content
        head = content[: cap // 2]
        assert set(head) <= set(b"<> *.")


ODD = ["", "x", "é🦆", "\udcff", "a\nb", "x" * 10_000, "'\"\\"]


@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_what_is_noted_of_a_secret_finds_it_again_and_nothing_else(value: str) -> None:
    noted = NotedSecrets.of([Secret(value, "NAME"), Secret("text")], {})
    assert noted.values({"NAME": value, "OTHER": "text"}) == ["text", value]
    assert noted.values({"NAME": value}) is None
    assert noted.values({"NAME": value + "x", "OTHER": "text"}) is None
    assert (noted.values({"OTHER": "text"}) is None) == bool(value)
    assert len(value) < 4 or value not in repr(noted)
    assert "'text'" not in repr(noted)
    assert NotedSecrets.of([Secret(value, "NAME")]).hashes != noted.hashes, "salted"


def test_a_number_that_is_spelled_otherwise_in_the_environment() -> None:
    environment = {"PIN": " 001234"}
    for order in (1, -1):
        noted = NotedSecrets.of([Secret("1234", "PIN"), Secret(" 001234", "PIN")][::order], environment)
        assert noted.values(environment) == [" 001234"]


Until = Callable[..., None]


def test_segments_hold_no_secret_wherever_they_are_cut(lab: Any, until: Until) -> None:
    manager = lab.manager(upload_interval=0.05, upload_bytes=7)
    manager.hide("run-1", [Secret(FROM_ENVIRONMENT, "A_SECRET")])
    segments: list[bytes] = []

    def shipped() -> int:
        parts = [key for key in lab.all_keys() if ".parts/" in key]
        segments[:] = [lab.content(key) for key in parts]
        return len(b"".join(segments))

    raw = FROM_ENVIRONMENT.encode()
    with manager.watch(RUN, "step"):
        os.write(1, b"." * 100 + raw[:7])
        until(lambda: shipped() >= 100)
        os.write(1, raw[7:] + b"." * 100)
        until(lambda: shipped() >= 200)
        assert b"".join(segments).startswith(b"." * 100 + b"*" * len(raw))
    assert len(segments) > 1
    assert manager.finish_run(RUN) + manager.drain() == []
    assert lab.logs()["step.out"] == b"." * 100 + b"*" * len(raw) + b"." * 100


def test_local_files_are_not_changed(lab: Any, tmp_path: Path) -> None:
    manager = lab.manager(upload_interval=3600)
    manager.hide("run-1", [Secret(FROM_ENVIRONMENT, "A_SECRET")])
    with manager.watch(RUN, "step"):
        print(FROM_ENVIRONMENT)
    assert manager.read_logs_file("run-1", "step", STDOUT).data == f"{FROM_ENVIRONMENT}\n"
    assert Path(manager.get_local_path("run-1", "step", STDOUT)).read_text() == f"{FROM_ENVIRONMENT}\n"


OWN_KEY = """
import json, os, signal, sys
from cloudstore import S3ComputeLogManager
from core.records.pipeline_run import PipelineRun
manager = S3ComputeLogManager(**json.loads(sys.argv[1]))
with manager.watch(PipelineRun("p", "run-1"), "step"):
    os.write(1, b"<the-key-of-then>")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_managers_own_secret_is_hidden_although_it_was_changed_since(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.dumps(lab.config(aws_secret_access_key="the-key-of-then"))
    done = subprocess.run([sys.executable, "-c", OWN_KEY, config], capture_output=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr
    assert not any(b"the-key-of-then" in path.read_bytes() for path in lab.spool().glob(".writers/*"))
    manager = lab.manager()
    (why,) = manager.drain()
    assert "FORMER_AWS_SECRET_ACCESS_KEY" in why
    assert lab.all_keys() == []
    manager.dispose()
    monkeypatch.setenv("FORMER_AWS_SECRET_ACCESS_KEY", "the-key-of-then")
    assert lab.manager().drain() == []
    assert lab.logs()["step.out"] == b"<***************>"

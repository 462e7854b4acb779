"""Run ids, step keys and attempts that want out, and symbolic links: on reading, writing, fetching and deleting."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudstore.compute_logs.objects import LogPlaces
from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.manager import ComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.config import Secret
from core.errors import DagsterInvariantViolationError
from core.process.journal import Line
from core.records.pipeline_run import PipelineRun

STDOUT, STDERR = ComputeIOType.STDOUT, ComputeIOType.STDERR
IN_BUCKETS = ["moto", "embedded"]
Make = Callable[..., ComputeLogManager]
Stored = Callable[[], dict[str, int]]

NAMES = [
    "..",
    ".",
    "../..",
    "../../../../../../../../tmp/x",
    "%2e%2e",
    "%2E%2E%2F",
    "..%2F..%2fx",
    "%252f..%252f",
    "%00",
    "a\0b",
    "/etc/passwd",
    "//",
    "C:\\x",
    "..\\..\\x",
    "\\\\host\\share",
    ".writers",
    ".completed",
    "compute_logs",
    "step.out.parts/00000000000000000000",
    "step(2)",
    "step.out",
    "~",
    "x" * 10_000,
    "é" * 5_000,
    "\udcff\ud800",
    "",
    "\n",
    "a\r\nstep",
]


def is_refusal(warning: str) -> bool:
    return "cannot name a file" in warning or "not valid Unicode" in warning


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
@pytest.mark.parametrize("place", ["run", "key"])
def test_a_name_has_a_log_of_its_own_or_is_refused(
    name: str, place: str, make: Make, stored: Stored, fenced: Path
) -> None:
    run, key = (PipelineRun("p", name), "step") if place == "run" else (PipelineRun("p", "run-1"), name or "p")
    manager = make()
    for other_run, other_key, attempt in (("run-1", "step", 1), ("run-1", "step", 2), ("run-2", "p", 1)):
        with manager.watch(PipelineRun("p", other_run), other_key, attempt):
            os.write(1, b"another's")
        manager.finish_run(PipelineRun("p", other_run))
    assert manager.drain() == []
    before = stored()
    with manager.watch(run, key):
        os.write(1, b"its own")
        os.write(2, b"its error")
    warnings = manager.finish_run(run)
    assert manager.drain() == []
    if warnings:
        assert all(map(is_refusal, warnings))
        assert stored() == before
        for refused in (
            lambda: manager.read_logs_file(run.run_id, key, STDOUT),
            lambda: manager.get_local_path(run.run_id, key, STDOUT),
            lambda: manager.is_watch_completed(run.run_id, key),
        ):
            with pytest.raises(DagsterInvariantViolationError):
                refused()
        if place == "run":
            assert manager.delete_logs(run.run_id) == []
        assert stored() == before
        return
    for reader in (manager, make("elsewhere")):
        for io_type, text in ((STDOUT, "its own"), (STDERR, "its error")):
            path = reader.get_local_path(run.run_id, key, io_type)
            assert os.path.commonpath([os.path.realpath(path), os.path.realpath(fenced)]) == os.path.realpath(fenced)
            assert reader.read_logs_file(run.run_id, key, io_type).data == text
        assert reader.read_logs_file("run-1", "step", STDOUT, attempt=2).data == "another's"
    manager.recover()
    make("elsewhere").recover()
    if place == "run" and name not in ("run-1", "run-2"):
        manager.delete_logs(name)
        make("elsewhere").delete_logs(name)
        third = make("third")
        for io_type in (STDOUT, STDERR):
            assert third.read_logs_file(name, key, io_type).data in (None, "")
        for other_run, other_key, attempt in (("run-1", "step", 1), ("run-1", "step", 2), ("run-2", "p", 1)):
            found = third.read_logs_file(other_run, other_key, STDOUT, attempt=attempt)
            assert found.data == "another's"


TEXT = st.text(st.sampled_from("./\\%2eEfF5()[]~\0ao\n\udcff")) | st.text() | st.sampled_from(NAMES)
LOG = st.tuples(TEXT, TEXT, st.integers(1, 12), st.sampled_from(ComputeIOType))


def local_path(base: Path, log: tuple[str, str, int, ComputeIOType]) -> str | None:
    with suppress(DagsterInvariantViolationError):
        run_id, key, attempt, io_type = log
        return LocalComputeLogManager(str(base)).get_local_path(run_id, key, io_type, attempt)
    return None


def object_key(log: tuple[str, str, int, ComputeIOType]) -> str | None:
    with suppress(DagsterInvariantViolationError):
        run_id, key, attempt, io_type = log
        return LogPlaces("bucket", "some/prefix").of_log(run_id, key, io_type, attempt)
    return None


@given(LOG, LOG)
@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_logs_share_a_file_or_a_key(tmp_path: Path, one: Any, other: Any) -> None:
    for found in (lambda log: local_path(tmp_path, log), object_key):
        first, second = found(one), found(other)
        assert (first == second) == (one == other) or first is None or second is None


@given(LOG)
@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_file_and_key_is_below_its_runs_place(tmp_path: Path, log: Any) -> None:
    run_id = log[0]
    path = local_path(tmp_path, log)
    if path is not None:
        below = Path(os.path.realpath(path)).relative_to(os.path.realpath(tmp_path))
        assert len(below.parts) == 3
        assert below.parts[1] == "compute_logs"
        assert ".writers" not in below.parts
        assert len(below.name.encode()) <= 255 - len(".partial-")
    key = object_key(log)
    if key is not None:
        places = LogPlaces("bucket", "some/prefix")
        assert key.startswith(places.of_run(run_id))
        assert key.count("/") == 5
        assert not {"", ".", ".."} & set(key.split("/"))
        assert "\\" not in key
        assert places.is_log(key)
        assert places.is_log(f"{key}.parts/{0:020d}")
        assert not places.is_log(f"{key}x")


@pytest.mark.parametrize("prefix", ["p", "x.parts/p", "a.out.parts/p", "b.err.parts/00000000000000000000", ""])
def test_what_is_a_log_does_not_depend_on_the_prefix(prefix: str) -> None:
    places = LogPlaces("bucket", prefix)
    below = places.of_run("run")
    for name in ("s.out", "s(2).err", "s.out.parts/00000000000000000000", "s.err.parts/00000000000000000007.gz"):
        assert places.is_log(below + name)
    for name in ("result", "s.outs", "result/s.out", "s.parts/00000000000000000000", "s.out/x"):
        assert not places.is_log(below + name)


@pytest.mark.parametrize("attempt", [0, -1, True, False, "2", 2.5, 2.0, None, "../2"])
def test_attempts_that_are_none(attempt: Any, tmp_path: Path) -> None:
    manager = LocalComputeLogManager(str(tmp_path))
    with pytest.raises(DagsterInvariantViolationError, match="counted from 1"):
        manager.get_local_path("run", "step", STDOUT, attempt)
    with pytest.raises(DagsterInvariantViolationError, match="counted from 1"):
        LogPlaces("bucket", "p").of_log("run", "step", STDOUT, attempt)


@given(TEXT, TEXT)
@settings(max_examples=60)
def test_writing_reading_and_deleting_touches_nothing_outside(run_id: str, key: str) -> None:
    outer = Path(tempfile.mkdtemp())
    base = outer / "x" / "base"
    try:
        (outer / "secret.out").write_text("not for you")
        manager = LocalComputeLogManager(str(base))
        manager.echo = lambda chunk: None
        run = PipelineRun("p", run_id)
        with manager.watch(run, key):
            os.write(1, b"its own")
        warnings = manager.finish_run(run)
        if not warnings:
            assert manager.read_logs_file(run_id, key or "p", STDOUT).data == "its own"
            assert manager.is_watch_completed(run_id, key or "p")
        manager.delete_logs(run_id)
        manager.dispose()
        assert [str(path.relative_to(outer)) for path in outer.rglob("*") if path.is_file()] == ["secret.out"]
        assert (outer / "secret.out").read_text() == "not for you"
    finally:
        shutil.rmtree(outer)


RUN = PipelineRun("p", "run-1")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that no log is in, with files called like those of logs."""
    folder = tmp_path / "outside"
    (folder / "compute_logs").mkdir(parents=True)
    for name in ("step.out", "step.err", ".completed", "compute_logs/step.out", "compute_logs/.completed"):
        (folder / name).write_text("\nstep\n")
    return folder


def untouched(outside: Path) -> bool:
    found = {str(path.relative_to(outside)): path.read_text() for path in outside.rglob("*") if path.is_file()}
    names = {"step.out", "step.err", ".completed", "compute_logs/step.out", "compute_logs/.completed"}
    return found == dict.fromkeys(names, "\nstep\n")


@pytest.mark.parametrize("link", ["run-1", "run-1/compute_logs", ".writers"])
def test_folders_that_are_links_are_refused(link: str, tmp_path: Path, outside: Path) -> None:
    base = tmp_path / "base"
    (base / link).parent.mkdir(parents=True)
    (base / link).symlink_to(outside)
    manager = LocalComputeLogManager(str(base))
    with manager.watch(RUN, "step"):
        os.write(1, b"not kept")
    (warning,) = manager.finish_run(RUN)
    assert "not kept" in warning
    manager.recover()
    if link != ".writers":
        for refused in (
            lambda: manager.read_logs_file("run-1", "step", STDOUT),
            lambda: manager.is_watch_completed("run-1", "step"),
            lambda: manager.delete_logs("run-1"),
        ):
            with pytest.raises(DagsterInvariantViolationError, match="lies outside"):
                refused()
    manager.dispose()
    assert untouched(outside)


@pytest.mark.parametrize("name", ["step.out", "step.err", ".completed"])
def test_files_that_are_links_are_neither_read_nor_written(name: str, tmp_path: Path, outside: Path) -> None:
    folder = tmp_path / "base" / "run-1" / "compute_logs"
    folder.mkdir(parents=True)
    (folder / name).symlink_to(outside / name)
    manager = LocalComputeLogManager(str(tmp_path / "base"))
    with pytest.raises(DagsterInvariantViolationError, match="is a symbolic link"):
        manager.read_logs_file("run-1", "step", STDERR if name == "step.err" else STDOUT)
    with manager.watch(RUN, "step"):
        os.write(1, b"out")
        os.write(2, b"err")
    manager.finish_run(RUN)
    assert untouched(outside)
    if name != ".completed":
        assert manager.read_logs_file("run-1", "step", STDOUT).data == "out"
    manager.delete_logs("run-1")
    assert not folder.exists()
    assert untouched(outside)
    manager.dispose()


def test_a_log_that_becomes_a_link_while_it_is_written_is_not_shortened(tmp_path: Path, outside: Path) -> None:
    (outside / "step.out").write_text("\nstep\n" * 10_000)
    manager = LocalComputeLogManager(str(tmp_path / "base"), max_log_bytes=4096)
    with manager.watch(RUN, "step"):
        os.write(1, b"x" * 10_000)
        manager.show_output()
        path = Path(manager.get_local_path("run-1", "step", STDOUT))
        path.unlink()
        path.symlink_to(outside / "step.out")
    manager.finish_run(RUN)
    manager.dispose()
    assert (outside / "step.out").read_text() == "\nstep\n" * 10_000


@pytest.mark.parametrize("kind", IN_BUCKETS)
@pytest.mark.parametrize("link", ["step.out", "compute_logs", "run-1"])
@pytest.mark.parametrize("gzip", [False, True])
def test_what_is_fetched_is_not_written_through_links(
    link: str, gzip: bool, make: Make, fenced: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    manager = make(gzip=gzip)
    with manager.watch(RUN, "step"):
        os.write(1, b"the log")
    assert manager.finish_run(RUN) + manager.drain() == []
    outside = tmp_path_factory.mktemp("outside")
    (outside / "compute_logs").mkdir()
    for name in ("step.out", "compute_logs/step.out"):
        (outside / name).write_text("not for you")
    places = {"step.out": "run-1/compute_logs/step.out", "compute_logs": "run-1/compute_logs", "run-1": "run-1"}
    path = fenced / "elsewhere" / places[link]
    path.parent.mkdir(parents=True)
    path.symlink_to(outside / ("step.out" if link == "step.out" else ""))
    elsewhere = make("elsewhere")
    with suppress(DagsterInvariantViolationError):
        assert elsewhere.read_logs_file("run-1", "step", STDOUT).data == "the log"
    for name in ("step.out", "compute_logs/step.out"):
        assert (outside / name).read_text() == "not for you"
    assert sorted(each.name for each in outside.rglob("*")) == ["compute_logs", "step.out", "step.out"]
    path.unlink()
    assert make("elsewhere").read_logs_file("run-1", "step", STDOUT).data == "the log"
    assert not (fenced / "elsewhere").joinpath("run-1", "compute_logs", ".step.out.gz").exists()


@pytest.mark.parametrize("link", ["run-1", "run-1/compute_logs", ".writers"])
def test_a_run_whose_folders_are_links_ends_with_a_warning(
    link: str, make: Make, fenced: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    manager, outside = make(), tmp_path_factory.mktemp("outside")
    for base in (fenced, fenced / "here"):
        (base / link).parent.mkdir(parents=True, exist_ok=True)
        (base / link).symlink_to(outside)
    run = PipelineRun("p", "run-1")
    manager.recover()
    manager.hide("run-1", [Secret("secret text")])
    with manager.watch(run, "step"):
        os.write(1, b"printed")
    warnings = manager.finish_run(run)
    assert any("The output of step 'step' is not kept" in each for each in warnings)
    assert list(outside.iterdir()) == []


BAD_ENTRIES: list[dict[str, Any]] = [
    {"run_id": 1, "key": None, "attempt": 1, "nameless": "x"},
    {"run_id": "run-1", "key": "step", "attempt": True, "nameless": "x"},
    {"run_id": "run-1", "key": "step", "attempt": 0, "nameless": "x"},
    {"run_id": "run-1", "key": "step", "attempt": 1, "nameless": 5},
    {"run_id": "run-1", "key": "step", "attempt": 1, "nameless": "../../x\0"},
    {"run_id": ["x"], "nameless": "n"},
    {"run_id": {}, "key": [], "attempt": {}, "nameless": None},
]


@pytest.mark.parametrize("entry", BAD_ENTRIES, ids=repr)
def test_an_entry_of_a_journal_that_is_none_is_passed_over(entry: dict[str, Any], make: Make, fenced: Path) -> None:
    lines = [entry, {"run_id": "run-1", "key": "good", "attempt": 1, "nameless": ".1-x"}]
    for base in (fenced, fenced / "here"):
        (base / ".writers").mkdir(parents=True)
        written = [msgspec.json.encode(Line(number, each)) for number, each in enumerate(lines)]
        (base / ".writers" / "x.jsonl").write_bytes(b"\n".join([b"head", *written, b""]))
        (base / "run-1" / "compute_logs").mkdir(parents=True)
        (base / "run-1" / "compute_logs" / ".1-x.out").write_text("last words")
    manager = make()
    assert manager.drain() == []
    manager.recover()
    assert manager.read_logs_file("run-1", "good", STDOUT).data == "last words"


@pytest.mark.parametrize("kind", IN_BUCKETS)
@pytest.mark.parametrize("hidden", [5, {"salt": 1}, {"salt": "", "hashes": ["A"], "texts": []}, None])
def test_what_is_secret_by_a_note_that_cannot_be_read_stays_here(hidden: Any, make: Make, fenced: Path) -> None:
    base = fenced / "here"
    lines: list[dict[str, Any]] = [
        {"run_id": "run-1", "hidden": hidden},
        {"run_id": "run-1", "key": "step", "attempt": 1, "nameless": ".1-x"},
    ]
    (base / ".writers").mkdir(parents=True)
    journal = base / ".writers" / "x.jsonl"
    written = [msgspec.json.encode(Line(number, each)) for number, each in enumerate(lines)]
    journal.write_bytes(b"\n".join([b"head", *written, b""]))
    (base / "run-1" / "compute_logs").mkdir(parents=True)
    (base / "run-1" / "compute_logs" / "step.out").write_text("a secret")
    (problem,) = make().drain()
    assert str(journal) in problem
    assert make("elsewhere").read_logs_file("run-1", "step", STDOUT).data is None

"""Processes that are killed, and processes that steps leave behind: no byte is lost, none lands in another's log."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.records.pipeline_run import PipelineRun

STDOUT, STDERR = ComputeIOType.STDOUT, ComputeIOType.STDERR
RUN = PipelineRun("flights", "run-1")
StartPython = Callable[..., "subprocess.Popen[str]"]

PRELUDE = """
import os, signal, subprocess, sys
from pathlib import Path
from core.compute_logs.local import LocalComputeLogManager
from core.records.pipeline_run import PipelineRun
manager = LocalComputeLogManager(sys.argv[1])
manager.echo = lambda chunk: None
RUN = PipelineRun("flights", "run-1")
def say(text):
    os.write(saved, text.encode() + b"\\n")
saved = os.dup(1)
"""


@contextlib.contextmanager
def disposing(manager: LocalComputeLogManager) -> Iterator[LocalComputeLogManager]:
    try:
        yield manager
    finally:
        manager.dispose()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[LocalComputeLogManager]:
    with disposing(LocalComputeLogManager(str(tmp_path / "base"))) as made:
        yield made


def run_killed(base: Path, script: str, *arguments: object) -> None:
    """Runs a script that kills itself."""
    command = [sys.executable, "-c", PRELUDE + script, str(base), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def contents(manager: LocalComputeLogManager, key: str, attempt: int = 1) -> tuple[bytes, bytes]:
    paths = [Path(manager.get_local_path("run-1", key, io_type, attempt)) for io_type in (STDOUT, STDERR)]
    return paths[0].read_bytes() if paths[0].exists() else b"", paths[1].read_bytes() if paths[1].exists() else b""


def journals(manager: LocalComputeLogManager) -> list[Path]:
    folder = manager.base_dir / ".writers"
    return list(folder.iterdir()) if folder.exists() else []


def nameless(manager: LocalComputeLogManager) -> list[str]:
    folder = Path(manager.get_local_path("run-1", "step", STDOUT)).parent
    return [path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".completed"]


KILLED_AT_ONCE = """
with manager.watch(RUN, "quiet"):
    pass
with manager.watch(RUN, "step", 2):
    os.write(1, b"out\\xff\\n" * int(sys.argv[2]))
    os.write(2, b"err\\n" * int(sys.argv[3]))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("outs", "errs", "way"),
    [(1, 1, "recover"), (1, 0, "drain"), (0, 1, "recover"), (0, 0, "recover"), (100_000, 1, "drain and recover")],
)
def test_what_was_written_just_before_the_kill_is_in_the_log(
    outs: int, errs: int, way: str, manager: LocalComputeLogManager, tmp_path: Path
) -> None:
    run_killed(tmp_path / "base", KILLED_AT_ONCE, outs, errs)
    assert journals(manager), "nobody would know of the dead process"
    if "drain" in way:
        assert manager.drain() == []
    if "recover" in way:
        manager.recover()
    assert contents(manager, "step", 2) == (b"out\xff\n" * outs, b"err\n" * errs)
    assert manager.is_watch_completed("run-1", "step", 2)
    assert manager.is_watch_completed("run-1", "quiet")
    assert not manager.is_watch_completed("run-1", "step", 1)
    assert not manager.is_watch_completed("run-1", "never begun")
    assert journals(manager) == nameless(manager) == []
    piece = manager.read_logs_file("run-1", "step", STDOUT, attempt=2)
    assert (piece.data or "") == "out\ufffd\n" * outs


def tree(base: Path) -> dict[str, tuple[int, bytes]]:
    """All that is in a folder: when it was changed, and what is in it."""
    return {
        str(path): (path.lstat().st_mtime_ns, b"" if path.is_dir() else path.read_bytes())
        for path in [base, *base.rglob("*")]
    }


@pytest.mark.parametrize("way", ["is_watch_completed", "read_logs_file", "subscribe", "delete_logs"])
def test_reading_what_a_killed_process_printed_changes_nothing(
    way: str, manager: LocalComputeLogManager, tmp_path: Path
) -> None:
    run_killed(tmp_path / "base", KILLED_AT_ONCE, 2, 0)
    before = tree(tmp_path / "base")
    if way == "is_watch_completed":
        assert manager.is_watch_completed("run-1", "step", 2)
        assert not manager.is_watch_completed("run-1", "step", 1)
    elif way == "read_logs_file":
        piece = manager.read_logs_file("run-1", "step", STDOUT, attempt=2)
        assert (piece.data, piece.size) == ("out\ufffd\n" * 2, len(b"out\xff\n") * 2)
        assert not manager.read_logs_file("run-1", "step", STDERR, attempt=2).data
    elif way == "subscribe":
        pieces = list(manager.subscribe("run-1", "step", STDOUT, attempt=2))
        assert "".join(str(piece.data) for piece in pieces) == "out\ufffd\n" * 2
    else:
        assert len(manager.delete_logs("run-1", dry_run=True)) == 3
    assert tree(tmp_path / "base") == before


def test_one_who_reads_does_not_keep_another_from_recovering(
    manager: LocalComputeLogManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_killed(tmp_path / "base", KILLED_AT_ONCE, 1, 0)
    (journal,) = journals(manager)
    with journal.open() as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        monkeypatch.setattr("core.process.dead_journals.time.sleep", lambda seconds: reader.close())
        manager.recover()
        assert reader.closed
    assert journals(manager) == []


def test_a_killed_steps_log_is_followed_to_its_end(
    manager: LocalComputeLogManager, tmp_path: Path, start_python: StartPython
) -> None:
    script = """
with manager.watch(RUN, "step"):
    os.write(1, b"begun\\n")
    say("ready")
    sys.stdin.readline()
"""
    process = start_python(PRELUDE + script, tmp_path / "base")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    manager.follow_interval_seconds = 0.001
    found = ""
    for piece in manager.subscribe("run-1", "step", STDOUT):
        found += str(piece.data)
        process.kill()
    assert found == "begun\n"


def test_the_logs_of_the_living_are_left_alone(
    manager: LocalComputeLogManager, tmp_path: Path, start_python: StartPython
) -> None:
    script = """
for _ in range(2):
    with manager.watch(RUN, "step"):
        say("ready")
        sys.stdin.readline()
        os.write(1, b"late\\n")
    say("ended")
    sys.stdin.readline()
"""
    process = start_python(PRELUDE + script, tmp_path / "base")
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline() == "ready\n"
        manager.recover()
        assert not manager.is_watch_completed("run-1", "step")
        assert contents(manager, "step") == (b"", b"")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ended\n"
        assert manager.is_watch_completed("run-1", "step")
        assert contents(manager, "step") == (b"late\n", b"")
        process.stdin.write("\n")
        process.stdin.flush()
    process.kill()
    process.wait()
    manager.recover()
    assert contents(manager, "step") == (b"late\n", b"")
    assert journals(manager) == nameless(manager) == []


def test_a_step_begun_again_after_a_kill_has_only_its_own_output(
    manager: LocalComputeLogManager, tmp_path: Path
) -> None:
    run_killed(tmp_path / "base", KILLED_AT_ONCE, 1, 1)
    with manager.watch(RUN, "step", 2):
        assert not manager.is_watch_completed("run-1", "step", 2)
        os.write(1, b"again\n")
        manager.recover()
    assert manager.is_watch_completed("run-1", "step", 2)
    assert contents(manager, "step", 2)[0] == b"again\n"


def test_two_that_look_at_once_lose_nothing(tmp_path: Path, start_python: StartPython) -> None:
    base = tmp_path / "base"
    for number in range(5):
        run_killed(base, KILLED_AT_ONCE.replace('"step", 2', f'"step{number}"'), 1, 1)
    script = 'say("ready"); sys.stdin.readline(); manager.recover(); say("done")'
    lookers = [start_python(PRELUDE + script, base) for _ in range(3)]
    for looker in lookers:
        assert looker.stdout is not None
        assert looker.stdout.readline() == "ready\n"
    for looker in lookers:
        assert looker.stdin is not None
        looker.stdin.write("\n")
        looker.stdin.flush()
    for looker in lookers:
        assert looker.stdout is not None
        assert looker.stdout.readline() == "done\n"
    with disposing(LocalComputeLogManager(str(base))) as manager:
        for number in range(5):
            assert contents(manager, f"step{number}") == (b"out\xff\n", b"err\n")
            assert manager.is_watch_completed("run-1", f"step{number}")
        assert journals(manager) == []


BAD_ENTRIES = [
    {"run_id": "run-1", "key": "step", "attempt": 1, "nameless": "../../../../secret"},
    {"run_id": "run-1", "key": "step", "attempt": 1, "nameless": "a/b"},
    {"run_id": "..", "key": "../../secret", "attempt": 1, "nameless": ".x"},
    {"run_id": "", "key": "step", "attempt": 1, "nameless": ".x"},
    {"run_id": "run-1", "key": "x" * 9999, "attempt": 1, "nameless": ".x"},
    {"run_id": "run-1", "key": "step", "attempt": 0, "nameless": ".x"},
    {"run_id": "run-1", "nameless": ".x"},
    {"something": "else"},
    {},
]


@pytest.mark.parametrize("bad", BAD_ENTRIES, ids=lambda bad: ascii(bad)[:40])
def test_a_damaged_journal_does_not_keep_others_from_being_taken_up(
    bad: dict[str, object], manager: LocalComputeLogManager, tmp_path: Path
) -> None:
    (tmp_path / "secret.out").write_text("not for you")
    run_killed(tmp_path / "base", KILLED_AT_ONCE, 1, 0)
    written = json.dumps({"number": 1, "entry": bad})
    journal = tmp_path / "base" / ".writers" / "0.jsonl"
    journal.write_text(f"head\n{written}\nno json\n" + '{"number": 2, "entry": {"run_id": "r", "key"')
    manager.recover()
    assert journals(manager) == []
    assert contents(manager, "step", 2) == (b"out\xff\n", b"")
    assert (tmp_path / "secret.out").read_text() == "not for you"


LEAVES_A_DAEMON = """
reader, writer = os.pipe()
told, tell = os.pipe()
def daemon_by_double_fork():
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(writer); os.close(told)
            os.read(reader, 1)
            os.write(1, b"late\\n"); os.write(2, b"late too\\n")
            os.write(tell, b"x")
        os._exit(0)
    os.waitpid(child, 0)
LATE = "read x <&%d; echo late; echo late too >&2; echo x >&%d" % (reader, tell)
def daemon_by_shell():
    subprocess.run(f"({LATE}) &", shell=True, check=True, pass_fds=(reader, tell))
def daemon_by_setsid():
    subprocess.run(["sh", "-c", f"setsid sh -c '{LATE}' & exit 0"], check=True, pass_fds=(reader, tell))
def child_that_goes_on():
    subprocess.Popen(["sh", "-c", LATE], pass_fds=(reader, tell))
def nobody_waits_for():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.close(writer); os.close(told)
            os.read(reader, 1)
            os.write(1, b"late\\n"); os.write(2, b"late too\\n")
            os.write(tell, b"x")
        os._exit(0)
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass
with manager.watch(RUN, "leaves"):
    globals()[sys.argv[2]]()
with manager.watch(RUN, "next"):
    os.write(writer, b"\\n")
    os.read(told, 1)
with manager.watch(RUN, "last"):
    os.write(1, b"mine\\n")
manager.finish_run(RUN)
manager.dispose()
"""


@pytest.mark.parametrize(
    "way", ["daemon_by_double_fork", "daemon_by_shell", "daemon_by_setsid", "child_that_goes_on", "nobody_waits_for"]
)
def test_what_a_step_left_running_prints_into_that_steps_log(
    way: str, manager: LocalComputeLogManager, tmp_path: Path
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PRELUDE + LEAVES_A_DAEMON, str(tmp_path / "base"), way]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert contents(manager, "leaves") == (b"late\n", b"late too\n")
    assert contents(manager, "next") == (b"", b"")
    assert contents(manager, "last") == (b"mine\n", b"")
    assert journals(manager) == nameless(manager) == []


def test_a_child_that_has_nothing_to_do_with_steps_costs_them_no_files(
    manager: LocalComputeLogManager, tmp_path: Path
) -> None:
    unrelated = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        for number in range(10):
            with manager.watch(RUN, str(number)):
                pass
        folder = Path(manager.get_local_path("run-1", "0", STDOUT)).parent
        assert not [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        with manager.watch(RUN, "starts one"):
            own = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        assert [path.name for path in sorted(folder.iterdir()) if not path.name.startswith(".")] == [
            "starts%20one.err",
            "starts%20one.out",
        ]
        own.communicate()
    finally:
        unrelated.communicate()
    manager.finish_run(RUN)
    assert nameless(manager) == []


def test_a_process_that_ends_by_itself_leaves_no_journal(manager: LocalComputeLogManager, tmp_path: Path) -> None:
    script = 'with manager.watch(RUN, "step"): os.write(1, b"x")\nmanager.finish_run(RUN)'
    subprocess.run([sys.executable, "-c", PRELUDE + script, str(tmp_path / "base")], check=True, timeout=60)
    assert journals(manager) == nameless(manager) == []
    assert contents(manager, "step") == (b"x", b"")


def test_a_process_that_ends_without_finishing_its_run_is_taken_up(
    manager: LocalComputeLogManager, tmp_path: Path
) -> None:
    script = 'with manager.watch(RUN, "step"): os.write(1, b"x")'
    subprocess.run([sys.executable, "-c", PRELUDE + script, str(tmp_path / "base")], check=True, timeout=60)
    manager.recover()
    assert journals(manager) == []
    assert contents(manager, "step") == (b"x", b"")

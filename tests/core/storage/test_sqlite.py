"""SQLite under several processes, under kill -9, and with files that are no databases."""

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.errors import DagsterEventLogInvalidForRun, DagsterInvariantViolationError, DagsterStorageError
from core.events import AssetKey, DagsterEvent, EventLogEntry, StepOutputHandle
from core.events.payloads import StepMaterializationData
from core.records.pipeline_run import PipelineRun, PipelineRunStatus
from core.storage.event_log import SqliteEventLogStorage
from core.storage.runs import SqliteRunStorage
from core.storage.sqlite.database import BUSY_TIMEOUT_MS

StartPython = Callable[..., "subprocess.Popen[str]"]

COMMON = """
import sys
from core.events import DagsterEvent, EventLogEntry
from core.events.payloads import HandledOutputData
from core.storage.event_log import SqliteEventLogStorage
from core.records.pipeline_run import PipelineRun
from core.storage.runs import SqliteRunStorage

base, worker = sys.argv[1], sys.argv[2]

def entry(run_id, message, event=None):
    return EventLogEntry(None, message, 20, message, run_id, 0.0, "s", "p", event)

print("ready", flush=True)
sys.stdin.readline()
"""

# The storages are opened after the signal, so that the making of files and tables is raced for, too.
WRITER = (
    COMMON
    + """
events, runs = SqliteEventLogStorage(base), SqliteRunStorage.from_local(base)
for number in range(200):
    batch = [entry("shared", f"{worker} {number}")]
    if number % 5 == 0:
        run_id = f"{worker}-{number}"
        runs.add_run(PipelineRun("p", run_id, tags={"worker": worker}))
        runs.handle_run_event(run_id, DagsterEvent("PIPELINE_SUCCESS", "p"))
        data = HandledOutputData("result", "io_manager", f"v{number}", f"/{number}")
        event = DagsterEvent("HANDLED_OUTPUT", "p", step_key=f"s{worker}", event_specific_data=data)
        batch.append(entry(f"own-{worker}", "", event))
    events.store_events(batch)
"""
)

UNTIL_KILLED = (
    COMMON
    + """
events, runs = SqliteEventLogStorage(base), SqliteRunStorage.from_local(base)
number = 0
while True:
    events.store_event(entry("shared", f"{worker} {number}"))
    runs.add_run(PipelineRun("p", f"{worker}-{number}"))
    print(number, flush=True)
    number += 1
"""
)


def signal_all(processes: list["subprocess.Popen[str]"]) -> None:
    """Waits until each is ready, then lets all go at once."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def messages(storage: SqliteEventLogStorage, run_id: str) -> list[str]:
    return [entry.user_message for entry in storage.get_logs_for_run(run_id)]


def test_six_processes_writing_at_once_lose_nothing(tmp_path: Path, start_python: StartPython) -> None:
    workers = [start_python(WRITER, tmp_path, number) for number in range(6)]
    signal_all(workers)
    for worker in workers:
        _, errors = worker.communicate(timeout=BUSY_TIMEOUT_MS / 1000)
        assert (worker.returncode, errors) == (0, "")
    events, runs = SqliteEventLogStorage(str(tmp_path)), SqliteRunStorage.from_local(str(tmp_path))
    shared = messages(events, "shared")
    assert len(shared) == 1200
    assert runs.get_runs_count() == 240
    assert {run.status for run in runs.get_runs()} == {PipelineRunStatus.SUCCESS}
    for number in range(6):
        own = [message for message in shared if message.startswith(f"{number} ")]
        assert own == [f"{number} {each}" for each in range(200)]
        asked = {("p", StepOutputHandle(f"s{number}")): "v195"}
        assert [found.run_id for found in events.get_step_output_addresses(asked).values()] == [f"own-{number}"]
    events.dispose()
    runs.dispose()


def test_after_kill_9_all_that_was_acknowledged_is_there(tmp_path: Path, start_python: StartPython) -> None:
    doomed, survivor = (start_python(UNTIL_KILLED, tmp_path, name) for name in ("doomed", "survivor"))
    signal_all([doomed, survivor])
    acknowledged = [int(read_line(doomed)) for _ in range(50)][-1]
    doomed.kill()
    rest, _ = doomed.communicate()
    acknowledged += rest.count("\n")
    by_survivor = [int(read_line(survivor)) for _ in range(50)][-1]  # it is not kept waiting by the dead one
    survivor.kill()
    rest, errors = survivor.communicate()
    assert errors == ""
    by_survivor += rest.count("\n")

    for path in (tmp_path / "runs.db", tmp_path / "runs" / "shared.db"):
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    events, runs = SqliteEventLogStorage(str(tmp_path)), SqliteRunStorage.from_local(str(tmp_path))
    for worker, count in (("doomed", acknowledged), ("survivor", by_survivor)):
        expected = [f"{worker} {number}" for number in range(count + 1)]
        assert [each for each in messages(events, "shared") if each.startswith(worker)][: count + 1] == expected
        assert all(runs.has_run(f"{worker}-{number}") for number in range(count + 1))
    events.store_event(EventLogEntry(None, "", 20, "after", "shared", 0.0))
    assert messages(events, "shared")[-1] == "after"
    events.dispose()
    runs.dispose()


@pytest.mark.parametrize("odd", ["a b", "a?mode=ro", "a#b", "a%41b", "a\\b", "ü🦆", "it's; drop"])
def test_directories_with_odd_names(odd: str, tmp_path: Path) -> None:
    base = tmp_path / odd
    events, runs = SqliteEventLogStorage(str(base)), SqliteRunStorage.from_local(str(base))
    events.store_event(EventLogEntry(None, "", 20, "here", "r", 0.0))
    runs.add_run(PipelineRun("p", "r"))
    events.dispose()
    runs.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [odd]
    assert sorted(path.name for path in base.iterdir()) == ["runs", "runs.db"]
    assert messages(SqliteEventLogStorage(str(base)), "r") == ["here"]


def test_reading_makes_no_files(tmp_path: Path) -> None:
    storage = SqliteEventLogStorage(str(tmp_path / "events"))
    assert storage.get_logs_for_run("r") == []
    assert storage.get_step_output_addresses({("p", StepOutputHandle("s")): "v"}) == {}
    storage.delete_events("r")
    storage.wipe()
    assert list(tmp_path.iterdir()) == []


NO_DATABASES = {
    "text": b"this is no database, but it is long enough to be looked at as if it were one" * 10,
    "cut": b"SQLite format 3\0" + b"\0" * 50,
    "binary": bytes(range(256)) * 16,
}


@pytest.mark.parametrize("content", NO_DATABASES.values(), ids=NO_DATABASES)
def test_a_file_that_is_no_database(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    path, run_path, index_path = tmp_path / "runs.db", tmp_path / "runs" / "r.db", tmp_path / "index.db"
    for each in (path, run_path, index_path):
        each.write_bytes(content)
    with pytest.raises(DagsterStorageError, match=f"Cannot use the run database at {path}: "):
        SqliteRunStorage.from_local(str(tmp_path)).check()
    events = SqliteEventLogStorage(str(tmp_path))
    with pytest.raises(DagsterStorageError, match=f"Cannot use the event log at {run_path}: "):
        events.get_logs_for_run("r")
    with pytest.raises(DagsterStorageError, match=f"Cannot use the event log at {run_path}: "):
        events.store_event(EventLogEntry(None, "", 20, "", "r", 0.0))
    with pytest.raises(DagsterStorageError, match=f"Cannot use the index of event logs at {index_path}: "):
        events.get_step_output_addresses({("p", StepOutputHandle("s")): "v"})
    assert path.read_bytes() == run_path.read_bytes() == index_path.read_bytes() == content


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    base = tmp_path / "file" / "history"
    with pytest.raises(DagsterStorageError, match=f"Cannot use the run database at {base}/runs.db: "):
        SqliteRunStorage.from_local(str(base)).check()
    with pytest.raises(DagsterStorageError, match=f"Cannot use the event log at {base}/runs/r.db: "):
        SqliteEventLogStorage(str(base)).store_event(EventLogEntry(None, "", 20, "", "r", 0.0))


def test_a_directory_where_the_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "runs.db").mkdir()
    with pytest.raises(DagsterStorageError, match="unable to open database file"):
        SqliteRunStorage.from_local(str(tmp_path)).check()


@pytest.mark.parametrize(
    "url",
    ["", "runs.db", "/tmp/runs.db", "postgresql://host/database", "mysql+x://", "sqlite://", "sqlite:///:memory:"],
)
def test_a_url_that_is_not_of_sqlite(url: str) -> None:
    with pytest.raises(DagsterStorageError, match="is not a SQLite URL; write it as sqlite:///path/to/file"):
        SqliteRunStorage(url)


@pytest.mark.parametrize(
    "url", ["postgresql://user:hunter2@host/database", "postgresql://user:hunter2", "postgresql://u:p@host:hunter2/d"]
)
def test_a_password_in_a_url_is_not_shown(url: str) -> None:
    with pytest.raises(DagsterStorageError) as caught:
        SqliteRunStorage(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_relative_directory_stays_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    storage = SqliteRunStorage.from_local("base")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    storage.add_run(PipelineRun("p", "r"))
    storage.dispose()
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.db")] == [Path("base/runs.db")]


def test_a_log_that_another_process_deleted_is_begun_anew(tmp_path: Path) -> None:
    one, other = SqliteEventLogStorage(str(tmp_path)), SqliteEventLogStorage(str(tmp_path))
    for last, first in ((one, other), (other, one)):
        first.store_event(EventLogEntry(None, "", 20, "gone", "r", 0.0))
        assert "gone" in messages(last, "r")
        last.delete_events("r")
        first.store_event(EventLogEntry(None, "", 20, "of the first", "r", 0.0))
        last.store_event(EventLogEntry(None, "", 20, "of the last", "r", 0.0))
        assert messages(first, "r") == messages(last, "r") == ["of the first", "of the last"]
    one.delete_events("r")
    one.store_event(EventLogEntry(None, "", 20, "new", "r", 0.0))
    assert messages(other, "r") == ["new"]
    other.dispose()  # and takes nothing away from the new file
    assert messages(one, "r") == messages(other, "r") == ["new"]
    one.dispose()
    other.dispose()


def test_numbers_that_sqlite_does_not_have(tmp_path: Path) -> None:
    events = SqliteEventLogStorage(str(tmp_path))
    events.store_event(EventLogEntry(None, "", 20, "", "r", 0.0))
    for ask in (
        lambda: events.get_records_for_run("r", cursor=2**63),
        lambda: events.get_records_for_run("r", limit=2**63),
    ):
        with pytest.raises(DagsterInvariantViolationError, match="A number is too large for the event log at "):
            ask()
    events.dispose()


def test_more_threads_than_there_are_connections(tmp_path: Path) -> None:
    runs = SqliteRunStorage.from_local(str(tmp_path))
    with ExitStack() as stack:
        held = [stack.enter_context(runs.read()) for _ in range(15)]
        held[0].engine.pool._timeout = 0.01  # type: ignore[attr-defined]
        with pytest.raises(DagsterStorageError, match=r"runs\.db: too many threads of this process use it at once"):
            runs.get_runs()
    assert runs.get_runs() == []
    runs.dispose()


OPENING = """
import sys
from core.storage.event_log import SqliteEventLogStorage
from core.storage.runs import SqliteRunStorage
SqliteEventLogStorage, SqliteRunStorage
print("ready", flush=True)
for folder in map(str.strip, sys.stdin):
    if folder != "go":
        SqliteRunStorage.from_local(folder).get_runs_count()
        print("opened", flush=True)
"""


def test_processes_that_make_one_database_at_once_wait_for_each_other(
    tmp_path: Path, start_python: StartPython
) -> None:
    openers = [start_python(OPENING) for _ in range(3)]
    signal_all(openers)
    for number in range(100):  # without waiting, about 6 of these 300 openings fail
        for opener in openers:
            assert opener.stdin is not None
            opener.stdin.write(f"{tmp_path / str(number)}\n")
            opener.stdin.flush()
        assert [read_line(opener) for opener in openers] == ["opened\n"] * 3
    for opener in openers:
        _, errors = opener.communicate()
        assert (opener.returncode, errors) == (0, "")


USING = """
import os, resource, signal, sys
from core.errors import DagsterStorageError
from core.events import DagsterEvent, EventLogEntry
from core.storage.event_log import ConsolidatedSqliteEventLogStorage, SqliteEventLogStorage
from core.records.pipeline_run import PipelineRun
from core.storage.runs import SqliteRunStorage
from core.storage.schedules import SqliteScheduleStorage
from core.records.job import JobTickData, JobTickStatus, JobType

base, how = sys.argv[1:]
entry = EventLogEntry(None, "x" * 5000, 20, "", "r", 0.0)
tick = JobTickData("job", "job", JobType.SENSOR, JobTickStatus.STARTED, 1.0, run_keys=["x" * 5000])
uses = {
    "runs": (SqliteRunStorage.from_local(base), lambda s, n: s.add_run(PipelineRun("p", str(n), {"a": "x" * 5000}))),
    "events": (SqliteEventLogStorage(base), lambda s, n: s.store_event(entry)),
    "all events": (ConsolidatedSqliteEventLogStorage(base), lambda s, n: s.store_event(entry)),
    "schedules": (SqliteScheduleStorage.from_local(base), lambda s, n: s.create_job_tick(tick)),
}
if how == "read-only":
    SqliteRunStorage.from_local("/nowhere/at/all")  # all that is needed is imported before the rights are given up
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
else:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
for name, (storage, use) in uses.items():
    done = 0
    try:
        while done < 1000:
            use(storage, done)
            done += 1
    except DagsterStorageError as error:
        print(f"{name}|{done}|{error}")
"""


def used(start_python: StartPython, base: Path, how: str) -> dict[str, tuple[int, str]]:
    process = start_python(USING, base, how)
    told, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    lines = [line.split("|") for line in told.splitlines()]
    return {name: (int(done), error) for name, done, error in lines}


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that every user of the system can enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("has_databases", [True, False])
def test_a_place_that_may_only_be_read(has_databases: bool, open_to_all: Path, start_python: StartPython) -> None:
    if has_databases:
        events, runs = SqliteEventLogStorage(str(open_to_all)), SqliteRunStorage.from_local(str(open_to_all))
        events.store_event(EventLogEntry(None, "", 20, "here", "r", 0.0))
        runs.add_run(PipelineRun("p", "r"))
        events.dispose()
        runs.dispose()
    for path in [*open_to_all.rglob("*"), open_to_all]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.read_bytes() for path in open_to_all.rglob("*") if path.is_file()}
    told = used(start_python, open_to_all, "read-only")
    assert set(told) == {"runs", "events", "all events", "schedules"}
    for done, error in told.values():
        assert done == 0
        assert re.fullmatch(rf"Cannot use the [a-z ]+ at {open_to_all}/[a-z_/]+\.db: [^.]+\.", error), error
    assert {path: path.read_bytes() for path in open_to_all.rglob("*") if path.is_file()} == before


def test_a_disk_that_is_full(tmp_path: Path, start_python: StartPython) -> None:
    told = used(start_python, tmp_path, "full")
    assert set(told) == {"runs", "events", "all events", "schedules"}
    for done, error in told.values():
        assert done > 0
        assert re.fullmatch(rf"Cannot use the [a-z ]+ at {tmp_path}/[a-z_/]+\.db: [^.]+\.", error), error
    events, runs = SqliteEventLogStorage(str(tmp_path)), SqliteRunStorage.from_local(str(tmp_path))
    assert runs.get_runs_count() == told["runs"][0]  # what was acknowledged, and nothing of the one that failed
    assert len(events.get_logs_for_run("r")) == told["events"][0]
    runs.add_run(PipelineRun("p", "later"))  # there is room again
    assert runs.has_run("later")
    events.dispose()
    runs.dispose()


def test_a_forked_child_has_connections_of_its_own(tmp_path: Path) -> None:
    events, runs = SqliteEventLogStorage(str(tmp_path)), SqliteRunStorage.from_local(str(tmp_path))

    def use(name: str) -> None:
        for number in range(50):
            runs.add_run(PipelineRun("p", f"{name} {number}"))
            events.store_event(EventLogEntry(None, "", 20, f"{name} {number}", "shared", 0.0))

    use("before")
    child = os.fork()
    if child == 0:
        try:
            use("child")
            os._exit(0)
        finally:
            os._exit(1)
    use("parent")
    assert os.waitpid(child, 0)[1] == 0
    for name in ("before", "child", "parent"):
        assert [each for each in messages(events, "shared") if each.startswith(name)] == [
            f"{name} {n}" for n in range(50)
        ]
    assert runs.get_runs_count() == 150
    connection = sqlite3.connect(tmp_path / "runs.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    events.dispose()
    runs.dispose()


def test_a_child_forked_while_a_thread_opens_a_database_does_not_wait_for_it(tmp_path: Path) -> None:
    events, runs = SqliteEventLogStorage(str(tmp_path)), SqliteRunStorage.from_local(str(tmp_path))
    with events._lock, runs.database._lock:  # as a thread has them that is not forked
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(20)
                runs.add_run(PipelineRun("p", "of the child"))
                events.store_event(EventLogEntry(None, "", 20, "of the child", "r", 0.0))
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    assert runs.has_run("of the child")
    assert messages(events, "r") == ["of the child"]
    events.dispose()
    runs.dispose()


ADDING = """
import sys
from core.events import EventLogEntry
from core.storage.event_log import SqliteEventLogStorage
from core.records.pipeline_run import PipelineRun
from core.storage.runs import SqliteRunStorage
base, start = sys.argv[1], int(sys.argv[2])
events, runs = SqliteEventLogStorage(base), SqliteRunStorage.from_local(base)
for number in range(start, start + 1_000_000):
    runs.add_run(PipelineRun("p", str(number), tags={"a": str(number), "b": str(number)}))
    events.store_events([EventLogEntry(None, "", 20, f"{number}{part}", "shared", 0.0) for part in "abc"])
    print(number, flush=True)
"""


def test_killed_again_and_again_at_any_moment(tmp_path: Path, start_python: StartPython) -> None:
    acknowledged: list[int] = [-1]
    chance = random.Random(1)
    for _ in range(12):
        writer = start_python(ADDING, tmp_path, acknowledged[-1] + 2)  # past the one that may or may not be stored
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 40))]
        writer.kill()
        acknowledged += [int(each) for each in [*lines, *writer.stdout]]
    events, runs = SqliteEventLogStorage(str(tmp_path)), SqliteRunStorage.from_local(str(tmp_path))
    records = {int(run.run_id): run.tags for run in runs.get_runs()}
    assert all(tags == {"a": str(number), "b": str(number)} for number, tags in records.items())
    stored = messages(events, "shared")
    numbers = list(dict.fromkeys(int(each[:-1]) for each in stored))
    assert stored == [f"{number}{part}" for number in numbers for part in "abc"]
    for kept in (sorted(records), numbers):
        unacknowledged = set(kept) - set(acknowledged)
        assert len(unacknowledged) <= 12  # those that were being stored when their writer was killed
        assert [number for number in kept if number not in unacknowledged] == acknowledged[1:]
    events.dispose()
    runs.dispose()


def test_an_entry_that_cannot_be_read_is_told_with_its_run(tmp_path: Path) -> None:
    storage = SqliteEventLogStorage(str(tmp_path))
    made = StepMaterializationData(("table",))
    event = DagsterEvent("ASSET_MATERIALIZATION", "p", step_key="s", event_specific_data=made)
    storage.store_events([EventLogEntry(None, "one", 20, "one", "the-run", 0.0, "s", "p", event)])
    newer = '{"error_info": null, "event": {"type": "OfANewerRelease"}}'
    for path, table in ((storage.path_for_run("the-run"), "events"), (tmp_path / "index.db", "asset_events")):
        with sqlite3.connect(path) as connection:
            connection.execute(f"update {table} set body = ?", (newer,))
    for read in (lambda: storage.get_records_for_run("the-run"), lambda: storage.get_asset_records(AssetKey("table"))):
        with pytest.raises(
            DagsterEventLogInvalidForRun, match=r"Entry 1 in the log of run the-run cannot be read"
        ) as raised:
            read()
        assert raised.value.run_id == "the-run"


def test_a_file_is_written_as_safely_when_it_is_new_as_later(tmp_path: Path) -> None:
    for _ in ("new", "there"):
        storage = SqliteEventLogStorage(str(tmp_path))
        with storage.write_run("a-run") as connection:
            said = [connection.exec_driver_sql(f"PRAGMA {each}").scalar() for each in ("journal_mode", "synchronous")]
        storage.dispose()
        assert said == ["wal", 1]  # 1 is NORMAL

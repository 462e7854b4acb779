"""What only a server has: passwords, restarts, other clients; each storage on PostgreSQL alike."""

import logging
import os
import signal
import subprocess
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.errors import (
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DagsterMissingExtraError,
    DagsterStorageError,
)
from core.events import AssetKey, DagsterEvent, EventLogEntry
from core.events.payloads import StepMaterializationData
from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter
from core.serdes import ConfigurableClassData
from core.storage.event_log.index import entries_from_log
from core.storage.event_log.sql import insert_events, insert_index_entries
from core.storage.postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage

StartPython = Callable[..., "subprocess.Popen[str]"]
Storage = PostgresEventLogStorage | PostgresRunStorage | PostgresScheduleStorage
STORAGES: list[type[Storage]] = [PostgresRunStorage, PostgresEventLogStorage, PostgresScheduleStorage]


@pytest.mark.parametrize("storage_class", STORAGES)
def test_a_wrong_password_is_said_and_not_shown(
    storage_class: type[Storage], postgres_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = postgres_server.get_uri().replace("//postgres:@", "//guest:hunter2@")
    assert "hunter2" in url
    storage = storage_class(url)
    with pytest.raises(DagsterStorageError, match='password authentication failed for user "guest"') as caught:
        storage.check()
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(storage) + repr(vars(storage))
    assert "hunter2" not in told
    assert "\n" not in str(caught.value)
    right = storage_class(url.replace("hunter2", "right"))
    with pytest.raises(DagsterStorageError, match="permission denied for schema public"):  # let in, but a guest
        right.check()


@pytest.mark.parametrize("storage_class", STORAGES)
def test_a_server_that_is_not_there(storage_class: type[Storage], tmp_path: Path) -> None:
    for url in ("postgresql://me:hunter2@127.0.0.1:1/db", f"postgresql://me:hunter2@/db?host={tmp_path}"):
        with pytest.raises(DagsterStorageError, match=r"^Cannot use the .* at postgresql://me@") as caught:
            storage_class(url).check()
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "cannot be read"),
        ("hunter2", "cannot be read"),
        ("postgresql://me:hunter2@host:port/db", "cannot be read"),
        ("sqlite:///hunter2.db", "A sqlite URL is not a PostgreSQL URL"),
        ("mysql://me:hunter2@host/db", "A mysql URL is not a PostgreSQL URL"),
    ],
)
def test_a_url_that_is_none(url: str, said: str) -> None:
    with pytest.raises(DagsterStorageError, match=rf"{said}.*Write it as postgresql://user:password@host") as caught:
        PostgresRunStorage(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_urls_of_other_drivers_mean_the_same(new_postgres_url: Callable[[], str]) -> None:
    url = new_postgres_url()
    PostgresRunStorage(url).add_run(PipelineRun("p", "r"))
    for scheme in ("postgres", "postgresql+psycopg2", "postgresql+psycopg"):
        assert PostgresRunStorage(url.replace("postgresql", scheme, 1)).has_run("r")


@pytest.mark.parametrize("storage_class", STORAGES)
def test_a_missing_driver_names_the_extra(storage_class: type[Storage], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(DagsterMissingExtraError, match=r"pip install 'cloudstore\[postgres\]'") as caught:
        storage_class("postgresql://host/db")
    assert isinstance(caught.value, ImportError)


def test_the_parts_of_a_url_in_dagster_yaml(postgres_server: Any, tmp_path: Path) -> None:
    socket = postgres_server.get_uri().partition("host=")[2]
    parts = {"username": "guest", "password": "right", "hostname": socket, "db_name": "postgres"}
    data = ConfigurableClassData(
        "core.storage.postgres",
        "PostgresRunStorage",
        str({"postgres_db": {**parts, "params": {"connect_timeout": 5}}}),
    )
    with pytest.raises(DagsterStorageError, match="permission denied for schema public"):
        data.rehydrate().check()
    odd = {**parts, "username": "a@b/c", "password": "p@ss/w:rd?#%", "hostname": "127.0.0.1", "port": 1}
    data = ConfigurableClassData("core.storage.postgres", "PostgresRunStorage", str({"postgres_db": odd}))
    with pytest.raises(DagsterStorageError, match=r"postgresql://a%40b%2Fc@127\.0\.0\.1:1/postgres: .*refused"):
        data.rehydrate().check()


@pytest.mark.parametrize("config", ["{}", "{postgres_url: 'postgresql://h/d', postgres_db: {}}"])
def test_a_config_without_a_place(config: str) -> None:
    data = ConfigurableClassData("core.storage.postgres", "PostgresRunStorage", config)
    with pytest.raises(DagsterInvalidConfigError, match="postgres_db"):
        data.rehydrate()


def test_long_texts_come_back_or_are_refused_by_name(new_postgres_url: Callable[[], str]) -> None:
    storage = PostgresRunStorage(new_postgres_url())
    long = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(3_400))  # 10 kB that do not compress
    with pytest.raises(DagsterInvariantViolationError, match=f"^'{long[:40]}'… has 10200 bytes, which is too long"):
        storage.add_run(PipelineRun("p", "r", tags={"a": long}))
    assert storage.get_runs() == []
    run = PipelineRun("p", "r", run_config={"a": long}, tags={"a": "b"})
    assert storage.add_run(run) == storage.get_run_by_id("r") == run
    storage.dispose()


def test_the_text_that_is_too_long_is_the_one_that_is_named(new_postgres_url: Callable[[], str]) -> None:
    storage = PostgresRunStorage(new_postgres_url())
    long = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(3_400))
    with pytest.raises(DagsterInvariantViolationError, match=f"^'{long[:40]}'… has 10200 bytes, which is too long"):
        storage.add_run(PipelineRun(long, "r"))
    storage.dispose()


def test_a_storage_outlives_its_connections(postgres_server: Any, new_postgres_url: Callable[[], str]) -> None:
    storage = PostgresRunStorage(new_postgres_url())
    storage.add_run(PipelineRun("p", "1"))
    with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    storage.add_run(PipelineRun("p", "2"))
    assert [run.run_id for run in storage.get_runs()] == ["2", "1"]
    storage.dispose()


def test_a_forked_child_has_connections_of_its_own(new_postgres_url: Callable[[], str]) -> None:
    storage = PostgresRunStorage(new_postgres_url())
    storage.add_run(PipelineRun("p", "parent"))
    child = os.fork()
    if child == 0:
        try:
            for number in range(20):
                storage.add_run(PipelineRun("p", f"child {number}"))
            os._exit(0)
        finally:
            os._exit(1)
    for number in range(20):
        storage.add_run(PipelineRun("p", f"parent {number}"))
    assert os.waitpid(child, 0)[1] == 0
    assert storage.get_runs_count(PipelineRunsFilter(run_id_prefix="parent")) == 21
    assert storage.get_runs_count(PipelineRunsFilter(run_id_prefix="child")) == 20
    storage.dispose()


APPENDER = """
import sys
from core.events import EventLogEntry
from core.records.pipeline_run import PipelineRun
from core.storage.postgres import PostgresEventLogStorage, PostgresRunStorage
url, worker = sys.argv[1:]
events, runs = PostgresEventLogStorage(url), PostgresRunStorage(url)
print("ready", flush=True)
sys.stdin.readline()
number = 0
while True:
    batch = [EventLogEntry(None, "", 20, f"{worker} {number}{part}", "shared", 0.0) for part in "ab"]
    events.store_events(batch)
    runs.add_run(PipelineRun("p", f"{worker}-{number}"))
    print(number, flush=True)
    number += 1
"""


@pytest.fixture
def appenders(new_postgres_url: Callable[[], str], start_python: StartPython) -> tuple[str, list[Any]]:
    url = new_postgres_url()
    processes = [start_python(APPENDER, url, worker) for worker in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # only now, so that the making of the tables is raced for
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return url, processes


def test_a_reader_that_follows_misses_nothing_of_many_writers(appenders: tuple[str, list[Any]]) -> None:
    url, processes = appenders
    events = PostgresEventLogStorage(url)
    seen: list[str] = []
    cursor: int | None = None
    while len(seen) < 600:
        for record in events.get_records_for_run("shared", cursor, limit=7):
            seen.append(record.event_log_entry.user_message)
            cursor = record.storage_id
    for process in processes:
        process.kill()
        process.wait()
    whole = [entry.user_message for entry in events.get_logs_for_run("shared")]
    assert seen == whole[: len(seen)]
    for worker in range(3):
        own = [message for message in whole if message.startswith(f"{worker} ")]
        assert own == [f"{worker} {number}{part}" for number in range(len(own) // 2) for part in "ab"]
    events.dispose()


def made(run_id: str, *assets: str) -> list[EventLogEntry]:
    return [
        EventLogEntry(
            None,
            "",
            20,
            "",
            run_id,
            0.0,
            "s",
            "p",
            DagsterEvent("ASSET_MATERIALIZATION", "p", None, "s", None, StepMaterializationData((asset,))),
        )
        for asset in assets
    ]


def while_one_stores(storage: PostgresEventLogStorage, entries: list[EventLogEntry], do: Callable[[], object]) -> None:
    """Has a thread do something while `entries` are stored in a transaction, the end of which it must await."""
    with ThreadPoolExecutor(1) as pool:
        with storage.write() as connection:
            storage.lock_assets(connection)
            insert_events(connection, entries)
            insert_index_entries(connection, entries_from_log(entries))
            done = pool.submit(do)
            assert not wait([done], timeout=0.5).done
        done.result(timeout=30)


def test_an_asset_is_not_forgotten_while_another_run_stores_it(new_postgres_url: Callable[[], str]) -> None:
    url = new_postgres_url()
    one, other = PostgresEventLogStorage(url), PostgresEventLogStorage(url)
    for forget in (lambda: other.delete_events("first"), lambda: other.wipe_asset(AssetKey("a"))):
        one.store_events(made("first", "a"))
        while_one_stores(one, made("second", "a"), forget)
        left = one.get_asset_records(AssetKey("a"))
        assert one.all_asset_keys() == ([AssetKey("a")] if left else [])
    one.dispose()
    other.dispose()


def test_who_follows_an_asset_misses_nothing_of_many_runs(new_postgres_url: Callable[[], str]) -> None:
    url = new_postgres_url()
    one, other = PostgresEventLogStorage(url), PostgresEventLogStorage(url)
    one.store_events(made("before", "a"))
    while_one_stores(one, made("first", "a"), lambda: other.store_events(made("second", "a")))
    records = one.get_asset_records(AssetKey("a"), ascending=True)
    assert [record.event_log_entry.run_id for record in records] == ["before", "first", "second"]
    one.dispose()
    other.dispose()


def test_runs_that_make_the_same_assets_in_other_orders(new_postgres_url: Callable[[], str]) -> None:
    url = new_postgres_url()
    barrier = threading.Barrier(2)

    def store(run_id: str, step: int) -> None:
        storage = PostgresEventLogStorage(url)
        for number in range(20):
            barrier.wait(30)
            storage.store_events(made(run_id, *[f"{number} {each}" for each in range(50)][::step]))
        storage.dispose()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(store, ("forward", "backward"), (1, -1)))
    storage = PostgresEventLogStorage(url)
    assert len(storage.all_asset_keys()) == 1000
    storage.dispose()


def test_killed_writers_leave_all_that_was_acknowledged_and_nothing_half(appenders: tuple[str, list[Any]]) -> None:
    url, processes = appenders
    acknowledged = {}
    for worker, process in enumerate(processes):
        for _ in range(10 * (worker + 1)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        acknowledged[worker] = [int(line) for line in process.stdout.read().split()][-1:] or [10 * (worker + 1) - 1]
    events, runs = PostgresEventLogStorage(url), PostgresRunStorage(url)
    for worker, (last,) in acknowledged.items():
        assert all(runs.has_run(f"{worker}-{number}") for number in range(last + 1))
        own = [e.user_message for e in events.get_logs_for_run("shared") if e.user_message.startswith(f"{worker} ")]
        assert len(own) // 2 in (last + 1, last + 2)
        assert len(own) % 2 == 0
    events.dispose()
    runs.dispose()


def test_an_instance_on_postgresql(new_postgres_url: Callable[[], str], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TEST_POSTGRES_URL", new_postgres_url())
    sections = {"run_storage": "Run", "event_log_storage": "EventLog", "schedule_storage": "Schedule"}
    overrides = {
        section: {
            "module": "core.storage.postgres",
            "class": f"Postgres{name}Storage",
            "config": {"postgres_url": {"env": "TEST_POSTGRES_URL"}},
        }
        for section, name in sections.items()
    }
    with DagsterInstance.local_temp(str(tmp_path), overrides) as instance:
        run = instance.create_run("p", tags={"a": "b"})
        instance.report_engine_event("hello", run)
        instance.report_run_failed(run)
        ref = instance.get_ref()
        with DagsterInstance.from_ref(ref) as other:
            assert other.get_existing_run(run.run_id).is_failure
            assert other.all_logs(run.run_id)[0].user_message == "hello"
        (events, record) = instance.delete_run(run.run_id)
        assert (events.kind, record.kind) == ("events", "run")
        assert events.name.startswith(f"2 events of run {run.run_id} in postgresql://postgres@")
        assert instance.all_logs(run.run_id) == instance.get_runs() == []
    assert list(tmp_path.rglob("*.db")) == []

"""Databases of every released schema, and of none, are migrated or refused, and are whole either way."""

import importlib
import importlib.util
import json
import re
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from core.errors import DagsterSchemaError, DagsterStorageError
from core.events import AssetKey, DagsterEvent, DagsterEventType, EventLogEntry, StepOutputHandle
from core.events.payloads import HandledOutputData
from core.instance import DagsterInstance, InstanceRef
from core.instance.migrate import migrate_instance
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.pipeline_run import PipelineRunsFilter
from core.storage.event_log import ConsolidatedSqliteEventLogStorage, SqliteEventLogStorage, StepOutputAddress
from core.storage.event_log.schema import INDEX_SCHEMA, LOG_SCHEMA
from core.storage.postgres import PostgresEventLogStorage, PostgresRunStorage
from core.storage.runs import SqliteRunStorage
from core.storage.runs.schema import SCHEMA as RUN_SCHEMA
from core.storage.schedules.schema import SCHEMA as SCHEDULE_SCHEMA
from core.storage.sql import migrations
from core.storage.sql.schema import Schema

SCHEMAS = [RUN_SCHEMA, LOG_SCHEMA, INDEX_SCHEMA, SCHEDULE_SCHEMA]
RELEASED = Path(__file__).parent / "released"
FIRST = "85ac260a-7aa7-4a75-92fb-6cc85e517cc0"  # of the runs of release 0.1.0
OLD_SCHEMAS = {
    "0.1.0": {("runs.db", "runs", "0001", RUN_SCHEMA.head), ("index.db", "event_index", "0001", INDEX_SCHEMA.head)},
    "0.2.0": {("runs.db", "runs", "0002", RUN_SCHEMA.head), ("index.db", "event_index", "0002", INDEX_SCHEMA.head)},
}
"""Of each release in the folder `released`: database, schema, its revision then and now."""


def revisions_of(schema: Schema) -> list[ModuleType]:
    folder = Path(next(iter(migrations.__path__))) / "versions" / schema.name
    modules = []
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        modules.append(importlib.util.module_from_spec(spec))
        spec.loader.exec_module(modules[-1])
    return modules


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        made = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    else:
        url = request.getfixturevalue("new_postgres_url")()
        made = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    yield made
    made.dispose()


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_the_revisions_come_to_the_tables_that_a_new_database_has(schema: Schema, engine: sa.Engine) -> None:
    revisions = revisions_of(schema)
    names = [module.revision for module in revisions]
    assert [module.down_revision for module in revisions] == [None, *names[:-1]]
    assert schema.head == names[-1] == max(names)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        with Operations.context(context):
            for module in revisions:
                module.upgrade()
        differences = compare_metadata(context, schema.metadata)
        assert [each for each in differences if "modify_comment" not in str(each)] == []
        made = {name: sa.inspect(connection).get_indexes(name) for name in schema.metadata.tables}
    fresh = sa.create_engine("sqlite://") if engine.dialect.name == "sqlite" else engine
    with fresh.begin() as connection:
        if fresh is engine:
            schema.metadata.drop_all(connection)
        schema.metadata.create_all(connection)
        assert {name: sa.inspect(connection).get_indexes(name) for name in schema.metadata.tables} == made
    fresh.dispose()


def home_of_release(release: str, home: Path) -> Path:
    for dump in (RELEASED / release).rglob("*.sql"):
        path = home / "history" / dump.relative_to(RELEASED / release).with_suffix(".db")
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(dump.read_text())
    return home


def contents(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def contents_under(folder: Path) -> dict[str, list[str]]:
    return {str(path.relative_to(folder)): contents(path) for path in sorted(folder.rglob("*.db"))}


@pytest.mark.parametrize("release", sorted(path.name for path in RELEASED.iterdir()))
def test_an_instance_of_every_release_says_that_it_is_old_and_is_migrated(release: str, tmp_path: Path) -> None:
    home = home_of_release(release, tmp_path)
    before = contents_under(home)
    with pytest.raises(DagsterSchemaError, match=r"\.db was made by an older .*`cloudstore instance migrate`"):
        DagsterInstance.from_config(str(home))
    assert contents_under(home) == before

    ref = InstanceRef.from_dir(str(home))
    done = migrate_instance(ref)
    changed = {(Path(each.database).name, each.schema, each.before, each.after) for each in done}
    assert changed == OLD_SCHEMAS[release]
    for each in done:
        assert each.backup is not None
        assert contents(Path(each.backup)) == before[str(Path(each.database).relative_to(home))]
    assert migrate_instance(ref) == []

    with DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
        odd, third, second, first = (run.run_id for run in runs)
        assert odd == "it's; drop table"
        assert runs[0].tags == {"k": "🦆"}
        assert (runs[1].root_run_id, runs[1].parent_run_id, runs[1].tags["n"]) == (second, second, "2")
        for filters, found in (
            (PipelineRunsFilter(parent_run_id=second), [third]),
            (PipelineRunsFilter(root_run_id=second), [third]),
            (PipelineRunsFilter(tags={"team": "data"}), [third, second, first]),
        ):
            assert [run.run_id for run in instance.get_runs(filters)] == found
        assert instance.get_daemon_heartbeats() == {"SCHEDULER": DaemonHeartbeat(1.5, "SCHEDULER", "d")}
        types = [entry.dagster_event.event_type_value for entry in instance.all_logs(second) if entry.dagster_event]
        assert types.count("STEP_MEMOIZED") == 2
        key = AssetKey(["warehouse", "étable"])
        assert instance.all_asset_keys() == [key]
        ((_, made),) = instance.events_for_asset_key(key, partitions=["2026-01"])
        assert made == next(each for each in instance.all_logs(first) if "MATERIAL" in str(each.dagster_event))
        of_table, of_count = stored_in(instance, first)
        assert of_table[0] == StepOutputHandle("make_table")
        assert loaded_in(instance, first) == [StepOutputHandle("make_table")]
        assert found_in(instance, second) == [of_table[0], of_count[0]] == [of_table[0], StepOutputHandle("count")]
        asked, keyed = ("tables", of_count[0]), ("tables", StepOutputHandle("count", mapping_key="result"))
        _, version, address = of_count
        assert instance.get_addresses_for_step_output_versions({asked: version, keyed: version}) == {
            asked: address,
            keyed: None,
        }
        instance.delete_run(first)  # the others found its value, so it stays known
        assert instance.get_addresses_for_step_output_versions({asked: version}) == {asked: address}
        for run_id in (second, third):
            instance.delete_run(run_id)
        assert instance.get_addresses_for_step_output_versions({asked: version}) == {asked: None}


def payloads_in(instance: DagsterInstance, run_id: str, of_type: DagsterEventType) -> list[tuple[str, Any]]:
    events = [entry.dagster_event for entry in instance.all_logs(run_id, of_type)]
    return [(event.step_key or "", event.event_specific_data) for event in events if event is not None]


def stored_in(instance: DagsterInstance, run_id: str) -> list[tuple[StepOutputHandle, str, str]]:
    stored = payloads_in(instance, run_id, DagsterEventType.HANDLED_OUTPUT)
    return [(data.handle(step_key), data.version, data.address) for step_key, data in stored]


def found_in(instance: DagsterInstance, run_id: str) -> list[StepOutputHandle]:
    memoized = payloads_in(instance, run_id, DagsterEventType.STEP_MEMOIZED)
    return [output.handle(step_key) for step_key, data in memoized for output in data.outputs]


def loaded_in(instance: DagsterInstance, run_id: str) -> list[StepOutputHandle]:
    loaded = [data for _, data in payloads_in(instance, run_id, DagsterEventType.LOADED_INPUT)]
    return [
        StepOutputHandle(data.upstream_step_key, data.upstream_output_name, data.upstream_mapping_key)
        for data in loaded
    ]


def postgres_of_first_revision(url: str) -> str:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    body = json.dumps({"pipeline_name": "p", "run_id": "r1", "root_run_id": "r0", "parent_run_id": None})
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            revisions_of(RUN_SCHEMA)[0].upgrade()
        columns = "run_id, pipeline_name, mode, status, created_at, updated_at, body"
        insert = sa.text(f"INSERT INTO runs ({columns}) VALUES ('r1', 'p', 'default', 'SUCCESS', 1.5, 2.5, :body)")
        connection.execute(insert, {"body": body})
        connection.execute(sa.text("INSERT INTO run_tags VALUES ('r1', 'a', 'b')"))
        RUN_SCHEMA.version_table.create(connection)
        connection.execute(RUN_SCHEMA.version_table.insert(), {"version_num": "0001"})
    engine.dispose()
    return url


def test_of_those_that_migrate_one_postgresql_at_once_one_does_it(new_postgres_url: Callable[[], str]) -> None:
    url = postgres_of_first_revision(new_postgres_url())
    barrier = threading.Barrier(3)

    def migrate(_number: int) -> int:
        storage = PostgresRunStorage(url)
        barrier.wait()
        return len(storage.migrate())

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(migrate, range(3))) == [0, 0, 1]


def test_runs_in_postgresql_are_migrated(new_postgres_url: Callable[[], str]) -> None:
    url = postgres_of_first_revision(new_postgres_url())
    storage = PostgresRunStorage(url)
    with pytest.raises(DagsterSchemaError, match="`cloudstore instance migrate`"):
        storage.get_runs()
    ((before, after, backup),) = [(each.before, each.after, each.backup) for each in storage.migrate()]
    assert (before, after, backup) == ("0001", RUN_SCHEMA.head, None)
    (record,) = storage.get_run_records(PipelineRunsFilter(root_run_id="r0", tags={"a": "b"}))
    assert (record.pipeline_run.run_id, record.update_timestamp.timestamp()) == ("r1", 2.5)
    assert storage.migrate() == []
    storage.dispose()


def test_an_index_in_postgresql_is_migrated_and_tells_mapping_keys_apart(new_postgres_url: Callable[[], str]) -> None:
    url = new_postgres_url()
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    columns = "pipeline_name, step_key, output_name, version, address, run_id"
    insert = sa.text(f"INSERT INTO step_output_addresses ({columns}) VALUES ('p', 's', 'result', 'v', '/old', 'r0')")
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            for module in (*revisions_of(LOG_SCHEMA), *revisions_of(INDEX_SCHEMA)[:2]):  # as release 0.2.0 had them
                module.upgrade()
        connection.execute(insert)
        for schema, revision in ((LOG_SCHEMA, "0001"), (INDEX_SCHEMA, "0002")):
            schema.version_table.create(connection)
            connection.execute(schema.version_table.insert(), {"version_num": revision})
    engine.dispose()

    storage = PostgresEventLogStorage(url)
    with pytest.raises(
        DagsterSchemaError, match=r"schema event_index is at revision 0002.*`cloudstore instance migrate`"
    ):
        storage.check()
    (done,) = storage.migrate()
    assert (done.schema, done.before, done.after) == ("event_index", "0002", INDEX_SCHEMA.head)
    old, keyed = ("p", StepOutputHandle("s")), ("p", StepOutputHandle("s", mapping_key="a"))
    assert storage.get_step_output_addresses({old: "v", keyed: "v"}) == {old: StepOutputAddress("/old", "r0")}
    data = HandledOutputData("result", "io_manager", "v", "/a", mapping_key="a")
    stored = DagsterEvent("HANDLED_OUTPUT", "p", step_key="s", event_specific_data=data)
    storage.store_event(EventLogEntry(None, "", 20, "", "r1", 0.0, "s", "p", stored))
    assert storage.get_step_output_addresses({old: "v", keyed: "v"}) == {
        old: StepOutputAddress("/old", "r0"),
        keyed: StepOutputAddress("/a", "r1"),
    }
    storage.dispose()


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    home = home_of_release("0.1.0", tmp_path)
    path = home / "history" / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX run_tags_by_value")  # which the migration wants to drop after other changes
    before = contents(path)
    with pytest.raises(DagsterStorageError, match=rf"Cannot use the run database at {path}: no such index"):
        migrate_instance(InstanceRef.from_dir(str(home)))
    assert contents(path) == before
    (backup,) = path.parent.glob("runs.db.*")
    assert re.fullmatch(r"runs\.db\.\d{8}T\d{12}Z\.backup", backup.name)
    assert contents(backup) == before
    with pytest.raises(DagsterSchemaError, match="older release"):
        DagsterInstance.from_config(str(home))


def test_a_backup_may_be_read_by_its_user_only(tmp_path: Path) -> None:
    home = home_of_release("0.1.0", tmp_path)
    path = home / "history" / "runs.db"
    path.chmod(0o644)
    migrate_instance(InstanceRef.from_dir(str(home)))
    (backup,) = path.parent.glob("runs.db.*.backup")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_migrating_makes_no_files(tmp_path: Path) -> None:
    assert migrate_instance(InstanceRef.from_dir(str(tmp_path))) == []
    assert list(tmp_path.iterdir()) == []


def test_a_log_whose_process_was_killed_while_making_it_is_no_hindrance(tmp_path: Path) -> None:
    home = home_of_release("0.1.0", tmp_path)
    (home / "history" / "runs" / "killed.db").touch()
    assert len(migrate_instance(InstanceRef.from_dir(str(home)))) == 2
    with DagsterInstance.from_config(str(home)) as instance:
        assert instance.all_asset_keys() == [AssetKey(["warehouse", "étable"])]


def test_the_newest_event_of_an_asset_is_so_after_a_migration(tmp_path: Path) -> None:
    home = home_of_release("0.1.0", tmp_path)
    folder = home / "history" / "runs"
    with closing(sqlite3.connect(folder / f"{FIRST}.db")) as log:
        ((body,),) = log.execute("SELECT body FROM events WHERE event_type = 'ASSET_MATERIALIZATION'")
    for run_id, timestamp in (("00-last", 9e9), ("zz-first", 1.0)):
        entry = json.dumps({**json.loads(body), "run_id": run_id, "timestamp": timestamp})
        with closing(sqlite3.connect(folder / f"{run_id}.db")) as log, log:
            log.executescript((RELEASED / "0.1.0" / "runs" / f"{FIRST}.sql").read_text())
            log.execute("DELETE FROM events WHERE event_type IS NOT 'ASSET_MATERIALIZATION'")
            log.execute("UPDATE events SET run_id = ?, timestamp = ?, body = ?", (run_id, timestamp, entry))
    migrate_instance(InstanceRef.from_dir(str(home)))
    with DagsterInstance.from_config(str(home)) as instance:
        made = instance.events_for_asset_key(AssetKey(["warehouse", "étable"]))
        assert [entry.run_id for _, entry in made] == ["00-last", FIRST, "zz-first"]


def test_an_installation_in_a_folder_with_an_odd_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "100% a:b, c"
    module = importlib.import_module("core.storage.sql.migrations.upgrade")
    shutil.copytree(module._FOLDER, folder)
    monkeypatch.setattr(module, "_FOLDER", folder)
    assert len(migrate_instance(InstanceRef.from_dir(str(home_of_release("0.1.0", tmp_path / "home"))))) == 2


@pytest.mark.parametrize("name", ["runs.db", "event_log.db"])
def test_a_database_of_a_newer_release_is_refused_and_not_changed(name: str, tmp_path: Path) -> None:
    runs, logs = SqliteRunStorage.from_local(str(tmp_path)), ConsolidatedSqliteEventLogStorage(str(tmp_path))
    assert runs.get_runs() == logs.get_logs_for_run("r") == []
    runs.dispose()
    logs.dispose()
    path = tmp_path / name
    schema = "runs" if name == "runs.db" else "event_index"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE cloudstore_{schema}_version SET version_num = '9999'")
    before = contents(path)
    newer = f"{name} was made by a newer release: its schema {schema} is at revision 9999.*pip install --upgrade"
    storage = runs if name == "runs.db" else logs
    for use in (storage.check, storage.migrate, storage.wipe):
        with pytest.raises(DagsterSchemaError, match=newer):
            use()
    assert contents(path) == before
    storage.dispose()


OF_OTHERS = {
    "of another program": "CREATE TABLE songs (id INTEGER PRIMARY KEY, title TEXT)",
    "with tables of our names": "CREATE TABLE runs (id INTEGER PRIMARY KEY, distance_km REAL)",
    "of Dagster": """
        CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
        CREATE TABLE runs (id INTEGER PRIMARY KEY, run_id VARCHAR(255), run_body TEXT);
        CREATE TABLE run_tags (id INTEGER PRIMARY KEY, run_id VARCHAR(255), key TEXT, value TEXT);
        CREATE TABLE daemon_heartbeats (daemon_type VARCHAR(255), body TEXT)
    """,
}


@pytest.mark.parametrize("statements", OF_OTHERS.values(), ids=OF_OTHERS)
def test_a_database_of_another_program_is_refused_and_not_changed(statements: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements)
    before = path.read_bytes()
    storage = SqliteRunStorage.from_local(str(tmp_path))
    for use in (storage.check, storage.migrate, storage.get_runs):
        with pytest.raises(
            DagsterStorageError, match=rf"{path} belongs to another program: it has the tables .*another database"
        ):
            use()
    storage.dispose()
    with closing(sqlite3.connect(path)) as connection:
        assert [line for line in connection.iterdump() if line.startswith("CREATE")] != []
        connection.execute("PRAGMA journal_mode=DELETE")
    assert contents(path) == contents_of(before, tmp_path)


def contents_of(database: bytes, folder: Path) -> list[str]:
    copy = folder / "copy.db"
    copy.write_bytes(database)
    return contents(copy)


def test_tables_of_our_names_in_a_shared_postgresql_are_refused(new_postgres_url: Callable[[], str]) -> None:
    url = new_postgres_url()
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE songs (title TEXT)"))
    storage = PostgresRunStorage(url)
    assert storage.get_runs() == []  # tables of other names are no hindrance
    storage.dispose()
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE cloudstore_runs_version"))
    engine.dispose()
    with pytest.raises(
        DagsterStorageError, match="belongs to another program: it has the tables daemon_heartbeats, daemon_roles"
    ):
        storage.get_runs()


def test_logs_of_an_old_release_are_read_and_appended_to(tmp_path: Path) -> None:
    home = home_of_release("0.1.0", tmp_path)
    storage = SqliteEventLogStorage(str(home / "history"))
    count = len(storage.get_logs_for_run(FIRST))
    storage.store_event(EventLogEntry(None, "", 20, "later", FIRST, 0.0, None, "p", DagsterEvent("ENGINE_EVENT", "p")))
    assert len(storage.get_logs_for_run(FIRST)) == count + 1
    storage.dispose()

"""Databases of every released schema, and of none, are migrated or refused, and are whole either way."""

import importlib
import importlib.util
import json
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from core.errors import DagsterSchemaError, DagsterStorageError
from core.events import AssetKey, DagsterEvent, EventLogEntry, StepOutputHandle
from core.instance import DagsterInstance, InstanceRef
from core.instance.migrate import migrate_instance
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.pipeline_run import PipelineRunsFilter
from core.storage.event_log import ConsolidatedSqliteEventLogStorage, SqliteEventLogStorage
from core.storage.event_log.schema import INDEX_SCHEMA, LOG_SCHEMA
from core.storage.postgres import PostgresRunStorage
from core.storage.runs import SqliteRunStorage
from core.storage.runs.schema import SCHEMA as RUN_SCHEMA
from core.storage.schedules.schema import SCHEMA as SCHEDULE_SCHEMA
from core.storage.sql import migrations
from core.storage.sql.schema import Schema

SCHEMAS = [RUN_SCHEMA, LOG_SCHEMA, INDEX_SCHEMA, SCHEDULE_SCHEMA]
RELEASED = Path(__file__).parent / "released"
FIRST, SECOND, THIRD = (
    "85ac260a-7aa7-4a75-92fb-6cc85e517cc0",
    "b86ace96-12a1-4e3e-86ed-c6f012e8f2fd",
    "2f05121d-eec2-4d3a-acbc-dc0e759b0028",
)
VALUE = (
    "/tmp/t/home010/storage/versioned_outputs/count/result/"
    "377855c2a5a9baaa4cbcfb9bf0469f9d64ba7627e4ee54cff476e0d47c993b37"
)


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
    with pytest.raises(DagsterSchemaError, match=r"runs\.db was made by an older .*`cloudstore instance migrate`"):
        DagsterInstance.from_config(str(home))
    assert contents_under(home) == before

    ref = InstanceRef.from_dir(str(home))
    done = migrate_instance(ref)
    assert {(Path(each.database).name, each.schema, each.before, each.after) for each in done} == {
        ("runs.db", "runs", "0001", RUN_SCHEMA.head),
        ("index.db", "event_index", "0001", INDEX_SCHEMA.head),
    }
    for each in done:
        assert each.backup is not None
        assert contents(Path(each.backup)) == before[str(Path(each.database).relative_to(home))]
    assert migrate_instance(ref) == []

    with DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
        assert [run.run_id for run in runs] == ["it's; drop table", THIRD, SECOND, FIRST]
        assert runs[0].tags == {"k": "🦆"}
        assert (runs[1].root_run_id, runs[1].parent_run_id, runs[1].tags["n"]) == (SECOND, SECOND, "2")
        for filters, found in (
            (PipelineRunsFilter(parent_run_id=SECOND), [THIRD]),
            (PipelineRunsFilter(root_run_id=SECOND), [THIRD]),
            (PipelineRunsFilter(tags={"team": "data"}), [THIRD, SECOND, FIRST]),
        ):
            assert [run.run_id for run in instance.get_runs(filters)] == found
        assert instance.get_daemon_heartbeats() == {"SCHEDULER": DaemonHeartbeat(1.5, "SCHEDULER", "d")}
        types = [entry.dagster_event.event_type_value for entry in instance.all_logs(SECOND) if entry.dagster_event]
        assert types.count("STEP_MEMOIZED") == 2
        key = AssetKey(["warehouse", "étable"])
        assert instance.all_asset_keys() == [key]
        ((_, made),) = instance.events_for_asset_key(key, partitions=["2026-01"])
        assert made == next(each for each in instance.all_logs(FIRST) if "MATERIAL" in str(each.dagster_event))
        asked = ("tables", StepOutputHandle("count"))
        version = VALUE.rpartition("/")[2]
        assert instance.get_addresses_for_step_output_versions({asked: version}) == {asked: VALUE}
        instance.delete_run(FIRST)  # the others found its value, so it stays known
        assert instance.get_addresses_for_step_output_versions({asked: version}) == {asked: VALUE}
        for run_id in (SECOND, THIRD):
            instance.delete_run(run_id)
        assert instance.get_addresses_for_step_output_versions({asked: version}) == {asked: None}


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


def test_a_backup_may_be_read_by_no_more_than_the_database(tmp_path: Path) -> None:
    home = home_of_release("0.1.0", tmp_path)
    path = home / "history" / "runs.db"
    path.chmod(0o600)
    migrate_instance(InstanceRef.from_dir(str(home)))
    (backup,) = path.parent.glob("runs.db.*.backup")
    assert backup.stat().st_mode == path.stat().st_mode


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
            DagsterStorageError, match=rf"{path} is another program's: it has the tables .*another place"
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
        DagsterStorageError, match="is another program's: it has the tables daemon_heartbeats, run_tags"
    ):
        storage.get_runs()


def test_logs_of_an_old_release_are_read_and_appended_to(tmp_path: Path) -> None:
    home = home_of_release("0.1.0", tmp_path)
    storage = SqliteEventLogStorage(str(home / "history"))
    count = len(storage.get_logs_for_run(FIRST))
    storage.store_event(EventLogEntry(None, "", 20, "later", FIRST, 0.0, None, "p", DagsterEvent("ENGINE_EVENT", "p")))
    assert len(storage.get_logs_for_run(FIRST)) == count + 1
    storage.dispose()

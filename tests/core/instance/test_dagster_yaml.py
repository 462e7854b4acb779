"""`dagster.yaml`: what it may hold, and what is said of the rest: which file, line and key, and what is wrong."""

import re
import traceback
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.compute_logs.local import LocalComputeLogManager
from core.errors import DagsterInvalidConfigError, DagsterInvariantViolationError, DagsterStorageError
from core.instance import DagsterInstance, InstanceRef
from core.instance.dagster_yaml import resolve_retention, resolve_settings
from core.serdes import ConfigurableClassData, from_json, to_json

RUNS = "run_storage: {module: core.storage.runs, class: SqliteRunStorage, config: "
PASSWORD = "pass@w0rd"

OWN_PACKAGE = """
from core.config import Field
from core.serdes import ConfigurableClass
from core.storage.runs import InMemoryRunStorage, SqliteRunStorage

class MemoryRuns(InMemoryRunStorage, ConfigurableClass):
    def __init__(self, inst_data=None, **config):
        super().__init__()
        self._inst_data, self.config = inst_data, config

    inst_data = property(lambda self: self._inst_data)

    @classmethod
    def config_type(cls):
        return {"postgres_url": str, "pool": Field(int, default_value=3), "password": Field(str, is_required=False)}

    @staticmethod
    def from_config_value(inst_data, config_value):
        return MemoryRuns(inst_data, **config_value)

class FreeRuns(MemoryRuns):
    @classmethod
    def config_type(cls):
        return None

class FileRuns(SqliteRunStorage):
    @staticmethod
    def from_config_value(inst_data, config_value):
        return FileRuns.from_local(config_value["base_dir"], inst_data)

class Abstract(ConfigurableClass):
    @classmethod
    def config_type(cls):
        return {}

class NoSchema(MemoryRuns):
    @classmethod
    def config_type(cls):
        return {"a": {1, 2}}
"""


def home(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "dagster.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "settings: {}\n", "---\n"])
def test_an_empty_file_is_as_none(text: str, tmp_path: Path) -> None:
    without = InstanceRef.from_dir(str(tmp_path))
    home(tmp_path, text)
    assert InstanceRef.from_dir(str(tmp_path)) == without
    assert without.run_storage_data.class_name == "SqliteRunStorage"
    assert without.event_storage_data.class_name == "SqliteEventLogStorage"


def test_sections_take_the_place_of_the_defaults(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    home(
        tmp_path,
        f"""
compute_logs:
  module: core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config:
    base_dir: {logs}
settings:
  flag: true
""",
    )
    ref = InstanceRef.from_dir(str(tmp_path))
    assert ref.compute_logs_data == ConfigurableClassData(
        "core.storage.local_compute_log_manager", "LocalComputeLogManager", f'{{"base_dir":"{logs}"}}'
    )
    assert ref.settings == {"flag": True}
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        manager = instance.compute_log_manager
        assert isinstance(manager, LocalComputeLogManager)
        assert instance.settings == {"flag": True}
        assert instance.root_directory == str(tmp_path)


def test_the_environment_is_read_by_the_process_that_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home(tmp_path, RUNS + "{base_dir: {env: CORE_TEST_DIR}}}")
    with pytest.raises(DagsterInvalidConfigError, match=r"run_storage\.config\.base_dir: .*CORE_TEST_DIR is not set"):
        InstanceRef.from_dir(str(tmp_path))
    monkeypatch.setenv("CORE_TEST_DIR", str(tmp_path / "elsewhere"))
    ref = InstanceRef.from_dir(str(tmp_path))
    assert "elsewhere" not in repr(ref)
    with DagsterInstance.from_ref(ref) as instance:
        assert instance.run_storage.get_runs() == []
        assert (tmp_path / "elsewhere" / "runs.db").exists()


BAD = {
    "no yaml": ("run_storage: [", ["is not YAML: line 1, column 15: "]),
    "no text": (b"\xff\xfe\x00\xd8", ["is not YAML: line 1: this is not UTF-8 text"]),
    "tabs": ("a:\n\t- b", ["is not YAML: line 2, column 1: a tab"]),
    "a list": ("# runs\n- run_storage", ["must hold a mapping", "not a list (line 2)"]),
    "a word": ("run_storage", ["must hold a mapping", "not a str"]),
    "unknown section": ("run_storag: {}", ["run_storag: unknown key", "did you mean 'run_storage'?"]),
    "number for a section": ("3: {}", ["unknown key 3"]),
    "section is no mapping": ("run_storage: core.storage.runs", ["run_storage: expected a mapping with keys class"]),
    "no class": ("run_storage: {module: core.storage.runs}", ["run_storage.class: missing required config"]),
    "empty section": ("run_storage:", ["run_storage: missing required config: module of type", "class of type"]),
    "unknown key": (
        "run_storage: {module: core.storage.runs, klass: X}",
        ["run_storage.klass: unknown key 'klass'; did you mean 'class'?"],
    ),
    "module of another name": (
        "run_storage: {module: dagster.core.storage.runs, class: SqliteRunStorage}",
        ["run_storage.module: Cannot import module", "Here that module is called 'core.storage.runs'"],
    ),
    "unknown module": (
        "scheduler: {module: nowhere.at_all, class: X}",
        ["scheduler.module: Cannot import module 'nowhere"],
    ),
    "unknown class": (
        "run_storage: {module: core.storage.runs, class: Sqlite}",
        ["run_storage.class: Module 'core.storage.runs' has no class 'Sqlite'"],
    ),
    "class of another kind": (
        "run_launcher: {module: pathlib, class: Path}",
        ["run_launcher.class: pathlib.Path is not a ConfigurableClass"],
    ),
    "wrong config": (RUNS + "{base_dirr: x}}", ["run_storage.config.base_dirr: unknown key", "'base_dir'?"]),
    "config of a wrong type": (RUNS + "{base_dir: 3}}", ["run_storage.config.base_dir: expected StringSource"]),
    "missing config": (RUNS + "{}}", ["run_storage.config.base_dir: missing required config"]),
    "config is no mapping": (RUNS + "x}", ["run_storage.config: expected a mapping"]),
    "settings": ("settings: [1]", ["settings: expected a mapping"]),
    "storage of another kind": (
        "event_log_storage:\n  module: core.storage.runs\n  class: SqliteRunStorage\n  config: {base_dir: x}",
        ["line 3: event_log_storage.class: core.storage.runs.SqliteRunStorage is not a subclass of core"],
    ),
    "launcher that is another part": (
        RUNS.replace("run_storage", "run_launcher") + "{base_dir: x}}",
        ["core.storage.runs.SqliteRunStorage is not a subclass of core.launcher.RunLauncher, which"],
    ),
    "coordinator that is another part": (
        RUNS.replace("run_storage", "run_coordinator") + "{base_dir: x}}",
        ["SqliteRunStorage is not a subclass of core.run_coordinator.RunCoordinator, which"],
    ),
    "scheduler that is another part": (
        RUNS.replace("run_storage", "scheduler") + "{base_dir: x}}",
        ["SqliteRunStorage is not a subclass of core.scheduler.Scheduler, which"],
    ),
    "storage of newer releases": ("storage: {sqlite: {}}", ["line 1: storage: write this as run_storage, "]),
    "all at once": (
        "a: 1\nb: 2\nsettings: 3",
        ["line 1: a: unknown key", "line 2: b: unknown key", "line 3: settings: expected a mapping", "3 errors"],
    ),
    "all classes at once": (
        "scheduler: {module: nowhere, class: X}\nrun_launcher: {module: pathlib, class: Path}",
        ["line 1: scheduler.module: Cannot import", "line 2: run_launcher.class: pathlib.Path is not", "2 errors"],
    ),
    "sections and classes at once": (
        "a: 1\nscheduler: {module: nowhere, class: X}",
        ["line 1: a: unknown key", "line 2: scheduler.module: Cannot import", "2 errors"],
    ),
    "a section twice": ("settings: {a: 1}\n\nsettings: {b: 2}", ["line 3: settings: this key is in line 1 already"]),
    "a key twice": (
        RUNS + "\n  {base_dir: x,\n   base_dirr: y,\n   base_dir: z}}",
        [
            "line 3: run_storage.config.base_dirr: unknown key",
            "line 4: run_storage.config.base_dir: this key is in line 2 already",
            "2 errors",
        ],
    ),
    "not for another process": ('settings: {a: "\\ud800"}', ["line 1, column 15: this holds half of a character"]),
    "retention of something else": (
        "retention: {schedule: {}}",
        ["retention.schedule: unknown key", "Known: compute_"],
    ),
    "retention without limits": (
        "retention: {runs: 30}",
        ["retention.runs: expected a mapping with keys max_age_days"],
    ),
    **{
        f"retention of {key} {value}": (
            f"retention:\n  runs:\n    {key}: {value}",
            [f"line 3: retention.runs.{key}: expected a {wanted}", "1 error"],
        )
        for key, wanted, values in (
            ("max_age_days", "number of days above 0", ["0", "-1", "true", "a week", ".nan", ".inf", "1000000", "[1]"]),
            ("max_count", "whole number from 0", ["-1", "1.5", "false", "many", "9" * 30, "", "{enw: X}"]),
        )
        for value in values
    },
}


def test_the_lines_of_sections_keys_and_what_is_missing(tmp_path: Path) -> None:
    path = home(
        tmp_path,
        """\
# the runs
run_storage:
  module: core.storage.runs
  class: SqliteRunStorage
  config:
    base_dirr: x

event_log_storage:
  module: core.storage.event_log
settings: [a]
retention:
  runs: {max_count: 3,
    max_age_days: 0}
""",
    )
    with pytest.raises(DagsterInvalidConfigError) as caught:
        InstanceRef.from_dir(str(tmp_path))
    heads = [line.split(": ")[:2] for line in str(caught.value).splitlines()[1:]]
    assert heads == [
        [f"  {path}, line 6", "run_storage.config.base_dirr"],
        [f"  {path}, line 8", "event_log_storage.class"],  # is missing
        [f"  {path}, line 10", "settings"],
        [f"  {path}, line 13", "retention.runs.max_age_days"],
    ]


def test_of_many_faults_the_first_are_told_and_all_are_there(tmp_path: Path) -> None:
    path = home(tmp_path, "".join(f"key{number}: 1\n" for number in range(8000)))
    with pytest.raises(DagsterInvalidConfigError) as caught:
        InstanceRef.from_dir(str(tmp_path))
    _, first, *_, last, more = str(caught.value).splitlines()
    assert first.startswith(f"  {path}, line 1: key0: unknown key")
    assert last.startswith(f"  {path}, line 100: key99: unknown key")
    assert more == "  and 7,900 more"
    assert len(caught.value.errors) == 8000


SETTINGS = {
    "{a: .nan}": "settings.a: the number nan cannot be passed to another process as it is",
    "{a: [1, -.inf]}": "settings.a[1]: the number -inf cannot be passed",
    "{1: a}": "settings: the key 1 cannot be passed",
    "{a: {true: b}}": "settings.a: the key True cannot be passed",
    "{a: 1.5, b: [~, 18446744073709551616, -0.0, {'1': x}]}": "",
}


@pytest.mark.parametrize(("text", "said"), SETTINGS.items(), ids=SETTINGS)
def test_settings_are_those_that_another_process_gets(text: str, said: str, tmp_path: Path) -> None:
    home(tmp_path, f"settings: {text}")
    if said:
        with pytest.raises(DagsterInvalidConfigError, match=re.escape(said)):
            InstanceRef.from_dir(str(tmp_path))
        return
    ref = InstanceRef.from_dir(str(tmp_path))
    assert repr(from_json(InstanceRef, to_json(ref)).settings) == repr(ref.settings)


def test_the_name_of_a_variable_is_shown_as_it_is(tmp_path: Path) -> None:
    home(tmp_path, 'settings: {a: {env: "X\\n  Error: \\e[31m"}}')
    with pytest.raises(DagsterInvalidConfigError, match=re.escape(r"variable X\n  Error: \x1b[31m is not set")):
        _ = DagsterInstance.from_config(str(tmp_path)).settings


def test_faults_of_overrides_have_no_line(tmp_path: Path) -> None:
    path = home(tmp_path, "foo: 1\nsettings: {a: 1}")
    with pytest.raises(DagsterInvalidConfigError) as caught:
        InstanceRef.from_dir(str(tmp_path), {"settings": 3})
    overridden, written = str(caught.value).splitlines()[1:]
    assert overridden.startswith("  overrides: settings: expected a mapping")
    assert written.startswith(f"  {path}, line 1: foo: unknown key")


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_with_the_file_and_the_key(text: str | bytes, said: list[str], tmp_path: Path) -> None:
    path = home(tmp_path, text)
    with pytest.raises(DagsterInvalidConfigError) as caught:
        DagsterInstance.from_config(str(tmp_path))
    message = str(caught.value)
    assert str(path) in message
    assert [each for each in said if each not in message] == [], message
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dagster.yaml"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").mkdir()
    with pytest.raises(DagsterInvalidConfigError, match=f"Cannot read {tmp_path}/dagster.yaml"):
        DagsterInstance.from_config(str(tmp_path))


def test_overrides(tmp_path: Path) -> None:
    home(tmp_path, "settings: {a: 1}\nlocal_artifact_storage: {module: nowhere, class: X}")
    storage = {"module": "core.storage.root", "class": "LocalArtifactStorage", "config": {"base_dir": "x"}}
    ref = InstanceRef.from_dir(str(tmp_path), {"settings": {"b": 2}, "local_artifact_storage": storage})
    assert ref.settings == {"b": 2}
    assert ref.local_artifact_storage_data == ConfigurableClassData(
        "core.storage.root", "LocalArtifactStorage", '{"base_dir":"x"}'
    )


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of the user's, as it may be imported."""
    name = f"own_storages_{uuid.uuid4().hex}"
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / f"{name}.py").write_text(OWN_PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    return name


def run_storage(module: str, name: str, config: str) -> str:
    return f"run_storage:\n  module: {module}\n  class: {name}\n  config: {config}\n"


class TestOwnPackage:
    """Classes that are not ours."""

    def test_a_class_in_memory(self, own: str, tmp_path: Path) -> None:
        home(tmp_path, run_storage(own, "MemoryRuns", "{postgres_url: there}"))
        with DagsterInstance.from_config(str(tmp_path)) as instance:
            storage: Any = instance.run_storage
            assert type(storage).__name__ == "MemoryRuns"
            assert storage.config == {"postgres_url": "there", "pool": 3}
            assert storage.inst_data == instance.get_ref().run_storage_data

    def test_a_class_on_sqlite(self, own: str, tmp_path: Path) -> None:
        home(tmp_path, run_storage(own, "FileRuns", f"{{base_dir: {tmp_path / 'own'}}}"))
        with DagsterInstance.from_config(str(tmp_path)) as instance:
            assert type(instance.run_storage).__name__ == "FileRuns"
            assert instance.run_storage.get_runs() == []
            assert (tmp_path / "own" / "runs.db").exists()

    def test_of_another_kind(self, own: str, tmp_path: Path) -> None:
        home(tmp_path, run_storage(own, "MemoryRuns", "{postgres_url: x}").replace("run_storage", "schedule_storage"))
        with pytest.raises(
            DagsterInvalidConfigError, match=r"line 3: schedule_storage\.class: .* subclass of .*ScheduleSt"
        ):
            InstanceRef.from_dir(str(tmp_path))

    def test_that_lacks_methods(self, own: str, tmp_path: Path) -> None:
        home(tmp_path, run_storage(own, "Abstract", "{}"))
        with pytest.raises(DagsterInvalidConfigError, match="does not define from_config_value, inst_data"):
            InstanceRef.from_dir(str(tmp_path))

    def test_whose_schema_is_none(self, own: str, tmp_path: Path) -> None:
        home(tmp_path, run_storage(own, "NoSchema", "{}"))
        with pytest.raises(
            DagsterInvalidConfigError, match=r"run_storage\.class: .*config_type\(\) does not return a config"
        ):
            InstanceRef.from_dir(str(tmp_path))


class TestEnvironment:
    """`{env: NAME}` anywhere; what it stands for is in no ref."""

    def test_in_the_config_of_a_class_of_plain_types(
        self, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CORE_TEST_URL", f"postgresql://me:{PASSWORD}@host/db")
        monkeypatch.setenv("CORE_TEST_POOL", "7")
        monkeypatch.setenv("CORE_TEST_MODULE", own)
        home(
            tmp_path,
            run_storage(
                "{env: CORE_TEST_MODULE}",
                "MemoryRuns",
                "{postgres_url: {env: CORE_TEST_URL}, pool: {env: CORE_TEST_POOL}}",
            ),
        )
        ref = InstanceRef.from_dir(str(tmp_path))
        assert PASSWORD not in msgspec.json.encode(ref).decode()
        with DagsterInstance.from_ref(ref) as instance:
            storage: Any = instance.run_storage
            assert storage.config == {"postgres_url": f"postgresql://me:{PASSWORD}@host/db", "pool": 7}
            assert PASSWORD not in repr(storage.inst_data)

    def test_in_a_class_that_takes_anything(self, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CORE_TEST_PASSWORD", PASSWORD)
        home(tmp_path, run_storage(own, "FreeRuns", "{db: [{password: {env: CORE_TEST_PASSWORD}}], env: prod}"))
        data = InstanceRef.from_dir(str(tmp_path)).run_storage_data
        assert PASSWORD not in data.config_yaml
        assert data.rehydrate().config == {"db": [{"password": PASSWORD}], "env": "prod"}

    def test_that_is_not_set_has_its_line(self, own: str, tmp_path: Path) -> None:
        path = home(
            tmp_path,
            run_storage(own, "FreeRuns", "\n    db:\n    - password: {env: CORE_TEST_NOT_SET}")
            + "settings:\n  a: {env: CORE_TEST_NOT_SET}\nretention:\n  runs:\n    max_count: {env: CORE_TEST_NOT_SET}",
        )
        with pytest.raises(DagsterInvalidConfigError) as caught:
            InstanceRef.from_dir(str(tmp_path))
        assert [line.partition(": the environment")[0] for line in str(caught.value).splitlines()[1:]] == [
            f"  {path}, line 6: run_storage.config.db[0].password",
            f"  {path}, line 8: settings.a",
            f"  {path}, line 11: retention.runs.max_count",
        ]

    def test_settings_are_read_where_they_are_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CORE_TEST_PASSWORD", PASSWORD)
        home(tmp_path, "settings: {mail: {password: {env: CORE_TEST_PASSWORD}, to: [a, b]}, env: prod}")
        settings = InstanceRef.from_dir(str(tmp_path)).settings
        assert settings == {"mail": {"password": {"env": "CORE_TEST_PASSWORD"}, "to": ["a", "b"]}, "env": "prod"}
        assert resolve_settings(settings) == {"mail": {"password": PASSWORD, "to": ["a", "b"]}, "env": "prod"}
        monkeypatch.delenv("CORE_TEST_PASSWORD")
        with pytest.raises(
            DagsterInvalidConfigError, match=r"settings\.mail\.password: .*CORE_TEST_PASSWORD is not set"
        ):
            resolve_settings(settings)

    def test_retention(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CORE_TEST_DAYS", "0.5")
        home(
            tmp_path,
            "retention:\n  runs: {max_age_days: {env: CORE_TEST_DAYS}, max_count: 0}\n"
            "  events: {max_age_days: 3}\n  values:",
        )
        retention = InstanceRef.from_dir(str(tmp_path)).retention
        assert retention["runs"] == {"max_age_days": {"env": "CORE_TEST_DAYS"}, "max_count": 0}
        resolved = resolve_retention(retention)
        assert resolved == {
            "runs": {"max_age_days": 0.5, "max_count": 0},
            "events": {"max_age_days": 3.0},
            "values": {},
        }
        assert type(resolved["events"]["max_age_days"]) is float
        monkeypatch.setenv("CORE_TEST_DAYS", "-1")
        with pytest.raises(DagsterInvalidConfigError, match="variable CORE_TEST_DAYS does not hold a number of days"):
            resolve_retention(retention)
        assert resolve_retention({}) == {}


SECRETS = {
    "url of a wrong type": "{postgres_url: [postgresql://me:PASSWORD@host/db], pool: 3}",
    "url in another place": "{postgres_url: x, pool: 'postgresql://me:PASSWORD@host:5432/db'}",
    "url as the config": "postgresql://me:PASSWORD@host/db",
    "url as a key": "{'postgresql://me:PASSWORD@host/db': 3}",
    "password of a wrong type": "{postgres_url: x, password: 271828}",
    "connection string in another place": "{postgres_url: x, pool: 'host=there password=PASSWORD dbname=x'}",
    "url cut short": "{postgres_url: x, pool: 'postgresql://a-user-of-a-long-name-indeed:PASSWORD"
    + "x" * 60
    + "@host'}",
    "no yaml": "{postgres_url: 'postgresql://me:PASSWORD@host/db}",
    "no yaml either": "postgresql://me:PASSWORD@host/db: x: y",
    "alias": "{password: *PASSWORD}",
    "tag": "{password: !PASSWORD x}",
    "anchor twice": "{password: &PASSWORD x, postgres_url: &PASSWORD x}",
    "number": "{password: !!int PASSWORD}",
    "section": "}\nscheduler: postgresql://me:PASSWORD@host/db",
    "settings": "{}\nsettings: postgresql://me:PASSWORD@host/db",
}


@pytest.mark.parametrize("config", SECRETS.values(), ids=SECRETS)
def test_no_error_shows_a_secret(config: str, own: str, tmp_path: Path) -> None:
    word = "271828"
    home(tmp_path, run_storage(own, "MemoryRuns", config.replace("PASSWORD", word)))
    with pytest.raises(DagsterInvalidConfigError) as caught:
        InstanceRef.from_dir(str(tmp_path))
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.errors)
    assert word not in shown, shown


def test_no_repr_shows_a_secret(own: str, tmp_path: Path) -> None:
    url = f"postgresql://me:{PASSWORD}@host/db"
    home(tmp_path, run_storage(own, "MemoryRuns", f"{{postgres_url: '{url}'}}") + f"settings: {{key: '{url}'}}")
    ref = InstanceRef.from_dir(str(tmp_path))
    assert url in ref.run_storage_data.config_yaml
    assert "MemoryRuns" in repr(ref)
    shown = f"{ref} {ref!r} {ref.__rich_repr__()} {ref.run_storage_data} {ref.run_storage_data.__rich_repr__()}"
    assert PASSWORD not in shown, shown


class TestHome:
    """`$DAGSTER_HOME`."""

    def test_unset_or_empty_gives_an_ephemeral_instance(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        assert DagsterInstance.get().is_ephemeral
        monkeypatch.setenv("DAGSTER_HOME", "")
        assert DagsterInstance.get().is_ephemeral

    def test_set_gives_the_instance_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "new" / "home"))
        with DagsterInstance.get() as instance:
            assert instance.is_persistent
            assert instance.root_directory == str(tmp_path / "new" / "home")

    def test_a_tilde_is_the_users_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("DAGSTER_HOME", "~/dagster home")
        with DagsterInstance.get() as instance:
            assert instance.root_directory == str(tmp_path / "dagster home")

    def test_a_relative_path_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DAGSTER_HOME", "some/folder")
        with pytest.raises(DagsterInvariantViolationError, match="must be an absolute path; it is 'some/folder'"):
            DagsterInstance.get()

    def test_a_path_that_cannot_be_a_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file"))
        with pytest.raises(
            DagsterStorageError, match=f"Cannot use the run database at {tmp_path}/file/history/runs.db"
        ):
            DagsterInstance.get().run_storage.get_runs()

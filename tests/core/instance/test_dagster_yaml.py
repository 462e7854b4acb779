"""`dagster.yaml`: what it may hold, and what is said of the rest: which file, which key, what is wrong."""

from pathlib import Path

import pytest

from core.errors import DagsterInvalidConfigError, DagsterInvariantViolationError, DagsterStorageError
from core.instance import DagsterInstance, InstanceRef
from core.serdes import ConfigurableClassData
from core.storage.local_compute_log_manager import LocalComputeLogManager

RUNS = "run_storage: {module: core.storage.runs, class: SqliteRunStorage, config: "


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
    with DagsterInstance.from_ref(ref):
        assert (tmp_path / "elsewhere" / "runs.db").exists()


BAD = {
    "no yaml": ("run_storage: [", ["is not YAML"]),
    "no text": (b"\xff\xfe\x00\xd8", ["is not YAML"]),
    "tabs": ("a:\n\t- b", ["is not YAML"]),
    "a list": ("- run_storage", ["must hold a mapping", "not a list"]),
    "a word": ("run_storage", ["must hold a mapping", "not a str"]),
    "unknown section": ("run_storag: {}", ["run_storag: unknown key", "did you mean 'run_storage'?"]),
    "number for a section": ("3: {}", ["unknown key 3"]),
    "section is no mapping": ("run_storage: core.storage.runs", ["run_storage: expected a mapping with keys class"]),
    "no class": ("run_storage: {module: core.storage.runs}", ["run_storage.class: missing required config"]),
    "empty section": ("run_storage:", ["run_storage.module: missing", "run_storage.class: missing"]),
    "unknown key": (
        "run_storage: {module: core.storage.runs, klass: X}",
        ["run_storage.klass: unknown key 'klass'; did you mean 'class'?"],
    ),
    "module of another name": (
        "run_storage: {module: dagster.core.storage.runs, class: SqliteRunStorage}",
        ["run_storage: Cannot import module", "Here that module is called 'core.storage.runs'"],
    ),
    "unknown module": ("scheduler: {module: nowhere.at_all, class: X}", ["scheduler: Cannot import module 'nowhere"]),
    "unknown class": (
        "run_storage: {module: core.storage.runs, class: Sqlite}",
        ["run_storage: Module 'core.storage.runs' has no class 'Sqlite'"],
    ),
    "class of another kind": (
        "run_launcher: {module: pathlib, class: Path}",
        ["run_launcher: pathlib.Path is no ConfigurableClass"],
    ),
    "wrong config": (RUNS + "{base_dirr: x}}", ["run_storage.config.base_dirr: unknown key", "'base_dir'?"]),
    "config of a wrong type": (RUNS + "{base_dir: 3}}", ["run_storage.config.base_dir: expected StringSource"]),
    "missing config": (RUNS + "{}}", ["run_storage.config.base_dir: missing required config"]),
    "config is no mapping": (RUNS + "x}", ["run_storage.config: expected a mapping"]),
    "settings": ("settings: [1]", ["settings: expected a mapping"]),
    "all at once": (
        "a: 1\nb: 2\nsettings: 3",
        ["a: unknown key", "b: unknown key", "settings: expected a mapping", "3 errors"],
    ),
    "all classes at once": (
        "scheduler: {module: nowhere, class: X}\nrun_launcher: {module: pathlib, class: Path}",
        ["scheduler: Cannot import", "run_launcher: pathlib.Path is no", "2 errors"],
    ),
}


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
    home(tmp_path, "settings: {a: 1}\nrun_launcher: {module: nowhere, class: X}")
    launcher = {"module": "core.storage.root", "class": "LocalArtifactStorage", "config": {"base_dir": "x"}}
    ref = InstanceRef.from_dir(str(tmp_path), {"settings": {"b": 2}, "run_launcher": launcher})
    assert ref.settings == {"b": 2}
    assert ref.run_launcher_data == ConfigurableClassData(
        "core.storage.root", "LocalArtifactStorage", '{"base_dir":"x"}'
    )


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
            DagsterInstance.get()

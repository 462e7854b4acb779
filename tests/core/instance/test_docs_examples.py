"""Every example of docs/instance.md can be pasted."""

import re
from pathlib import Path

import pytest
import yaml

from core.errors import DagsterInvalidConfigError
from core.instance import DagsterInstance, InstanceRef

DOCUMENT = (Path(__file__).parents[3] / "docs" / "instance.md").read_text("utf-8")
YAML = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
VARIABLES = {
    "CLOUDSTORE_POSTGRES_URL": "postgresql://me:secret@127.0.0.1:1/db",
    "KEEP_VALUES_DAYS": "0.5",
    "RUNS_AT_ONCE": "2",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for an instance; all variables that examples name are set, and `my_company` can be imported."""
    for name in re.findall(r"\{env: (\w+)\}", "".join(YAML)):
        monkeypatch.setenv(name, VARIABLES.get(name, "from-outside"))
    (launcher,) = (each for each in PYTHON if "class Launcher" in each)
    package = tmp_path / "packages" / "my_company"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for module, name in (
        ("launcher", "Launcher"),
        ("scheduler", "ClusterScheduler"),
        ("coordinator", "QueuedCoordinator"),
    ):
        (package / f"{module}.py").write_text(launcher.replace("Launcher", name))
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path / "srv"


def titles(block: str) -> str:
    return ",".join(yaml.safe_load(block))


@pytest.mark.parametrize("block", YAML, ids=map(titles, YAML))
def test_an_example_makes_an_instance(block: str, home: Path) -> None:
    home.mkdir()
    (home / "dagster.yaml").write_text(block.replace("/srv/cloudstore", str(home)))
    with DagsterInstance.from_config(str(home)) as instance:
        ref = instance.get_ref()
        used = {type(part).__name__ for part in vars(instance).values()}
        written = yaml.safe_load(block)
        assert {section["class"] for section in written.values() if "class" in section} <= used
        assert ref.retention == written.get("retention", {})
        if "postgres" not in block:  # which is tried on a server where its storages are
            assert instance.run_storage.get_runs() == []
            assert str(home) in "".join(map(str, home.rglob("*.db")))


def test_every_section_has_an_example() -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        InstanceRef.from_dir("/nowhere", {"no such section": {}})
    known = set(str(caught.value).partition("Known: ")[2].strip(". ").split(", "))
    assert known - {section for block in YAML for section in yaml.safe_load(block)} == {"telemetry"}


def test_the_ways_to_get_one(home: Path) -> None:
    (block,) = (each for each in PYTHON if "DagsterInstance.get()" in each)
    exec(block.replace("/srv/cloudstore", str(home)), {})


def test_the_error_that_is_shown(home: Path) -> None:
    home.mkdir()
    shown = re.findall(r"^ +/srv/cloudstore/dagster.yaml, (line \d: .*?) \.\.\.$", DOCUMENT, re.MULTILINE)
    (sqlite,) = (each for each in YAML if "SqliteRunStorage" in each)
    text = (
        "".join(sqlite.partition("\n\n")[0].replace("base_dir", "base_dirr")) + "\nretention:\n  runs: {max_count: -1}"
    )
    (home / "dagster.yaml").write_text(text)
    with pytest.raises(DagsterInvalidConfigError) as caught:
        InstanceRef.from_dir(str(home))
    assert len(shown) == 2
    assert [line for line in shown if line not in str(caught.value)] == []

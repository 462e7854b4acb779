"""Every example of docs/instance.md can be pasted."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from core.errors import DagsterInvalidConfigError
from core.instance import DagsterInstance, InstanceRef
from core.records.pipeline_run import PipelineRun

DOCUMENT = (Path(__file__).parents[3] / "docs" / "instance.md").read_text("utf-8")
YAML = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
VARIABLES = {
    "CLOUDSTORE_POSTGRES_URL": "postgresql://me:secret@127.0.0.1:1/db",
    "KEEP_VALUES_DAYS": "0.5",
    "RUNS_AT_ONCE": "2",
}
OTHER_KINDS = """
from core.config import Field, IntSource
from core.run_coordinator import RunCoordinator
from core.scheduler import Scheduler
from core.serdes import ConfigurableClass

class Configured(ConfigurableClass):
    inst_data = None

    @classmethod
    def config_type(cls):
        return {"workers": Field(IntSource, default_value=4)}

class ClusterScheduler(Scheduler, Configured):
    from_config_value = staticmethod(lambda inst_data, config_value: ClusterScheduler())

    def debug_info(self):
        return ""

class QueuedCoordinator(RunCoordinator, Configured):
    from_config_value = staticmethod(lambda inst_data, config_value: QueuedCoordinator())

    def submit_run(self, pipeline_run, external_pipeline):
        return pipeline_run

    def can_cancel_run(self, run_id):
        return False

    def cancel_run(self, run_id):
        return False
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for an instance; all variables that examples name are set, and `my_company` can be imported."""
    for name in re.findall(r"\{env: (\w+)\}", "".join(YAML)):
        monkeypatch.setenv(name, VARIABLES.get(name, "from-outside"))
    (launcher,) = (each for each in PYTHON if "class Launcher" in each)
    package = tmp_path / "packages" / "my_company"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "launcher.py").write_text(launcher)
    (package / "scheduler.py").write_text(OTHER_KINDS)
    (package / "coordinator.py").write_text(OTHER_KINDS)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path / "srv"


def titles(block: str) -> str:
    return ",".join(yaml.safe_load(block))


def on_server(block: str, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The block with the tests' PostgreSQL in place of the one it names."""
    monkeypatch.setenv("CLOUDSTORE_POSTGRES_URL", url)
    ((host,), (options,)) = (parse_qs(urlsplit(url).query)[key] for key in ("host", "options"))
    for written, there in (
        ("username: cloudstore", "username: postgres"),
        ("hostname: db.example.org", "hostname: ''"),
        ("db_name: cloudstore", "db_name: postgres"),
        ("port: 5432", f"params: {{host: {host}, options: {options}}}"),
    ):
        assert (written in block) == ("postgres_db:" in block)
        block = block.replace(written, there)
    return block


@pytest.mark.parametrize("block", YAML, ids=map(titles, YAML))
def test_an_example_makes_an_instance(
    block: str, home: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    block = block.replace("/srv/cloudstore", str(home))
    if "postgres" in block:
        block = on_server(block, request.getfixturevalue("new_postgres_url")(), monkeypatch)
    home.mkdir()
    (home / "dagster.yaml").write_text(block)
    with DagsterInstance.from_config(str(home)) as instance:
        written = yaml.safe_load(block)
        used = {type(part).__name__ for part in vars(instance).values()}
        assert {section["class"] for section in written.values() if "class" in section} <= used
        assert instance.get_ref().retention == written.get("retention", {})
        instance.add_run(PipelineRun("prices"))
        assert [run.pipeline_name for run in instance.get_runs()] == ["prices"]


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

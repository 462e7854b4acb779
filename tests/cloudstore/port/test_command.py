"""`cloudstore port`: files are rewritten, all or none, and what is left to do is listed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloudstore.cli import main
from core.instance.dagster_yaml import load_dagster_yaml

OLD = "import dagster  # all of it\n\nfrom dagster import solid, QueuedRunCoordinator\n\nx = dagster.Field(int)\n"
NEW = "import core  # all of it\n\nfrom core import solid, QueuedRunCoordinator\n\nx = core.Field(int)\n"

INSTANCE = """\
# the instance of our team
run_storage:
  module: dagster_postgres.run_storage   # a database
  class: PostgresRunStorage
  config: {postgres_url: {env: PG_URL}}
event_log_storage:
  module: 'dagster.core.storage.event_log'
  class: "ConsolidatedSqliteEventLogStorage"
  config: {base_dir: /var/lib/events}
compute_logs: {module: "dagster_aws.s3.compute_log_manager", class: S3ComputeLogManager, config: {bucket: logs}}
local_artifact_storage:
  class: LocalArtifactStorage
  module: dagster.core.storage.root
  config:
    base_dir: /var/lib/dagster
"""


def port(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["port", *map(str, arguments)])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text(OLD)
    (tmp_path / "sub" / "b.py").write_text("from dagster_aws.s3 import s3_resource\n")
    (tmp_path / "sub" / "untouched.py").write_text("x = 1\n")
    (tmp_path / "dagster.yaml").write_text(INSTANCE)
    for passed_over in (".git/c.py", "env/c.py", "node_modules/c.py", "notes.txt", "other.yaml"):
        (tmp_path / passed_over).parent.mkdir(exist_ok=True)
        (tmp_path / passed_over).write_text(OLD)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_rewritten_and_what_is_left_is_listed(project: Path) -> None:
    before = contents(project)
    (project / "a.py").chmod(0o755)
    done = port(project)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{project / 'a.py'}:3: dagster.QueuedRunCoordinator has no counterpart. ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == "3 of 4 files changed; 1 place is left to do by hand.\n"
    after = contents(project)
    assert after["a.py"] == NEW
    assert after["sub/b.py"] == "from cloudstore import s3_resource\n"
    changed = {"a.py", "sub/b.py", "dagster.yaml"}
    assert {name: text for name, text in after.items() if name not in changed} == {
        name: text for name, text in before.items() if name not in changed
    }
    assert (project / "a.py").stat().st_mode & 0o777 == 0o755
    again = port(project)
    assert again.stderr == "0 of 4 files changed; 0 places are left to do by hand.\n"
    assert contents(project) == after


def test_a_diff_writes_nothing(project: Path) -> None:
    before = contents(project)
    done = port("--diff", project / "a.py", project)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"--- {project / 'a.py'}", f"+++ {project / 'a.py'}"]
    assert "-import dagster  # all of it" in lines
    assert "+import core  # all of it" in lines
    assert sum(line.startswith("---") for line in lines) == 3  # each file once
    assert "a.py:3: dagster.QueuedRunCoordinator has no counterpart" in done.stderr
    assert "3 of 4 files would be changed" in done.stderr
    assert contents(project) == before


def test_a_dagster_yaml_keeps_all_but_modules(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port(project / "dagster.yaml")
    text = (project / "dagster.yaml").read_text()
    assert text == INSTANCE.replace("dagster_postgres.run_storage", "core.storage.postgres").replace(
        "dagster_aws.s3.", "cloudstore."
    ).replace("dagster.core.", "core.")
    monkeypatch.setenv("PG_URL", "postgresql://nowhere/x")
    config = load_dagster_yaml(project / "dagster.yaml", {})
    assert config["run_storage"]["module"] == "core.storage.postgres"


def test_classes_that_are_not_here_are_told(project: Path) -> None:
    file = project / "dagster.yaml"
    file.write_text(
        "run_launcher:\n  module: dagster_k8s.launcher\n  class: K8sRunLauncher\nx: {module: my.own, class: A}\n"
    )
    before = file.read_text()
    done = port(file)
    assert f"{file}:2: dagster_k8s.launcher.K8sRunLauncher has no counterpart. Runs are" in done.stdout
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("z.py", "x = 1\ndef f(:\n", "z.py:2:1: it is not Python 3. Nothing was written."),
        ("z.py", "print 'dagster'\n", "it is not Python 3. Nothing was written."),
        ("z.py", b"x = '\xe9'\n", "z.py cannot be read"),
        ("z.py", b"# coding: klingon\n", "z.py cannot be read"),
        ("z/dagster.yaml", "a: [", "dagster.yaml is not YAML"),
    ],
)
def test_where_one_file_cannot_be_read_none_is_written(
    project: Path, name: str, content: str | bytes, said: str
) -> None:
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    done = port(project)
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_where_one_file_cannot_be_written_none_is(project: Path) -> None:
    before = contents(project)
    (project / "sub").chmod(0o555)
    done = port(project)
    (project / "sub").chmod(0o755)
    assert done.exit_code == 1
    assert "Permission denied" in done.stderr
    assert contents(project) == before


def test_a_link_stays_one(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("elsewhere") / "real.py"
    target.write_text(OLD)
    (project / "link.py").symlink_to(target)
    assert port(project / "link.py").exit_code == 0
    assert (project / "link.py").is_symlink()
    assert target.read_text() == NEW
    assert [each.name for each in target.parent.iterdir()] == ["real.py"]


def test_without_the_extra_it_says_how_to_install_it(project: Path) -> None:
    code = "import sys\nsys.modules['libcst'] = None\nfrom cloudstore.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code, "port", str(project)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'cloudstore[port]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_path_that_is_not_there() -> None:
    done = port("nowhere")
    assert done.exit_code == 2
    assert "'nowhere' does not exist" in done.stderr

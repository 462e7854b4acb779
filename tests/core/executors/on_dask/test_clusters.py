"""Which cluster a run is executed on, what is refused, and what is left of one that was started for a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import core
from core import DagsterInvalidDefinitionError, DagsterSubprocessError, DagsterUnmetExecutorRequirementsError
from core.executors.dask.library import dask
from core.process.children import children_of
from tests.core.executors.conftest import MakeCode
from tests.core.executors.in_processes import Code, had, wait_until_gone
from tests.dask_cluster import Cluster, dask_cluster

STEPS = """
@solid
def one(context):
    print("printed " * 3)
    tell(f"pid {os.getpid()}")
    tell(f"pid {os.getppid()}")
    return 1

@solid(retry_policy=RetryPolicy(max_retries=1))
def crashes_once(context, number):
    if not times_before("crash"):
        os._exit(1)
    return number + 1

@pipeline(mode_defs=[mode()])
def piped():
    crashes_once(one())
"""


def test_a_cluster_of_the_run_s_own_leaves_nothing_and_shows_nothing(
    code_on: MakeCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.chdir(tmp_path)
    code = code_on(STEPS, {"local": {"n_workers": 1, "threads_per_worker": 2}})
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with code.instance() as instance:
        assert code.execute(instance, more_config=quiet).success
        (code.folder / "told").unlink()
        before, _ = had(), capfd.readouterr()
        files = sorted(temporary.iterdir())
        result = code.execute(instance, more_config=quiet)
        assert result.output_for_solid("crashes_once") == 2
        assert had() == before
        assert sorted(temporary.iterdir()) == files
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("printed " * 3 + "\n", "")
    for line in code.told:
        if line.startswith("pid "):
            wait_until_gone(int(line.split()[1]))


def test_a_cluster_that_is_there_has_nothing_of_a_run_that_has_ended(
    code_on: MakeCode, cluster: Cluster, workers_folder: Path
) -> None:
    code = code_on(STEPS, cluster)
    with code.instance() as instance:
        for _ in range(2):
            assert code.execute(instance).success
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in _descendants(cluster.scheduler_pid)]
    assert not [each for each in commands if b"core.fork_server" in each]
    assert [*workers_folder.rglob("worker-*")]
    assert not [*workers_folder.rglob("cloudstore-*")]


def _descendants(pid: int) -> set[int]:
    children = set(children_of(pid))
    return children.union(*map(_descendants, children))


def test_what_it_needs_is_checked_before_anything_begins(code_on: MakeCode, cluster: Cluster, tmp_path: Path) -> None:
    with_sqlite = Code(tmp_path, STEPS, "dask", {"cluster": {"existing": {"address": cluster.address}}})
    with with_sqlite.instance() as instance:
        with pytest.raises(DagsterUnmetExecutorRequirementsError, match="runs and event logs on this machine's disk"):
            with_sqlite.execute(instance)
        assert instance.get_runs() == []
    code = code_on(STEPS.replace("@solid\n", "@solid(tags={'dagster-dask/resource_requirements': ['GPU']})\n"), cluster)
    with code.instance() as instance:
        with pytest.raises(DagsterInvalidDefinitionError, match="'dagster-dask/resource_requirements' of solid 'one'"):
            code.execute(instance)
        assert instance.get_runs() == []


@pytest.mark.parametrize(
    ("kind", "package"),
    [("yarn", "dask-yarn"), ("ssh", "asyncssh"), ("slurm", "dask-jobqueue"), ("kube", "dask-kubernetes")],
)
def test_a_package_that_is_missing_is_named(code_on: MakeCode, kind: str, package: str) -> None:
    code = code_on(STEPS, {kind: {}})
    with code.instance() as instance:
        with pytest.raises(DagsterSubprocessError, match=f"'{kind}' needs the package .*pip install {package}"):
            code.execute(instance, raise_on_error=True)
        assert [run.status.value for run in instance.get_runs()] == ["FAILURE"]


STARTING = """
from distributed import LocalCluster

class SLURMCluster(LocalCluster):
    def __init__(self, queue, cores, asynchronous):
        of_test = {"n_workers": 1, "dashboard_address": "127.0.0.1:0"}
        super().__init__(threads_per_worker=cores, asynchronous=asynchronous, **of_test)
        self.queue = queue
        print("started in", queue, flush=True)
"""


def test_a_class_of_clusters_is_given_what_the_run_config_says(
    code_on: MakeCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dask_jobqueue.py").write_text(STARTING)
    monkeypatch.syspath_prepend(str(tmp_path))
    code = code_on(STEPS, {"slurm": {"queue": "short", "cores": 2}})
    with code.instance() as instance:
        assert code.execute(instance).success
    assert capfd.readouterr().out.startswith("started in short\n")
    sys.modules.pop("dask_jobqueue")


def test_a_scheduler_that_is_not_there_is_named(code_on: MakeCode) -> None:
    code = code_on(STEPS, {"existing": {"address": "tcp://127.0.0.1:9"}})
    soon = {"distributed.comm.timeouts.connect": "200ms"}
    said = pytest.raises(DagsterSubprocessError, match=r"scheduler at tcp://127\.0\.0\.1:9 cannot be reached")
    with code.instance() as instance, dask.config.set(soon), said:
        code.execute(instance, raise_on_error=True)


def test_a_worker_with_another_state_of_this_package_is_named(code_on: MakeCode, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(Path(core.__file__).parent, other / "core", ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "core" / "errors.py").open("a") as changed:
        changed.write("# changed\n")
    with dask_cluster(folder=other) as cluster:
        code = code_on(STEPS, cluster)
        with code.instance() as instance, pytest.raises(DagsterSubprocessError, match="another state of the code of"):
            code.execute(instance, raise_on_error=True)
    assert code.told == []


def test_a_worker_with_another_state_of_the_pipeline_s_code_is_named(
    code_on: MakeCode, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PID_OF_RUN", str(os.getpid()))
    changing = f"""
if os.getpid() != {os.getpid()}:
    Path(__file__).write_text(Path(__file__).read_text() + "# of another release\\n")
"""
    code = code_on(STEPS + changing, cluster)
    said = pytest.raises(DagsterSubprocessError, match=r"piped_code\.py\. Bring them up to date")
    with code.instance() as instance, said:
        code.execute(instance, raise_on_error=True)
    assert code.told == []


def test_importing_the_executor_imports_no_dask() -> None:
    program = "import sys, core.executors.dask; sys.exit(any(each in sys.modules for each in ('dask', 'distributed')))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_dask_it_is_said_how_to_install_it(
    code_on: MakeCode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [each for each in sys.modules if each.startswith("core.executors.dask.")]:
        if name.rpartition(".")[2] in ("cluster_steps", "library", "session", "on_worker"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    code = code_on(STEPS, {"local": {}})
    said = pytest.raises(DagsterUnmetExecutorRequirementsError, match=r"pip install 'cloudstore\[dask\]'")
    with code.instance() as instance, said:
        code.execute(instance, raise_on_error=True)

"""What is killed while steps are executed on a cluster, and what follows."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import core.executors.dask.session
from core import DagsterEvent, DagsterSubprocessError, reexecute_pipeline
from core.loading.pipelines import load_pipeline
from tests.core.executors.conftest import MakeCode
from tests.core.executors.in_processes import errors_of, lives, program, types_of, wait_until_gone
from tests.dask_cluster import Cluster

STEPS = """
def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

def kill_worker():
    os.kill(parent_of(os.getppid()), signal.SIGKILL)
    wait_for_ever()

@solid(retry_policy=RetryPolicy(max_retries=1))
def recovers(context):
    tell(f"pid {os.getpid()}")
    if not times_before("recovers"):
        kill_worker()
    return context.retry_number

@solid
def does_not(context):
    times_before("does_not")
    tell(f"pid {os.getpid()}")
    kill_worker()

@solid
def waits(context):
    tell(f"pid {os.getpid()}")
    tell(f"pid {os.getppid()}")
    wait_for_ever()

@solid
def gives(context):
    tell("gave")
    return 3

@solid
def takes(context, value):
    tell(f"pid {os.getpid()}")
    tell(f"pid {os.getppid()}")
    if (FOLDER / "may_go_on").exists():
        return value + 1
    wait_for_ever()

@pipeline(mode_defs=[mode()])
def piped():
    BODY
"""


def pids(lines: list[str]) -> list[int]:
    return [int(line.split()[1]) for line in lines if line.startswith("pid ")]


@contextmanager
def lines_told(path: Path) -> Iterator[Iterator[str]]:
    """The lines that steps tell while the block runs, each waited for; afterwards they are kept in a file."""
    os.mkfifo(path)
    with os.fdopen(os.open(path, os.O_RDWR)) as told:
        yield (line.strip() for line in told)
    path.unlink()


def test_a_worker_that_is_killed_is_a_crash_of_its_steps_and_dask_executes_none_again(
    code_on: MakeCode, own_cluster: Cluster
) -> None:
    code = code_on(STEPS.replace("BODY", "recovers(); does_not()"), own_cluster)
    with code.instance() as instance:
        result = code.execute(instance, max_concurrent=1)
        errors = errors_of(result)
        assert errors.keys() == {"does_not"}
        assert errors["does_not"].cls_name == "ChildProcessCrashException"
        assert "ended together with the worker tcp://" in errors["does_not"].message
        assert result.output_for_solid("recovers") == 1
        assert "STEP_UP_FOR_RETRY" in types_of(result, "recovers")
    assert code.told.count("time recovers") == 2
    assert code.told.count("time does_not") == 1
    for pid in pids(code.told):
        wait_until_gone(pid)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in tasks for child in each.read_text().split()]


def kill_workers_of_own_clusters() -> None:
    """Kills the workers of clusters that this process has started, also those that only begin to be there."""
    for worker in [worker for child in children(os.getpid()) for worker in children(child)]:
        with suppress(ProcessLookupError, FileNotFoundError):
            if b"spawn_main" in Path(f"/proc/{worker}/cmdline").read_bytes():
                os.kill(worker, signal.SIGKILL)


def test_a_cluster_of_the_run_s_own_that_has_no_worker_left_fails_the_run(
    code_on: MakeCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.executors.dask.session, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(core.executors.dask.session, "_NO_WORKER_SECONDS", 2.0)
    waits = "@solid(retry_policy=RetryPolicy(max_retries=100))\ndef waits"
    source = STEPS.replace("@solid\ndef waits", waits).replace("BODY", "waits()")
    code = code_on(source, {"local": {"n_workers": 1}})
    messages: list[str | None] = []
    has_ended, has_begun = threading.Event(), threading.Event()

    def take(event: DagsterEvent) -> None:
        messages.append(event.message)
        if event.event_type_value == "STEP_START":
            has_begun.set()

    def kill() -> None:
        has_begun.wait()
        while not has_ended.wait(0.02):
            kill_workers_of_own_clusters()

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        with code.instance() as instance, pytest.raises(DagsterSubprocessError, match="has no worker left"):
            code.execute(instance, on_event=take, raise_on_error=True)
    finally:
        has_ended.set()
        has_begun.set()
        killing.join()
    assert messages.count("The cluster has no worker; steps wait for one.") == 1
    for pid in pids(code.told):
        wait_until_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_scheduler_that_is_lost_fails_the_run_once(
    code_on: MakeCode, own_cluster: Cluster, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.executors.dask.session, "_ANSWER_SECONDS", 0.5)
    code = code_on(STEPS.replace("BODY", "waits()"), own_cluster)

    def lose(event: DagsterEvent) -> None:
        if event.event_type_value == "STEP_START":
            os.kill(own_cluster.scheduler_pid, number)

    with code.instance() as instance:
        with pytest.raises(DagsterSubprocessError, match=r"to the Dask scheduler tcp://.* was lost"):
            code.execute(instance, on_event=lose, raise_on_error=True)
        (run,) = instance.get_runs()
        events = [each.dagster_event for each in instance.all_logs(run.run_id) if each.dagster_event]
        assert instance.compute_log_manager.is_watch_completed(run.run_id, "waits")
    ends = [each.event_type_value for each in events if each.event_type_value.endswith("FAILURE")]
    assert ends == ["STEP_FAILURE", "PIPELINE_FAILURE"]
    os.kill(own_cluster.scheduler_pid, signal.SIGKILL)
    for pid in pids(code.told):
        wait_until_gone(pid)


def test_nothing_runs_on_when_the_process_of_the_run_is_killed_and_another_goes_on(
    code_on: MakeCode, cluster: Cluster
) -> None:
    code = code_on(STEPS.replace("BODY", "takes(gives())"), cluster)
    with lines_told(code.folder / "told") as told, program(code) as process:
        lines = [next(told) for _ in range(3)]
        process.kill()
    assert lines[0] == "gave"
    for pid in pids(lines):
        wait_until_gone(pid)
    (code.folder / "may_go_on").touch()
    with code.instance() as instance:
        (killed,) = instance.get_runs()
        pipeline = load_pipeline(code.file, "piped")
        result = reexecute_pipeline(pipeline, killed.run_id, resume=True, instance=instance)
        assert result.executed_step_keys == ["takes"]
        assert result.output_for_solid("takes") == 4
    assert "gave" not in code.told


def test_a_lost_run_leaves_the_scheduler_as_it_was(code_on: MakeCode, cluster: Cluster) -> None:
    from distributed import Client

    def kept(dask_scheduler: object) -> tuple[list[str], int]:
        names = [str(name) for name in dask_scheduler.plugins if "cloudstore" in str(name)]  # type: ignore[attr-defined]
        return names, len(dask_scheduler.tasks)  # type: ignore[attr-defined]

    code = code_on(STEPS.replace("BODY", "gives()"), cluster)
    with code.instance() as instance:
        assert code.execute(instance).success
    with Client(cluster.address, set_as_default=False) as client:
        assert client.run_on_scheduler(kept) == ([], 0)


def test_an_attempt_does_not_begin_on_a_worker_that_is_lost_already(cluster: Cluster) -> None:
    """What a worker has asked before it was killed may be read after the scheduler has missed it: nobody would tell
    that such an attempt has ended.
    """
    from distributed import Client

    from core.executors.dask.on_scheduler import BEGIN, watch_of

    with Client(cluster.address, set_as_default=False) as client:
        workers = [*client.scheduler_info(n_workers=-1)["workers"], "tcp://127.0.0.1:1"]
        client.register_plugin(watch_of("topic", client.id))

        async def begins() -> list[bool]:
            ask = getattr(client.scheduler, BEGIN)
            asked = [(worker, str(number)) for number, worker in enumerate(workers)]
            return [await ask(topic="topic", key=key, number=int(key), worker=worker) for worker, key in asked]

        assert client.sync(begins) == [True, True, False]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_steps_on_the_cluster_end_when_the_run_is_told_to_end(
    code_on: MakeCode, cluster: Cluster, number: signal.Signals
) -> None:
    stubborn = """
@solid
def drops_the_interrupt(context):
    is_first = True
    while True:
        try:
            if is_first:
                is_first = False
                tell(f"pid {os.getpid()}")
            wait_for_ever()
        except KeyboardInterrupt:
            pass
"""
    code = code_on(
        STEPS.replace("@pipeline", f"{stubborn}\n@pipeline").replace("BODY", "waits(); drops_the_interrupt()"), cluster
    )
    with lines_told(code.folder / "told") as told, program(code, kill_after_seconds=0.2) as process:
        lines = [next(told) for _ in range(3)]
        process.send_signal(number)
        process.wait(timeout=60)
    for pid in pids(lines):
        wait_until_gone(pid)
    with code.instance() as instance:
        (run,) = instance.get_runs()
        assert run.status.value == "CANCELED"
        ends = {
            each.step_key: each.dagster_event.event_type_value
            for each in instance.all_logs(run.run_id)
            if each.step_key and each.dagster_event and each.dagster_event.event_type_value.startswith("STEP_")
        }
    assert ends == {"waits": "STEP_FAILURE", "drops_the_interrupt": "STEP_FAILURE"}
    assert "distributed" not in (code.folder / "stderr").read_text()


CRASHES = """
def dies(name, code):
    return solid(name=name)(lambda context: code())

def is_killed():
    os.write(2, b"one\\n" * 30 + b"last words")
    held = bytearray(150 << 20)
    os.kill(os.getpid(), signal.SIGKILL)

def left_behind():
    left = subprocess.Popen(["sleep", "1000"])
    tell(f"pid {left.pid}")
    os._exit(3)

@failure_hook
def tell_failure(context):
    tell(f"hook {context.solid.name} {os.getpid()} {context.solid_exception.exit_code}")

@pipeline(mode_defs=[mode()], hook_defs={tell_failure})
def piped():
    limits.setrlimit(limits.RLIMIT_CORE, (0, 0))
    dies("is_killed", is_killed)()
    dies("exits", left_behind)()
    dies("aborts", os.abort)()
    solid(name="is_well")(lambda context: 1)()
"""


def test_a_step_that_crashes_is_told_as_on_this_machine_and_takes_no_worker(
    code_on: MakeCode, cluster: Cluster
) -> None:
    code = code_on(CRASHES, cluster)
    with code.instance() as instance:
        result = code.execute(instance)
        assert result.output_for_solid("is_well") == 1
    errors = {key: error.message.partition(": ")[2] for key, error in errors_of(result).items()}
    assert errors["is_killed"].startswith("The process of step 'is_killed' was ended by SIGKILL; it took up to ")
    assert int(errors["is_killed"].partition("up to ")[2].split()[0]) >= 150
    assert errors["is_killed"].partition("last:\n")[2].splitlines() == ["one"] * 19 + ["last words"]
    assert "ended with exit code 3 before" in errors["exits"]
    assert "was ended by SIGABRT" in errors["aborts"]
    hooks = [line for line in code.told if line.startswith("hook")]
    assert sorted(hooks) == [
        f"hook {key} {os.getpid()} {exit_code}" for key, exit_code in (("aborts", -6), ("exits", 3), ("is_killed", -9))
    ]
    for pid in pids(code.told):
        assert not lives(pid)

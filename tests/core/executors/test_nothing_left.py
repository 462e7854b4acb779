"""What a run with processes leaves: nothing, however many of its steps crash, wherever it is interrupted."""

from __future__ import annotations

import gc
import os
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import core.executors.processes.run_jobs  # noqa: F401  else the lines of its classes would count too
from tests.core.executors.in_processes import Code, execute_interrupted, had, lives, wait_until_gone

IS_FULL = "CLOUDSTORE_TEST_FAULTS" in os.environ
STEPS = 1000 if IS_FULL else 200

CRASHING = """
def step(number):
    policy = RetryPolicy(max_retries=1) if number % 20 == 3 else None
    @solid(name=f"step_{number}", retry_policy=policy)
    def crashes_sometimes(context):
        tell(f"pid {os.getpid()}")
        if number % 20 == 3 and context.retry_number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if number % 20 == 13:
            os._exit(number % 256)
        return number
    return crashes_sometimes

@pipeline(mode_defs=[mode()])
def piped():
    for number in range(COUNT):
        step(number)()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder for temporary files, in which nothing is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    assert list(folder.iterdir()) == []


def test_nothing_is_left_of_many_steps_of_which_some_crash(tmp_path: Path) -> None:
    code = Code(tmp_path, CRASHING.replace("COUNT", str(STEPS)))
    before = had()
    memory: dict[int, int] = {}
    count = 0

    def measure(_event: object) -> None:
        nonlocal count
        count += 1
        if count in (STEPS, 3 * STEPS, 5 * STEPS):
            gc.collect()
            memory[count] = tracemalloc.get_traced_memory()[0]

    with code.instance() as instance:
        tracemalloc.start()
        try:
            result = code.execute(instance, on_event=measure)
        finally:
            tracemalloc.stop()
        per_event = len(instance.all_logs(result.run_id)), len(result.event_list)
    assert had() == before
    ends = Counter(each.event_type_value for each in result.event_list)
    assert (ends["STEP_SUCCESS"], ends["STEP_FAILURE"], ends["STEP_UP_FOR_RETRY"]) == (
        STEPS - STEPS // 20,
        STEPS // 20,
        STEPS // 20,
    )
    assert not [line for line in code.told if lives(int(line.split()[1]))]
    # What a run keeps of its steps is their events: as much for each at the end as at the beginning.
    first, second = memory[3 * STEPS] - memory[STEPS], memory[5 * STEPS] - memory[3 * STEPS]
    assert second < 1.5 * first, memory
    assert per_event[0] >= per_event[1]


def test_a_run_in_another_thread_leaves_nothing_either(tmp_path: Path) -> None:
    code = Code(tmp_path, CRASHING.replace("COUNT", "6"))
    before = had()

    def execute() -> tuple[bool, list[object]]:
        with code.instance() as instance:
            result = code.execute(instance, kill_after_seconds=0)
            return result.success, [result.output_for_solid(f"step_{number}") for number in (0, 3, 5)]

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(execute).result() == (True, [0, 3, 5])
    assert had() == before


ENDING = """
@solid
def ends(context):
    return 1

@solid(retry_policy=RetryPolicy(max_retries=1))
def crashes_once(context, value):
    tell(f"pid {os.getpid()}")
    if context.retry_number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return value

@solid
def takes_its_time(context):
    tell(f"pid {os.getpid()}")
    time.sleep(0.05)

@pipeline(mode_defs=[mode()])
def piped():
    crashes_once(ends())
    takes_its_time()
"""


@pytest.mark.parametrize("first", range(10, 2000, 17) if IS_FULL else (60, 350, 640, 930, 1220))
def test_an_interrupt_between_any_two_lines_ends_the_run_and_leaves_nothing(tmp_path: Path, first: int) -> None:
    code = Code(tmp_path, ENDING)
    before = had()
    with code.instance() as instance:
        ends = execute_interrupted(code, instance, first)
        runs = instance.get_runs()
        assert [run.status.value for run in runs] in ends
        for run in runs:
            begun = {each.step_key for each in instance.all_logs(run.run_id) if each.step_key}
            logs = instance.compute_log_manager
            assert all(logs.is_watch_completed(run.run_id, key) for key in begun if _has_log(logs, run.run_id, key))
    assert had() == before
    for line in code.told:
        wait_until_gone(int(line.split()[1]))


def _has_log(logs: Any, run_id: str, key: str) -> bool:
    folder = Path(logs.base_dir) / run_id / "compute_logs"
    return any(each.name.startswith(f"{key}.") for each in folder.iterdir()) if folder.exists() else False

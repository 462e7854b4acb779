"""Steps that take more memory than a limit allows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.core.executors.in_processes import PROGRAM, Code, arguments, errors_of, types_of

AT_THE_LIMIT = """
@solid
def allocates(context):
    limits.setrlimit(limits.RLIMIT_AS, (1 << 30, 1 << 30))
    held = []
    while True:
        held.append(bytearray(64 << 20))

@solid
def takes(context):
    return 1

@pipeline(mode_defs=[mode()])
def piped():
    allocates()
    takes()
"""


def test_a_step_that_gets_no_more_memory_fails_as_python_says(code_of: Callable[[str], Code]) -> None:
    code = code_of(AT_THE_LIMIT)
    with code.instance() as instance:
        result = code.execute(instance)
        assert errors_of(result)["allocates"].cause.cls_name == "MemoryError"  # type: ignore[union-attr]
        assert types_of(result, "takes")[-1] == "STEP_SUCCESS"


KILLED = """
@solid(retry_policy=RetryPolicy(max_retries=1))
def takes_too_much(context):
    tell("takes")
    held = bytearray(LIMIT)
    held[::4096] = b"x" * len(held[::4096])

@solid(input_defs=[InputDefinition("after", Nothing)])
def is_killed_by_somebody(context):
    os.kill(os.getpid(), signal.SIGKILL)

@solid(input_defs=[InputDefinition("after", Nothing)])
def has_enough(context):
    return 1

@solid
def begins(context):
    pass

@pipeline(mode_defs=[mode()])
def piped():
    takes_too_much()
    begun = begins()
    has_enough(begun)
    is_killed_by_somebody(begun)
"""
LIMIT_BYTES = 400 << 20


@pytest.fixture
def limited_group() -> Iterator[Path]:
    """A control group whose processes may take so much memory together."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    first = [path for _, controllers, path in lines if controllers == "memory"]
    base, limit = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes") if first else ("/sys/fs/cgroup", "memory.max")
    group = Path(base, (first or [lines[-1][2]])[0].lstrip("/"), f"cloudstore-test-{os.getpid()}")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"This process may not make control groups: {error}")
    try:
        if not (group / limit).exists():
            pytest.skip("Control groups made here have no limit of memory")
        (group / limit).write_text(str(LIMIT_BYTES))
        yield group
    finally:
        group.rmdir()


def test_the_kernel_is_named_where_it_has_killed_a_step_for_want_of_memory(tmp_path: Path, limited_group: Path) -> None:
    code = Code(tmp_path, KILLED.replace("LIMIT", str(LIMIT_BYTES)))
    enter = f"import os; open({str(limited_group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
    program = [sys.executable, "-c", enter + PROGRAM, *arguments(code, max_concurrent=1)]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ended.returncode == 3, ended.stderr
    with code.instance() as instance:
        (run,) = instance.get_runs()
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    failed = {each.step_key: each.message or "" for each in events if each.event_type_value == "STEP_FAILURE"}
    (again,) = [each.message or "" for each in events if each.event_type_value == "STEP_UP_FOR_RETRY"]
    assert failed.keys() == {"takes_too_much", "is_killed_by_somebody"}
    for message in (again, failed["takes_too_much"]):
        assert "was ended by SIGKILL: the kernel has killed it for want of memory; it took up to" in message
    assert "was ended by SIGKILL; it took up to" in failed["is_killed_by_somebody"]
    assert [each.step_key for each in events if each.event_type_value == "STEP_SUCCESS"] == ["begins", "has_enough"]
    assert code.told == ["takes", "takes"]

"""Steps whose processes end before they have."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ChildProcessCrashException
from tests.core.executors.in_processes import Code, errors_of, types_of

SIGNALS = [
    each
    for each in signal.valid_signals()
    if each not in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT, signal.SIGCHLD)
    and each not in (signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT)
    and (each < signal.SIGRTMIN or each == signal.SIGRTMAX)
]
"""Those that end a process by themselves; of the real-time ones, which have no names but the first and last, one."""

DYING = f"""
@failure_hook(required_resource_keys={{"of_hooks"}})
def tell_failure(context):
    error = context.solid_exception
    said = [os.getpid(), type(error).__name__, error.exit_code, context.resources.of_hooks]
    tell(f"{{context.solid.name}} {{said}}")

def dies(name, code):
    return solid(name=name)(lambda context: code())

def kills(number):
    def kill():
        os.write(2, b"\\x1b[31mfirst line\\n" * 30 + b"last words \\xff of %d" % number)
        os.kill(os.getpid(), number)
        wait_for_ever()
    return kill

def takes_memory():
    held = bytearray(150 << 20)
    os.kill(os.getpid(), signal.SIGKILL)

def overflows():
    limits.setrlimit(limits.RLIMIT_AS, (1 << 30, 1 << 30))
    ctypes.memset(ctypes.create_string_buffer(1), 1, 1 << 40)

def leaves_a_process():
    left = subprocess.Popen(["sleep", "1000"])
    tell(f"left {{left.pid}}")
    os._exit(3)

DEATHS = {{f"signal_{{number}}": kills(number) for number in {sorted(map(int, SIGNALS))!r}}}
DEATHS |= {{"exits_0": lambda: os._exit(0), "exits_3": leaves_a_process, "reads_0": lambda: ctypes.string_at(0)}}
DEATHS |= {{"aborts": os.abort, "takes_memory": takes_memory, "overflows": overflows}}

of_hooks = ResourceDefinition.hardcoded_resource("a resource")

with_hooks = ModeDefinition(
    resource_defs={{"io_manager": fs_io_manager, "of_hooks": of_hooks}},
    executor_defs=[*default_executors, dask_executor],
)

@pipeline(mode_defs=[with_hooks], hook_defs={{tell_failure}})
def piped():
    limits.setrlimit(limits.RLIMIT_CORE, (0, 0))
    for name, code in DEATHS.items():
        dies(name, code)()
"""


def test_how_a_process_ended_is_told_whichever_way(code_of: Callable[[str], Code]) -> None:
    code = code_of(DYING)
    with code.instance() as instance:
        result = code.execute(instance, max_concurrent=4)
        errors = errors_of(result)
        completed = [instance.compute_log_manager.is_watch_completed(result.run_id, key) for key in errors]
    ends = {
        **{f"signal_{int(each)}": (f"was ended by {_name(each)}", -each) for each in SIGNALS},
        "exits_0": ("ended with exit code 0 before the step had ended", 0),
        "exits_3": ("ended with exit code 3 before the step had ended", 3),
        "reads_0": ("was ended by SIGSEGV", -signal.SIGSEGV),
        "aborts": ("was ended by SIGABRT", -signal.SIGABRT),
        "takes_memory": ("was ended by SIGKILL", -signal.SIGKILL),
        "overflows": ("was ended by SIGSEGV", -signal.SIGSEGV),
    }
    assert errors.keys() == ends.keys()
    assert all(completed)
    told = {line.split()[0]: line for line in code.told}
    for key, (how, exit_code) in ends.items():
        assert f"The process of step {key!r} {how}; it took up to " in errors[key].message, errors[key].message
        assert errors[key].cls_name == "ChildProcessCrashException"
        said = [os.getpid(), "ChildProcessCrashException", exit_code, "a resource"]
        assert told[key] == f"{key} {said}"
        assert types_of(result, key)[-2:] == ["STEP_FAILURE", "HOOK_COMPLETED"]
    assert "MiB" in errors["takes_memory"].message
    assert int(errors["takes_memory"].message.partition("up to ")[2].split()[0]) >= 150
    last = errors["signal_9"].message.partition("What it wrote to stderr last:\n")[2].splitlines()
    assert last == ["\\x1b[31mfirst line"] * 19 + ["last words \N{REPLACEMENT CHARACTER} of 9"]
    assert errors["exits_3"].message.endswith("It wrote nothing to stderr.")
    left = next(int(line.split()[1]) for line in code.told if line.startswith("left "))
    assert not Path(f"/proc/{left}").exists() or _is_of_init(left)


def _name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _is_of_init(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


RETRIED = """
def flaky(name, policy, deaths, **more):
    @solid(name=name, retry_policy=policy, **more)
    def dies(context):
        if times_before(name) < deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return name
    return dies

@solid
def takes(context, value):
    tell(f"took {value}")

@failure_hook
def tell_failure(context):
    tell(f"hook of {context.solid.name}")

@pipeline(mode_defs=[mode()], hook_defs={tell_failure})
def piped():
    takes(flaky("recovers", RetryPolicy(max_retries=2), 2)())
"""


def test_a_run_succeeds_where_the_retry_of_a_crashed_step_does(code_of: Callable[[str], Code]) -> None:
    code = code_of(RETRIED)
    with code.instance() as instance:
        result = code.execute(instance, raise_on_error=True)
        assert result.success
        stored = [entry.dagster_event for entry in instance.all_logs(result.run_id) if entry.dagster_event]
    asked_again = [each for each in stored if each.event_type_value == "STEP_UP_FOR_RETRY"]
    assert [each.event_specific_data.error.cls_name for each in asked_again] == ["ChildProcessCrashException"] * 2
    assert [line for line in code.told if not line.startswith("time")] == ["took recovers"]  # and no hook was called
    names = [each.event_type_value for each in stored if each.step_key == "recovers"]
    assert (names.count("STEP_START"), names.count("STEP_RESTARTED"), names.count("STEP_SUCCESS")) == (1, 2, 1)


def test_a_crash_is_raised_with_its_exit_code_when_no_retry_is_left(code_of: Callable[[str], Code]) -> None:
    code = code_of(RETRIED.replace("RetryPolicy(max_retries=2), 2)", "RetryPolicy(max_retries=1), 9)"))
    with code.instance() as instance:
        with pytest.raises(ChildProcessCrashException, match="'recovers' was ended by SIGKILL") as caught:
            code.execute(instance, raise_on_error=True)
        (run,) = instance.get_runs()
    assert caught.value.exit_code == -signal.SIGKILL
    assert (run.status.value, code.told) == ("FAILURE", ["time recovers"] * 2 + ["hook of recovers"])


def test_where_output_is_not_kept_nothing_is_said_of_it(tmp_path: Path) -> None:
    code = Code(
        tmp_path,
        'piped = pipeline(name="piped", mode_defs=[mode()])(lambda: solid(name="dies")(lambda context: os._exit(5))())',
    )
    code.home.mkdir()
    no_logs = "compute_logs: {module: core.storage.compute_log_manager, class: NoOpComputeLogManager}"
    (code.home / "dagster.yaml").write_text(no_logs)
    with code.instance() as instance:
        message = errors_of(code.execute(instance))["dies"].message
    assert "ended with exit code 5" in message
    assert "stderr" not in message

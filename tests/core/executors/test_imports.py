"""What the code of a pipeline does while the fork server imports it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from core.errors import DagsterSubprocessError
from tests.core.executors.in_processes import Code, descriptors, lives

PIPELINE = """
@solid
def one(context):
    return 1

@pipeline(mode_defs=[mode()])
def piped():
    one()
"""


def _elsewhere(statement: str) -> str:
    """Code that runs in other processes than this one only, which loads the pipeline first."""
    return f"if os.getpid() != {os.getpid()}:\n    {statement}\n{PIPELINE}"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("os.write(2, b'no \\x1bserver\\n'); sys.exit(1)", "What it printed last:\nno \\x1bserver"),
        ("print('no server', flush=True); os._exit(4)", "exit code 4 while it did.\nWhat it printed last:\nno server"),
        ("raise ValueError('not here')", "ValueError: not here"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("sys.exit('no more work')", "SystemExit: no more work"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("os._exit(0)", "it ended with exit code 0 while it did"),
        ("os._exit(4)", "it ended with exit code 4 while it did"),
        ("ctypes.string_at(0)", "it was ended by SIGSEGV while it did"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it was ended by SIGKILL while it did"),
        ("os.closerange(0, 4096)", "it ended with exit code 1 while it did"),
        ("os.fork() or wait_for_ever(); os._exit(3)", "it ended with exit code 3 while it did"),
        ("os.rename(__file__, __file__ + '.away'); os.execv('/bin/false', ['false'])", "it ended with exit code 1"),
    ],
    ids=lambda value: value.partition(" ")[0] if value.startswith(("raise", "import")) else None,
)
def test_code_that_cannot_be_loaded_fails_the_run_at_once(tmp_path: Path, statement: str, told: str) -> None:
    if statement.startswith("os.fork"):
        statement = statement.replace("os.fork()", "(lambda pid: (pid and tell(f'ends {pid}'), pid)[1])(os.fork())")
    code = Code(tmp_path, _elsewhere(statement))
    before = descriptors()
    with code.instance() as instance:
        with pytest.raises(DagsterSubprocessError, match="Another process could not load pipeline 'piped': ") as caught:
            code.execute(instance, raise_on_error=True)
        assert told in str(caught.value)
        (run,) = instance.get_runs()
        assert run.status.value == "FAILURE"
        kinds = [each.dagster_event.event_type_value for each in instance.all_logs(run.run_id) if each.dagster_event]
        assert "STEP_FAILURE" not in kinds  # no step has begun
    assert descriptors() == before
    for line in code.told:
        os.kill(int(line.split()[1]), signal.SIGKILL)


def test_a_pipeline_that_other_processes_do_not_find_fails_the_run(tmp_path: Path) -> None:
    renamed = PIPELINE + f"\nif os.getpid() != {os.getpid()}:\n    del piped\n"
    code = Code(tmp_path, renamed)
    with code.instance() as instance, pytest.raises(DagsterSubprocessError, match="unknown pipeline 'piped'"):
        code.execute(instance, raise_on_error=True)


ODD_IMPORT = f"""
import multiprocessing, random
is_server = os.getpid() != {os.getpid()}
print("printed on import")
sys.stdout.write("without a newline")
if is_server:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if not os.fork():  # comes back, as if it were the server
        pass
    else:
        holder = os.fork()
        if not holder:
            wait_for_ever()  # holds all that was open
        tell(f"holds {{holder}}")
    started = subprocess.Popen(["sleep", "1000"])
    tell(f"left {{started.pid}}")
    daemon = multiprocessing.get_context("fork").Process(target=wait_for_ever, daemon=True)
    daemon.start()
    tell(f"left {{daemon.pid}}")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.chdir("/")
    sys.path.insert(0, "relative")

@solid(retry_policy=RetryPolicy(max_retries=1))
def is_forked(context):
    assert os.getppid() != {os.getpid()}
    return os.getppid()

@solid(retry_policy=RetryPolicy(max_retries=1))
def kills_the_server(context):
    if not times_before("kill"):
        tell(f"child {{subprocess.Popen(['sleep', '1000']).pid}}")
        tell(f"step {{os.getpid()}}")
        os.kill(os.getppid(), signal.SIGKILL)
        wait_for_ever()
    return os.getppid()

@solid
def takes(context, value):
    return value

@pipeline(mode_defs=[mode()])
def piped():
    takes(kills_the_server())
    is_forked()
"""


def test_whatever_the_import_does_steps_are_forked_and_a_killed_server_is_replaced(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = Code(tmp_path, ODD_IMPORT)
    with code.instance() as instance:
        result = code.execute(instance, max_concurrent=1, raise_on_error=True)
        (retry,) = [each for each in result.event_list if each.event_type_value == "STEP_UP_FOR_RETRY"]
        assert retry.event_specific_data.error.cls_name == "ChildProcessCrashException"  # type: ignore[union-attr]
        assert "ended together with the server that had started it" in (retry.message or "")
        assert result.output_for_solid("takes") == result.output_for_solid("is_forked")  # the second server
    loaded = [each for each in result.event_list if "has loaded the pipeline" in (each.message or "")]
    assert len(loaded) == 2
    assert not [each for each in result.event_list if "anew" in (each.message or "")]
    said = {name: [int(line.split()[1]) for line in code.told if line.split()[0] == name] for name in ("holds", "left")}
    assert len(said["holds"]) == 2
    for name, pid in (line.split() for line in code.told if line.split()[0] in ("child", "step", "holds", "left")):
        if name in ("child", "step"):
            assert not lives(int(pid))  # what a step has started ends with it
        else:
            with suppress(ProcessLookupError):  # of multiprocessing's, which a server ends that ends well
                os.kill(int(pid), signal.SIGKILL)
    printed = capfd.readouterr().out
    assert printed.count("without a newline") == 1  # of this process, which shows it; not of the servers
    assert printed.count("printed on import") == 1


PRINTING = """
import logging
log = logging.getLogger(str(FOLDER))
log.addHandler(logging.StreamHandler(sys.stderr))
log.warning("logged on import")
print("printed on import", flush=True)
os.write(1, b"written on import, ")
subprocess.run(["echo", "echoed on import"])
if THREADED and os.getpid() != RUN:
    threading.Thread(target=wait_for_ever, daemon=True, name="waits").start()

@solid
def prints(context):
    log.warning("logged by the step")
    print("printed by the step")
    subprocess.run(["echo", "echoed by the step"])

@pipeline(mode_defs=[mode()])
def piped():
    prints()
    prints.alias("too")()
"""


@pytest.mark.parametrize("captured", [True, False])
@pytest.mark.parametrize("threaded", [False, True])
def test_what_the_import_prints_is_shown_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], threaded: bool, captured: bool
) -> None:
    code = Code(tmp_path, PRINTING.replace("THREADED", str(threaded)).replace("RUN", str(os.getpid())))
    if not captured:
        code.home.mkdir()
        no_logs = "compute_logs: {module: core.storage.compute_log_manager, class: NoOpComputeLogManager}"
        (code.home / "dagster.yaml").write_text(no_logs)
    with code.instance() as instance:
        assert code.execute(instance).success
    printed, logged = capfd.readouterr()
    for what in ("printed", "written", "echoed"):
        assert printed.count(f"{what} on import") == 1
    assert logged.count("logged on import") == 1
    assert printed.count("printed by the step") == printed.count("echoed by the step") == 2
    assert logged.count("logged by the step") == 2


RANDOM = """
import random
import numpy
if SEEDED:
    random.seed(1)
    numpy.random.seed(2)
if THREADED:
    threading.Thread(target=wait_for_ever, daemon=True, name="waits").start()

def draws(name):
    return solid(name=name)(lambda context: [random.random(), float(numpy.random.rand()), os.getppid()])

@pipeline(mode_defs=[mode()])
def piped():
    for name in "abc":
        draws(name)()
"""


def test_random_numbers_differ_between_steps_and_come_again_where_the_pipeline_has_seeded_them(tmp_path: Path) -> None:
    def drawn(seeded: bool, threaded: bool) -> tuple[list[tuple[float, float]], list[str]]:
        source = RANDOM.replace("SEEDED", str(seeded)).replace(
            "THREADED", f"{threaded} and os.getpid() != {os.getpid()}"
        )
        code = Code(tmp_path, source)
        with code.instance() as instance:
            result = code.execute(instance, raise_on_error=True)
            numbers = [tuple(result.output_for_solid(name)[:2]) for name in "abc"]
        return numbers, [each.message or "" for each in result.event_list if "anew" in (each.message or "")]

    first, forked = drawn(True, False)
    assert forked == []  # the threads of numpy's libraries do not keep a process from being forked
    assert len({number for pair in first for number in pair}) == 6
    again, not_forked = drawn(True, True)
    assert not_forked == [
        "For each step a process loads the pipeline anew, because importing the pipeline has started threads: waits."
    ]
    assert again == first
    other, _ = drawn(False, False)
    assert len({number for pair in (*first, *other) for number in pair}) == 12


STARTED_ANEW = """
threading.Thread(target=wait_for_ever, daemon=True, name="waits").start()
if os.getpid() != %d and times_before("import") >= 2:
    raise ValueError("not any more")

def steps(name):
    return solid(name=name)(lambda context: tell(name))

@pipeline(mode_defs=[mode()])
def piped():
    for name in "ab":
        steps(name)()
"""


def test_a_process_that_is_started_anew_and_cannot_load_the_pipeline_fails_its_step(tmp_path: Path) -> None:
    code = Code(tmp_path, STARTED_ANEW % os.getpid())
    with code.instance() as instance:
        result = code.execute(instance, max_concurrent=1)
        (failure,) = [each for each in result.event_list if each.event_type_value == "STEP_FAILURE"]
    assert failure.step_key == "b"
    assert "ValueError: not any more" in (failure.message or "")
    assert [line for line in code.told if not line.startswith("time")] == ["a"]


def test_modules_beside_the_pipeline_do_not_stand_for_those_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = Code(tmp_path, PIPELINE)
    here = tmp_path / "here"
    here.mkdir()
    for folder in (tmp_path, here):
        for name in ("json", "socket", "selectors", "hashlib"):
            (folder / f"{name}.py").write_text("raise ValueError('beside the pipeline')")
    monkeypatch.chdir(here)
    with code.instance() as instance:
        assert code.execute(instance, raise_on_error=True).success

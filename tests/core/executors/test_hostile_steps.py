"""Code of users that does to its process what it likes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from core import DagsterInstance
from core.compute_logs.names import ComputeIOType
from tests.core.executors.in_processes import Code, errors_of, lives, wait_until_gone

PRINTED_MB = 100 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 3

ODD = """
import multiprocessing, tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

pool_of_module = ThreadPoolExecutor(2)
STEPS = []

def step(code):
    STEPS.append(solid(name=code.__name__)(code))
    return code

def pids(pool):
    return [process.pid for process in pool._pool]

@step
def forks(context):
    if not os.fork():
        return "of the child"
    os.wait()
    return "of the parent"

@step
def forks_one_that_goes_on(context):
    pid = os.fork()
    if not pid:
        context.log.info("of the child")
        wait_for_ever()
    tell(f"goes_on {pid}")
    return 1

@step
def starts_a_daemon_thread(context):
    threading.Thread(target=wait_for_ever, daemon=True).start()
    return 1

@step
def starts_a_thread(context):
    ended = threading.Event()
    def work():
        ended.wait(0.2)
        context.log.info("of a thread, after the step")
        tell("the thread has ended")
    threading.Thread(target=work).start()
    return 1

@step
def uses_pools_of_threads(context):
    return [pool_of_module.submit(abs, -1).result(), ThreadPoolExecutor(2).submit(abs, -2).result()]

@step
def uses_pools_of_processes(context):
    found = []
    for kind in ("fork", "forkserver"):
        pool = multiprocessing.get_context(kind).Pool(2)
        tell("".join(f"ends {pid}\\n" for pid in pids(pool))[:-1])
        found += pool.map(abs, [-1, 2])
        globals()[kind] = pool  # nobody closes it
    executor = globals()["executor"] = ProcessPoolExecutor(1)
    return [*found, executor.submit(abs, -3).result()]

@step
def starts_a_process(context):
    process = multiprocessing.get_context("fork").Process(target=tell, args=["a process has ended"])
    process.start()
    daemon = multiprocessing.get_context("fork").Process(target=wait_for_ever, daemon=True)
    daemon.start()
    tell(f"ends {daemon.pid}")
    return 1

@step
def leaves_a_process(context):
    left = subprocess.Popen(["sh", "-c", "echo before; read line < ready; echo after; echo done > answer"], cwd=FOLDER)
    tell(f"left {left.pid}")
    left.returncode = 0
    return 1

@step
def closes_what_it_did_not_open(context):
    print("before")
    os.closerange(0, 10)
    return 1

@step
def closes_everything(context):
    os.closerange(0, 4096)
    return 1

@step
def closes_all_but_its_streams(context):
    os.closerange(3, 4096)
    print("still here", file=sys.stderr)
    context.log.info("told to nobody")
    return 1

@step
def has_files_of_its_own_where_ours_were(context):
    os.closerange(0, 4096)
    files = [os.open(FOLDER / "of_a_step", os.O_WRONLY | os.O_CREAT) for _ in range(300)]
    context.log.info("told to nobody")
    return 1

@step
def closes_its_streams(context):
    sys.stdout.close()
    sys.stderr.close()
    return 1

@step
def writes_where_it_should_not(context):
    for number in range(3, 300):
        try:
            os.write(number, b"no message" * 3)
        except OSError:
            pass
    return 1

@step
def writes_what_can_be_read_and_is_no_message(context):
    for number in range(3, 300):
        try:
            os.write(number, (4).to_bytes(8, "big") + b"....")
        except OSError:
            pass
    wait_for_ever()

@step
def prints_much(context):
    for _ in range(PRINTED_MB):
        os.write(1, b"x" * (1 << 20))
    return 1

@step
def prints_bytes(context):
    os.write(1, bytes(range(256)))
    sys.stdout.buffer.write(b"\\xff\\xfe\\x00")
    print("\\N{SNOWMAN}", file=sys.stderr)
    return 1

@step
def changes_all(context):
    os.chdir("/")
    os.umask(0o777)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sys.stdout = sys.stderr = None
    os.environ.clear()
    sys.path.clear()
    limits.setrlimit(limits.RLIMIT_NOFILE, (64, 64))
    return 1

@step
def sees_what_others_have_changed(context):
    mask = os.umask(0)
    os.umask(mask)
    return [os.getcwd() != "/", mask != 0o777, bool(os.environ), sys.stdout is not None, sys.stdin.read() == ""]

@step
def looks_for_a_terminal(context):
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return os.getsid(0) == os.getpgrp() == os.getpid()

@step
def has_what_ends_with_it(context):
    atexit.register(tell, "at the end")
    globals()["kept"] = tempfile.TemporaryDirectory(dir=FOLDER)
    return 1

@step
def executes_a_pipeline(context):
    inner = pipeline(name="inner")(lambda: lambda_solid(name="inner_one")(lambda: 5)())
    return [execute_pipeline(inner, instance=each).output_for_solid("inner_one") for each in (None, context.instance)]

@step
def logs_odd_text(context):
    context.log.info("lone \\udc80")
    return "\\udcff"

@step
def makes_a_large_event(context):
    yield AssetMaterialization("large", metadata_entries=[EventMetadataEntry.text("y" * (10 << 20), "text")])
    yield Output(1)

@step
def handles_signals(context):
    took = []
    signal.signal(signal.SIGALRM, lambda *_: took.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while not took:
        pass
    return 1

atexit.register(tell, "at the end of what the module says")
of_module = tempfile.TemporaryDirectory(dir=FOLDER)

@pipeline(mode_defs=[mode()])
def piped():
    for each in STEPS:
        each()
"""
CUT_OFF = "could tell nothing more, because its code has closed descriptors that it has not opened"
FAILING = {
    "closes_everything": CUT_OFF,
    "closes_all_but_its_streams": CUT_OFF,
    "has_files_of_its_own_where_ours_were": CUT_OFF,
    "writes_where_it_should_not": "ended with exit code 0, and what it told cannot be read",
    "writes_what_can_be_read_and_is_no_message": "was ended, because what it told cannot be read",
}


def test_steps_go_on_as_if_each_were_alone(code_of: Callable[[str], Code]) -> None:
    code = code_of(ODD.replace("PRINTED_MB", str(PRINTED_MB)))
    for name in ("ready", "answer"):
        os.mkfifo(code.folder / name)
    with code.instance() as instance:
        result = code.execute(instance, max_concurrent=4)
        errors = errors_of(result)
        assert errors.keys() == FAILING.keys(), {key: error.message for key, error in errors.items()}
        for key, how in FAILING.items():
            assert f"The process of step {key!r} {how}" in errors[key].message, errors[key].message
        assert errors["closes_all_but_its_streams"].message.endswith("What it wrote to stderr last:\nstill here")
        assert (code.folder / "of_a_step").read_bytes() == b""  # and nothing of ours
        values = {
            "forks": "of the parent",
            "uses_pools_of_threads": [1, 2],
            "uses_pools_of_processes": [1, 2, 1, 2, 3],
            "sees_what_others_have_changed": [True] * 5,
            "looks_for_a_terminal": True,
            "executes_a_pipeline": [5, 5],
            "logs_odd_text": "\udcff",
        }
        assert {key: result.output_for_solid(key) for key in values} == values
        messages = [entry.user_message for entry in instance.all_logs(result.run_id)]
        assert "of a thread, after the step" in messages
        assert "lone \udc80" in messages or r"lone \udc80" in messages
        assert "of the child" not in messages

        def log(key: str, io_type: ComputeIOType = ComputeIOType.STDOUT) -> bytes:
            return Path(instance.compute_log_manager.get_local_path(result.run_id, key, io_type)).read_bytes()

        assert log("prints_much") == b"x" * (PRINTED_MB << 20)
        assert log("prints_bytes") == bytes(range(256)) + b"\xff\xfe\x00"
        assert log("prints_bytes", ComputeIOType.STDERR) == "\N{SNOWMAN}\n".encode()
        assert log("closes_what_it_did_not_open") == b"before\n"
        (code.folder / "ready").write_text("\n")  # what a step has left lives, and its log is where it was
        assert (code.folder / "answer").read_text() == "done\n"
        is_on_cluster = code.executor == "dask"  # where the log of a worker ends with the step's process
        assert log("leaves_a_process") == b"before\n" + b"after\n" * (not is_on_cluster)
        assert _runs(instance) == {"piped": 1, "inner": 1}
    told = code.told
    assert told.count("the thread has ended") == told.count("a process has ended") == told.count("at the end") == 1
    servers = [each for each in result.event_list if "has loaded the pipeline" in (each.message or "")]
    assert len(servers) in ({1, 2} if is_on_cluster else {1})
    # In each server, and in no step:
    assert len([line for line in told if "of what the module says" in line]) == len(servers)
    for pid in (int(line.split()[1]) for line in told if line.startswith("ends ")):
        wait_until_gone(pid)
    (goes_on,) = (int(line.split()[1]) for line in told if line.startswith("goes_on "))
    assert lives(goes_on)
    os.kill(goes_on, signal.SIGKILL)
    temporary = [each for each in code.folder.iterdir() if each.name.startswith("tmp")]
    assert len(temporary) == 1  # that of this process, which has loaded the module too


def _runs(instance: DagsterInstance) -> dict[str, int]:
    found: dict[str, int] = {}
    for run in instance.get_runs():
        found[run.pipeline_name] = found.get(run.pipeline_name, 0) + 1
    return found

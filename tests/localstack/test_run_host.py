"""localstack/run_host.py ends LocalStack and removes its folder, however it ends itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

SCRIPT = Path(__file__).parents[2] / "localstack" / "run_host.py"
# Prints its endpoint, then waits for its standard input to end.
WAITING = [
    sys.executable,
    "-c",
    "import os, sys; print(os.environ['CLOUDSTORE_TEST_S3_ENDPOINT'], flush=True); input()",
]
# Stores an object too large for LocalStack's memory, and fails unless it went below the folder that is removed.
STORING = """
import boto3, os, pathlib, sys
client = boto3.client("s3")
client.create_bucket(Bucket="large")
client.put_object(Bucket="large", Key="object", Body=bytes(1 << 20))
sys.exit(7 if list(pathlib.Path(os.environ["TMPDIR"]).glob("*/s3/large")) else 1)
"""
ENDING_SECONDS = 60.0  # of patience; it takes 3


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, SCRIPT, "--", *command],
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def descendants(pid: int) -> set[int]:
    """The process ids of a process's children, theirs, and so on."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            children = {int(child) for child in task.read_text("ascii").split()} - found
            found |= children
            waiting.extend(children)
    return found


def test_the_command_has_the_endpoint_and_its_exit_code_is_passed_on(tmp_path: Path) -> None:
    with start(tmp_path, sys.executable, "-c", STORING) as process:
        assert process.wait() == 7
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("victim", "number"),
    [
        ("run_host.py", signal.SIGINT),
        ("run_host.py", signal.SIGTERM),
        ("run_host.py", signal.SIGKILL),
        ("guard.py", signal.SIGKILL),
    ],
)
def test_nothing_stays(victim: str, number: signal.Signals, tmp_path: Path) -> None:
    with start(tmp_path, *WAITING) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        endpoint = process.stdout.readline().strip()
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in descendants(process.pid)}
        assert len(commands) == 3  # the guard, LocalStack, the command
        assert len(list(tmp_path.iterdir())) == 1
        ends = {pid: os.pidfd_open(pid) for pid in commands}
        try:
            if victim == "run_host.py":
                process.send_signal(number)
            else:
                (guard,) = [pid for pid, command in commands.items() if victim in command]
                signal.pidfd_send_signal(ends[guard], number)
                process.stdin.close()  # the command ends, and run_host.py with it
            code = process.wait(ENDING_SECONDS)
            for end in ends.values():
                assert select.select([end], [], [], ENDING_SECONDS)[0]
        finally:
            process.kill()
            for end in ends.values():
                os.close(end)
    if victim == "run_host.py":
        assert code == (-number if number == signal.SIGKILL else 128 + number)
    with pytest.raises(OSError, match="refused"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(endpoint)
    assert list(tmp_path.iterdir()) == []

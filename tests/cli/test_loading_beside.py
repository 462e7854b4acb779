"""The pipeline of a run with processes is loaded by the command and by another process at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.executors.in_processes import lives, wait_until_gone

COMMAND = str(Path(sys.executable).parent / "cloudstore")

MEETING = """
import os, sys, time
from pathlib import Path
from core import ModeDefinition, fs_io_manager, pipeline, repository, solid

told = Path(__file__).with_name("told")

def tell(what):
    with told.open("a") as file:
        file.write(f"{what} {os.getpid()} {os.getppid()}\\n")

tell("imports")
is_command = Path(sys.argv[0]).name == "cloudstore" and os.getppid() == int(os.environ["TEST_PID"])
until = time.monotonic() + 60
while is_command and MEETS and told.read_text().count("imports") < 2 and time.monotonic() < until:
    time.sleep(0.001)
assert not is_command or not MEETS or told.read_text().count("imports") == 2, "no other process loads this"
CODE

@solid
def one(context):
    tell("executes")

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def meeting():
    one()

@repository
def all_of_it():
    return [meeting]
"""


def run(
    folder: Path, *options: str, code: str = "", meets: bool = True
) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """What the command says, and what the code of the pipeline has told: what, by which process, of which parent."""
    file = folder / "meeting_code.py"
    file.write_text(MEETING.replace("CODE", code).replace("MEETS", str(meets)))
    ended = subprocess.run(
        [COMMAND, "run", *options],
        cwd=folder,
        env={**os.environ, "DAGSTER_HOME": str(folder), "TEST_PID": str(os.getpid())},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    told = folder / "told"
    return ended, [line.split() for line in told.read_text().splitlines()] if told.exists() else []


@pytest.mark.parametrize(
    "options",
    [
        ["-f", "meeting_code.py", "-a", "meeting", "--processes", "2"],
        ["-m", "meeting_code", "--processes", "2"],
        ["-f", "meeting_code.py", "-a", "all_of_it.meeting", "--set", "execution.multiprocess={}"],
    ],
    ids=lambda options: " ".join(options[:1] + options[-2:]),
)
def test_both_load_it_at_the_same_time_and_once_each(tmp_path: Path, options: list[str]) -> None:
    ended, told = run(tmp_path, *options)
    assert ended.returncode == 0, ended.stderr
    assert [line[0] for line in told] == ["imports", "imports", "executes"]
    (server,) = {line[1] for line in told[:2]} & {told[2][2]}  # the process that was started early forks the step
    assert not lives(int(server))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], "raise ValueError('no code')", "ValueError: no code"),
        (["-a", "nothing"], "", "nothing"),
        (["--mode", "nothing"], "", "nothing"),
        (["--set", "solids.nothing=1"], "", "nothing"),
        (["--select", "nothing"], "", "nothing"),
    ],
    ids=["import", "attribute", "mode", "config", "selection"],
)
def test_where_the_run_is_refused_the_other_process_is_ended_and_says_nothing(
    tmp_path: Path, options: list[str], code: str, said: str
) -> None:
    ended, told = run(tmp_path, "-f", "meeting_code.py", "--processes", "2", *options, code=code)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert ended.stderr.count("in <module>") == (1 if code else 0)
    assert [line[0] for line in told] == ["imports", "imports"]
    assert not any(lives(int(line[1])) for line in told)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, -15)], ids=str
)
def test_the_other_process_ends_with_the_command_while_both_load(tmp_path: Path, number: int, code: int) -> None:
    loads = f"if not is_command: os.kill(os.getppid(), {int(number)})\ntime.sleep(600)"
    ended, told = run(tmp_path, "-f", "meeting_code.py", "--processes", "2", code=loads)
    assert ended.returncode == code, ended.stderr
    (server,) = (int(line[1]) for line in told if int(line[2]) != os.getpid())
    wait_until_gone(server)


def test_code_that_only_the_other_process_cannot_load_fails_the_run(tmp_path: Path) -> None:
    code = "if not is_command: print('not there'); os._exit(7)"
    ended, _told = run(tmp_path, "-f", "meeting_code.py", "--processes", "2", code=code)
    assert ended.returncode == 1
    assert "it ended with exit code 7 while it did" in ended.stderr
    assert "What it printed last:" in ended.stderr


def test_where_no_processes_are_asked_for_none_is_started(tmp_path: Path) -> None:
    ended, told = run(tmp_path, "-f", "meeting_code.py", meets=False)
    assert ended.returncode == 0, ended.stderr
    assert [line[0] for line in told] == ["imports", "executes"]

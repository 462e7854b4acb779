"""`cloudstore run` of code that ends the program, and of one that is told to end: what it says, and its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

EXITING = """
import logging
import os
import sys
from core import (
    DagsterType, IOManager, ModeDefinition, OutputDefinition, configured, io_manager, logger, pipeline, resource, solid
)

PLACE, CODE = os.environ["PLACE"], eval(os.environ["CODE"])

def at(place):
    if place == PLACE:
        sys.exit(CODE)

at("file")

class Manager(IOManager):
    def handle_output(self, context, obj):
        at("handle_output")
    def load_input(self, context):
        at("load_input")
        return 1
    def get_address(self, context):
        at("get_address")

@io_manager
def manager(_):
    at("IO manager")
    return Manager()

@resource
def tool(_):
    at("resource")
    yield "tool"
    at("teardown")

class Loud(logging.Logger):
    def handle(self, record):
        at("emit")

@logger
def loud(_):
    at("logger")
    return Loud("loud")

def check(_, value):
    at("type check")
    return True

@solid(config_schema={"by": int}, output_defs=[OutputDefinition(DagsterType(check, "Checked"))],
       required_resource_keys={"tool"})
def first(_):
    at("solid")
    return 1

@configured(first, config_schema={})
def one(_):
    at("config function")
    return {"by": 1}

@solid
def two(_, value):
    return value

mode = ModeDefinition(resource_defs={"tool": tool, "io_manager": manager}, logger_defs={"loud": loud})

def made():
    at("function of the file")
    @pipeline(mode_defs=[mode])
    def exiting():
        two(one())
    return exiting
"""
REFUSED = ("file", "function of the file", "config function", "logger")
PLACES = (
    *REFUSED,
    *(
        "IO manager",
        "resource",
        "teardown",
        "emit",
        "type check",
        "solid",
        "handle_output",
        "load_input",
        "get_address",
    ),
)


@pytest.mark.parametrize(
    ("place", "code"), [(place, "0") for place in PLACES] + [("solid", each) for each in ("None", "3", "'no more'")]
)
def test_code_that_exits_fails_the_command_which_says_so(project: Project, place: str, code: str) -> None:
    project.write("exiting.py", EXITING)
    done = project.command("run", "-f", "exiting.py", "-a", "made", variables={"PLACE": place, "CODE": code})
    assert done.returncode == 1
    assert f'File "{project.folder}/exiting.py", line 13, in at\n    sys.exit(CODE)' in done.stderr
    called = f"sys.exit({'' if code == 'None' else code})"
    assert called in done.stderr or f"SystemExit: {code}" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    listed = project.command("runs").stdout
    assert ("No runs." if place in REFUSED else "FAILURE") in listed


@pytest.mark.parametrize(("name", "code", "said"), [("SIGTERM", 143, "Ended by SIGTERM."), ("SIGHUP", 129, "SIGHUP")])
def test_a_command_that_is_told_to_end_cancels_its_run(project: Project, name: str, code: int, said: str) -> None:
    project.write(
        "waiting.py",
        "import os, time\nfrom core import pipeline, solid\n@solid\ndef waits(_):\n    print('waits', flush=True)\n"
        "    time.sleep(60)\n@pipeline\ndef waiting():\n    waits()\n",
    )
    command = [str(project.program), "run", "-f", "waiting.py"]
    with subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(getattr(signal, name), signal.SIG_DFL),  # ignored by what nohup starts
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "waits\n"
        os.kill(process.pid, getattr(signal, name))
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.splitlines()[-1].endswith(said) or said in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert "CANCELED" in project.command("runs").stdout

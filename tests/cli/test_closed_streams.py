"""Solids that close or replace their process's streams: the step has a log, and the run and the command go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

PIPELINE = """
import io, os, sys
from core import *

@solid
def breaks(context):
    print("before", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    {body}
    context.log.warning("a message")
    yield Output(1)

@solid
def goes_on(context, number):
    print("goes on")
    print("on stderr too", file=sys.stderr)
    context.log.warning("another message")

@pipeline
def p():
    goes_on(breaks())
"""

BODIES = {
    "close": "sys.stdout.close(); sys.stderr.close()",
    "descriptors": "os.close(1); os.close(2)",
    "replace": "sys.stdout = io.StringIO(); sys.stderr = io.StringIO()",
    "none": "sys.stdout = None; sys.stderr = None",
    "delete": "del sys.stdout, sys.stderr",
    "detach": "sys.stdout.detach(); sys.stderr.detach()",
    "buffers": "sys.stdout.buffer.close(); sys.stderr.buffer.close()",
    "dup2": "null = os.open(os.devnull, os.O_RDWR); os.dup2(null, 1); os.dup2(null, 2)",
    "an object that raises": "sys.stdout = sys.stderr = type('S', (), {'write': lambda *_: 1 / 0})()",
    "both ways": "sys.stdout.close(); sys.stdout = open(os.devnull, 'w'); sys.stdin.close()",
}


@pytest.mark.parametrize(
    ("name", "on_terminal"), [*((name, False) for name in BODIES), ("close", True), ("replace", True)]
)
def test_a_run_whose_solid_breaks_its_streams(project: Project, name: str, on_terminal: bool) -> None:
    project.write("breaking.py", PIPELINE.format(body=BODIES[name]))
    done = (project.on_terminal if on_terminal else project.command)("run", "-f", "breaking.py")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Traceback" not in said
    assert "Logging error" not in said
    assert "│ goes_on" in done.stdout, "the table of the run"
    folder = project.home / "storage" / project.run_id(done) / "compute_logs"
    logs = {path.name: path.read_text() for path in folder.iterdir()}
    assert logs["breaks.out"] == "before\n"
    assert logs["breaks.err"].startswith("to stderr\n")
    assert logs["goes_on.out"] == "goes on\n"
    assert logs["goes_on.err"].startswith("on stderr too\n")
    assert "another message" in logs["goes_on.err"]

"""`--select`: a run, or a plan, of some solids; those in graphs by the names of the graphs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

NESTED = """
from core import ModeDefinition, composite_solid, fs_io_manager, pipeline, solid

@solid
def start() -> int:
    return 1

@solid
def add_one(number: int) -> int:
    return number + 1

@composite_solid
def outer(number):
    return add_one.alias("second")(add_one.alias("first")(number))

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def nested():
    add_one(outer(start()))
"""
ENDED = re.compile(r"^\[\d/\d\] (\S+) +executed", re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "executed"),
    [
        ([], ["start", "outer.first", "outer.second", "add_one"]),
        (["--select", "start+"], ["start", "outer.first"]),
        (["--select", "*outer"], ["start", "outer.first", "outer.second"]),
        (["--select", "start", "--select", "outer.first"], ["start", "outer.first"]),
    ],
)
def test_a_run_of_some_solids(project: Project, arguments: list[str], executed: list[str]) -> None:
    project.write("nested.py", NESTED)
    done = project.command("run", "-f", "nested.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert ENDED.findall(done.stderr) == executed
    planned = project.command("plan", "-f", "nested.py", *arguments)
    assert [line.split("\t")[0] for line in planned.stdout.splitlines()] == executed
    dry = project.command("run", "-f", "nested.py", "--memoize", "--dry-run", *arguments)
    assert dry.stdout == planned.stdout


def test_a_name_of_no_solid_is_told(project: Project) -> None:
    done = project.run("--select", "clen")
    assert done.returncode != 0
    assert "Solid selection: unknown solid 'clen'; did you mean 'clean'?" in done.stderr
    assert "Traceback" not in done.stderr

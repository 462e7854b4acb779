"""What people see: no name is broken, whatever the width, and what is not needed goes first."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from core.cli.output.grid import Column, Grid
from core.cli.output.progress import RunProgress
from core.events.payloads import StepMemoizedData, StepSuccessData
from core.events.records import DagsterEvent

if TYPE_CHECKING:
    from conftest import Project

NAMES = ["a_step_with_a_name_of_exactly_sixty_characters_as_people_have", "x" * 100, "né_日本_" + "y" * 30, "b"]

LONG_NAMES = """
from core import *
from core import versioned_filesystem_io_manager

def named(name):
    @solid(name=name, version="1")
    def step(_):
        return 1
    return step

@pipeline(name="p" * 45, mode_defs=[ModeDefinition("m" * 30, {{"io_manager": versioned_filesystem_io_manager}})])
def long_names():
    for name in {names}:
        named(name)()
"""

WORDS = st.text("abcdefgh_ ", max_size=40)
CELLS = st.lists(st.tuples(*[WORDS] * 5), max_size=5)
COLUMNS = st.lists(
    st.builds(Column, WORDS, st.booleans(), st.booleans(), st.integers(0, 4)), min_size=5, max_size=5
).filter(lambda columns: not columns[0].rank)


@given(COLUMNS, CELLS, st.integers(10, 250))
def test_what_is_least_needed_goes_first(columns: list[Column], rows: list[tuple[str, ...]], width: int) -> None:
    grid = Grid(columns)
    for row in rows:
        grid.add_row(*row)
    every, shown = grid.shown(None), grid.shown(width)
    assert [at for at in range(5) if at not in every] == [
        at for at in range(5) if rows and not any(row[at] for row in rows)
    ]
    gone = [at for at in every if at not in shown]
    assert shown == [at for at in every if at not in gone]
    if gone:
        kept_ranks = [columns[at].rank for at in shown]
        assert min(columns[at].rank for at in gone) >= max(kept_ranks, default=0)
        assert grid.width([*shown, min(gone, key=lambda at: (columns[at].rank, -at))]) > width
    assert grid.width(shown) <= width or all(not columns[at].rank for at in shown)


def ascii_names() -> list[str]:
    return [re.sub(r"\W", "_", name, flags=re.ASCII) for name in NAMES]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_names_are_whole_at_any_width(project: Project, width: int) -> None:
    project.write("long_names.py", LONG_NAMES.format(names=ascii_names()))
    project.variables["COLUMNS"] = str(width)
    code = ["-f", "long_names.py"]
    shown = [project.on_terminal("run", *code, "--memoize").stdout for _ in range(2)]
    run_id = re.findall(r"run ([0-9a-f-]{36})", shown[0])[-1]
    commands = ["runs", "show", run_id], ["plan", *code], ["plan", *code, "--verbose"], ["explain", run_id]
    shown += [project.on_terminal(*command).stdout for command in commands]
    shown += [project.on_terminal("memo", "list", *code).stdout]
    for text in shown:
        assert [name for name in ascii_names() if name not in text] == []
    listed = project.on_terminal("runs").stdout
    assert "p" * 45 in listed
    assert run_id[:8] in listed


def test_elsewhere_there_is_no_width(project: Project) -> None:
    project.write("long_names.py", LONG_NAMES.format(names=ascii_names()))
    project.variables["COLUMNS"] = "20"
    done = project.command("run", "-f", "long_names.py")
    assert len({len(line) for line in done.stdout.splitlines() if line and line[0] in "┏┃┡│└"}) == 1
    for name in ascii_names():
        assert re.search(rf"│ {name} +│ executed │ +\d\.\d\d │", done.stdout)
    assert re.search(r"│ p{45} │ m{30} │ SUCCESS", project.command("runs").stdout)


def test_columns_that_do_not_fit_go_and_seconds_stay_longest(project: Project) -> None:
    project.run()

    def header(width: int) -> list[str]:
        project.variables["COLUMNS"] = str(width)
        shown = re.sub(r"\x1b\[[0-9;]*m", "", project.on_terminal("runs").stdout)
        [line] = [line for line in shown.splitlines() if "┃ " in line]
        return re.findall(r"[a-z]+", line)

    assert header(200) == ["run", "pipeline", "mode", "status", "seconds", "executed", "memoized", "started"]
    assert header(90) == ["run", "pipeline", "status", "seconds", "executed", "memoized", "started"]
    assert header(80) == ["run", "pipeline", "status", "seconds", "executed", "memoized"]
    assert header(60) == ["run", "pipeline", "status", "seconds", "executed"]
    assert header(44) == ["run", "pipeline", "status", "seconds"]
    assert header(34) == ["run", "pipeline", "status"]


HASH = re.compile(r"\b[0-9a-f]{9,}\b")


def test_hashes_have_eight_digits_and_more_is_told_on_request(project: Project) -> None:
    run_id = project.run_id(project.run("--memoize"))
    code = ["-f", "flights.py", "-c", "config.yaml"]
    for command in (["plan", *code], ["explain", project.run_id(project.run("--memoize"))], ["memo", "list", *code]):
        shown = project.on_terminal(*command).stdout.replace(run_id, "")
        assert HASH.findall(shown.partition("\n")[2]) == []
        assert str(project.home) not in shown
        whole = "".join(project.on_terminal(*command, "--verbose").stdout.split())
        assert len(re.findall(r"[0-9a-f]{64}", whole)) >= 3
        assert "".join(str(project.home).split()) in re.sub("[│\x1b]|\\[[0-9;]*m", "", whole)


def test_a_step_that_is_computed_again_keeps_its_number() -> None:
    stream = io.StringIO()
    progress = RunProgress(Console(file=stream, width=200), 2)
    for kind, key, data in (
        ("STEP_MEMOIZED", "a", StepMemoizedData(())),
        ("STEP_MEMOIZED", "b", StepMemoizedData(())),
        ("STEP_SUCCESS", "a", StepSuccessData(5.0)),
        ("STEP_SUCCESS", "c", StepSuccessData(5.0)),  # one that nobody counted before
    ):
        progress.on_event(DagsterEvent(kind, "p", "", key, key, data))
    assert re.findall(r"^\[(\d/\d)\] (\w)", stream.getvalue(), re.MULTILINE) == [
        ("1/2", "a"), ("2/2", "b"), ("1/2", "a"), ("3/3", "c"),
    ]  # fmt: skip


def test_a_failed_step_is_told_once_with_the_commands_that_tell_more(project: Project) -> None:
    for run in (project.command, project.on_terminal):
        done = run("run", "-f", "flights.py", "-c", "config.yaml", "--set", "solids.check.config.fail=true")
        said = done.stdout + done.stderr
        assert said.count("raise ValueError") == 1
        assert said.count("Solid 'check' raised") == 1
        run_id = re.findall(r"run ([0-9a-f-]{36})", said)[0]
        assert f"  To look further:\n    cloudstore logs {run_id} check\n    cloudstore runs show {run_id}\n" in said
        assert project.command("logs", run_id, "check").returncode == 0
        shown = project.command("runs", "show", run_id).stdout
        assert shown.endswith(f"\nTo look further:\n  cloudstore logs {run_id} check\n")
        assert shown.count("Solid 'check' raised") == 1
    alone = project.command(
        "run", "-f", "flights.py", "-c", "config.yaml", "--set", "solids.check.config.fail=true", with_home=False
    )
    assert "To look further" not in alone.stderr  # nothing is kept

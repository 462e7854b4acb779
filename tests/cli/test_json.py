"""`--json`: one document on stdout, with keys that docs/command-line.md tells, and nothing else there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"

LOUD = """
import os, subprocess, sys
print("printed as the file is loaded")
from core import *
from core import versioned_filesystem_io_manager

@resource(config_schema={"password": StringSource}, version="1")
def db(context):
    print("printed by a resource")
    return context.resource_config["password"]

@solid(version="1")
def first(_):
    print("printed by a step")
    os.write(1, b"written by a step\\n")
    subprocess.run(["echo", "printed by a child"])
    return 1

@solid(version="1", required_resource_keys={"db"})
def second(context, x):
    if os.environ.get("FAIL"):
        raise ValueError("not with " + context.resources.db)
    return x

@solid(version="1")
def third(_, x):
    return x

MODES = [ModeDefinition("loud", {"db": db, "io_manager": versioned_filesystem_io_manager})]

@pipeline(mode_defs=MODES, tags={"dagster/is_memoized_run": "true"})
def loud():
    third(second(first()))
"""

SECRET = "hunter2-is-not-to-be-shown"
CODE = ["-f", "loud.py", "--set", f"resources.db.config.password={SECRET}"]


def document(project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = project.command(*arguments, "--json")
    assert done.returncode == code, done.stderr
    assert done.stdout.count("\n") == 1
    assert SECRET not in done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(autouse=True)
def _loud(project: Project) -> None:
    project.write("loud.py", LOUD)


def times_in(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from times_in(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from times_in(item, key)
    elif isinstance(value, str) and key in ("created_at", "started_at", "ended_at", "since", "until"):
        yield key, value


def test_a_run_is_told_as_it_is_shown_later(project: Project) -> None:
    told = document(project, "run", *CODE)
    again = document(project, "run", *CODE)
    assert told == document(project, "runs", "show", told["run_id"])
    assert {key: told[key] for key in ("pipeline_name", "mode", "status", "running_steps", "failures")} == {
        "pipeline_name": "loud", "mode": "loud", "status": "SUCCESS", "running_steps": [], "failures": [],
    }  # fmt: skip
    counts = [(each["executed_count"], each["memoized_count"], each["failed_count"]) for each in (told, again)]
    assert counts == [(3, 0, 0), (0, 3, 0)]
    assert [(each["step_key"], each["outcome"]) for each in again["steps"]] == [
        ("first", "memoized"), ("second", "memoized"), ("third", "memoized"),
    ]  # fmt: skip
    listed = document(project, "runs")["runs"]
    assert [each["run_id"] for each in listed] == [again["run_id"], told["run_id"]]
    assert all(listed[1][key] == told[key] for key in listed[1])
    times = list(times_in([told, again, listed]))
    assert len(times) >= 12
    assert all(datetime.fromisoformat(text).utcoffset() == timedelta(0) for _, text in times)


def test_all_else_goes_to_stderr(project: Project) -> None:
    done = project.command("run", *CODE, "--json")
    assert json.loads(done.stdout)["status"] == "SUCCESS"
    for text in (
        "as the file is loaded",
        "by a resource",
        "by a step",
        "written by a step",
        "by a child",
        "[3/3] third",
    ):
        assert text in done.stderr
    plan = project.command("plan", *CODE, "--json")
    assert json.loads(plan.stdout)["is_memoized"]
    assert "as the file is loaded" in plan.stderr


def test_a_run_that_fails_is_told_and_fails_the_command(project: Project) -> None:
    project.variables["FAIL"] = "yes"
    told = document(project, "run", *CODE, code=1)
    assert told["status"] == "FAILURE"
    assert [(each["step_key"], each["outcome"]) for each in told["steps"]] == [
        ("first", "executed"), ("second", "failed"), ("third", "not executed"),
    ]  # fmt: skip
    [failure] = told["failures"]
    assert failure.startswith("Step 'second' failed: Solid 'second' raised: ValueError: not with ***")
    shown = document(project, "runs", "show", told["run_id"])
    assert shown["failures"] == told["failures"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "-f", "loud.py"],
        ["plan", "-f", "loud.py"],
        ["runs", "show", "zzz"],
        ["explain", "zzz"],
        ["run", "-f", "no"],
    ],
    ids=" ".join,
)
def test_what_is_refused_says_so_on_stderr_alone(project: Project, arguments: list[str]) -> None:
    plain, done = project.command(*arguments), project.command(*arguments, "--json")
    assert (done.returncode, done.stdout) == (plain.returncode, "")
    assert done.returncode in (1, 2)
    assert re.findall("^Error: .*", done.stderr, re.MULTILINE) == re.findall("^Error: .*", plain.stderr, re.MULTILINE)


def test_what_would_run_and_why_it_did(project: Project) -> None:
    planned = document(project, "plan", *CODE)
    assert planned == document(project, "run", "--dry-run", *CODE)
    assert [each["outcome"] for each in planned["steps"]] == ["would run"] * 3
    plain = document(project, "run", "--dry-run", "--no-memoize", *CODE)
    assert (plain["is_memoized"], {each["reasons"][0] for each in plain["steps"]}) == (
        False, {"the run would not be memoized"},
    )  # fmt: skip
    run_id = document(project, "run", *CODE)["run_id"]
    explained = document(project, "explain", run_id)
    assert (explained["run_id"], explained["unexplained"]) == (run_id, None)
    assert [each["step_key"] for each in explained["steps"]] == ["first", "second", "third"]
    hits = document(project, "plan", *CODE)["steps"]
    assert all(len(each["addresses"]) == 1 and each["addresses"][0] in each["reasons"][0] for each in hits)
    unmemoized = document(project, "run", "--no-memoize", *CODE)["run_id"]
    told = document(project, "explain", unmemoized)
    assert told["steps"] == []
    assert "is not memoized" in told["unexplained"]


def keys_of(told: dict[str, Any]) -> set[str]:
    found = set(told)
    for value in told.values():
        for each in value if isinstance(value, list) else [value]:
            found |= keys_of(each) if isinstance(each, dict) else set()
    return found


def test_the_page_tells_each_key(project: Project) -> None:
    run_id = document(project, "run", *CODE)["run_id"]
    section = PAGE.read_text("utf-8").partition("## For programs")[2].partition("\n## ")[0]
    told = set(re.findall(r"`(\w+)`", section))
    for arguments in (
        ["run", *CODE], ["runs"], ["runs", "show", run_id], ["plan", *CODE], ["explain", run_id],
        ["value", run_id, "first"],
    ):  # fmt: skip
        assert keys_of(document(project, *arguments)) - told == set(), arguments

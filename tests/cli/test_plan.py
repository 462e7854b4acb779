"""`cloudstore plan` and `cloudstore run --dry-run`: what would happen is what then happens."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from cloudstore.testing import EmbeddedS3Server

if TYPE_CHECKING:
    from conftest import Project

PLAN = ("plan", "-f", "flights.py", "-c", "config.yaml")


def planned(project: Project, *arguments: str) -> dict[str, tuple[str, list[str]]]:
    """Step -> outcome and reasons."""
    done = project.command(*PLAN, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["steps"]
    return {each["step_key"]: (each["outcome"], each["reasons"]) for each in told}


def explained(project: Project, run_id: str) -> dict[str, tuple[str, list[str]]]:
    told = json.loads(project.command("explain", run_id, "--json").stdout)["steps"]
    return {each["step_key"]: (each["outcome"], each["reasons"]) for each in told}


def kept(project: Project) -> dict[Path, int]:
    """Every file but those that come and go with open databases, and its size."""
    files = (path for path in project.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path: path.stat().st_size for path in files if path.suffix not in (".db-wal", ".db-shm", ".lock")}


def rows(project: Project) -> int:
    """How many runs are recorded."""
    [path] = project.home.rglob("runs.db")
    with sqlite3.connect(path) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM runs")
    connection.close()
    return int(count)


def test_a_plan_says_what_the_run_then_does_and_leaves_nothing_behind(project: Project) -> None:
    first = project.run_id(project.run("--memoize"))
    before, runs = kept(project), rows(project)
    hits = planned(project)
    assert {outcome for outcome, _reasons in hits.values()} == {"hit"}
    assert all(f"made by run {first} at {project.folder}" in reasons[0] for _outcome, reasons in hits.values())
    changed = planned(project, "--set", "solids.clean.config.months=[1, 2, 3]")
    assert changed == {
        "clean": ("would run", ["config `months`: [1, 2] → [1, 2, 3]"]),
        "report": ("would run", ["upstream `clean.result`"]),
        "check": ("would run", ["upstream `report.result`"]),
    }
    assert (kept(project), rows(project)) == (before, runs)
    run_id = project.run_id(project.run("--memoize", "--set", "solids.clean.config.months=[1, 2, 3]"))
    assert explained(project, run_id) == {key: ("executed", reasons) for key, (_outcome, reasons) in changed.items()}


def test_without_a_home_nothing_is_known_of_earlier_runs(project: Project) -> None:
    done = project.command(*PLAN, with_home=False)
    assert done.returncode == 0, done.stderr
    never = "no earlier memoized run of this pipeline has a value of this step"
    assert done.stdout.splitlines() == [f"{step}\twould run\t{never}" for step in ("clean", "report", "check")]


def test_a_value_that_is_gone_is_named_before_anything_runs(project: Project) -> None:
    project.run("--memoize")
    [check] = project.home.rglob("versioned_outputs/check/result/*")
    check.unlink()
    plan = planned(project)
    assert [outcome for outcome, _reasons in plan.values()] == ["hit", "hit", "would run"]
    assert plan["check"][1] == [f"its value at {check} is gone or damaged"]


def test_refreshed_steps_would_run_and_do(project: Project) -> None:
    project.run("--memoize")
    plan = planned(project, "--refresh", "report")
    assert plan["clean"][0] == "hit"
    assert plan["report"] == ("would run", ["asked for by --refresh"])
    assert plan["check"] == ("would run", ["fed by `report`, which is refreshed"])
    run_id = project.run_id(project.run("--memoize", "--refresh", "report"))
    said = explained(project, run_id)
    assert [outcome for outcome, _reasons in said.values()] == ["hit", "refreshed", "refreshed"]
    refused = project.command(*PLAN, "--refresh", "reprot")
    assert refused.returncode == 1
    assert "reprot" in refused.stderr


def test_one_step_of_many_for_the_values_of_a_dynamic_output_is_refreshed(project: Project) -> None:
    project.write(
        "pages.py",
        "from core import pipeline, solid\n"
        "from core.experimental import DynamicOutput, DynamicOutputDefinition\n"
        "from flights import local\n\n"
        "@solid(version='1', output_defs=[DynamicOutputDefinition()])\n"
        "def pages():\n    yield DynamicOutput(1, 'a')\n    yield DynamicOutput(2, 'b')\n\n"
        "@solid(version='1')\ndef draw(page):\n    return page\n\n"
        "@solid(version='1')\ndef bind(drawn):\n    return drawn\n\n"
        "@pipeline(mode_defs=[local])\ndef book():\n    bind(pages().map(draw).collect())\n",
    )
    command = ("-f", "pages.py", "-a", "book")
    assert project.command("run", *command, "--memoize").returncode == 0
    lines = project.command("plan", *command, "--refresh", "draw[b]").stdout.splitlines()
    outcomes = {"pages": "hit", "draw[a]": "hit", "draw[b]": "would run", "bind": "would run"}
    assert dict(line.split("\t")[:2] for line in lines) == outcomes
    assert "asked for by --refresh" in lines[2]
    assert project.command("run", *command, "--refresh", "draw[b]").returncode == 0
    refused = project.command("run", *command, "--memoize", "--refresh", "draw[c]")
    assert refused.returncode == 1
    assert "There is no 'draw[c]' to refresh, since pages.result has no such value" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_would_be_skipped_is_said(project: Project) -> None:
    project.write(
        "optional.py",
        "from core import Output, OutputDefinition, pipeline, solid\n"
        "from flights import local\n\n"
        "outputs = [OutputDefinition(name='no', is_required=False), OutputDefinition(name='yes')]\n\n"
        "@solid(version='1', output_defs=outputs)\n"
        "def pair():\n    yield Output(1, 'yes')\n\n"
        "@solid(version='1')\ndef one(x):\n    return x\n\n"
        "@solid(version='1')\ndef two(x):\n    return x\n\n"
        "@pipeline(mode_defs=[local])\ndef optional():\n    no, yes = pair()\n    two(one(no))\n",
    )
    command = ("-f", "optional.py", "-a", "optional")
    assert project.command("run", *command, "--memoize").returncode == 0
    lines = [line.split("\t")[:3] for line in project.command("plan", *command).stdout.splitlines()]
    assert [line[:2] for line in lines] == [["pair", "hit"], ["one", "would be skipped"], ["two", "would be skipped"]]
    assert lines[1][2] == "an optional output that feeds it was not given"


def test_a_dry_run_is_a_plan(project: Project) -> None:
    project.run("--memoize")
    before = rows(project)
    changed = ("--set", "solids.clean.config.title=T")
    done = project.run("--memoize", "--dry-run", *changed)
    assert done.returncode == 0, done.stderr
    assert done.stdout == project.command(*PLAN, *changed).stdout
    assert "clean\twould run\tconfig `title`: 'Months' → 'T'" in done.stdout
    assert project.run("--dry-run").stdout.startswith("All 3 steps would run, since the run would not be memoized.")
    assert project.run("--dry-run", "--no-memoize").stdout.startswith("All 3 steps would run")
    flights = (project.folder / "flights.py").read_text()
    tagged = flights.replace("s3]", "s3], tags={'dagster/is_memoized_run': 'true'}")
    project.write("flights.py", tagged)
    assert [line.split("\t")[1] for line in project.run("--dry-run").stdout.splitlines()] == ["hit"] * 3
    assert rows(project) == before


def test_values_in_a_bucket_are_planned_with(s3_project: Project, s3_server: EmbeddedS3Server, bucket: str) -> None:
    mode = ("--mode", "s3", "-c", "s3.yaml")
    assert s3_project.run("--memoize", *mode).returncode == 0
    client = s3_server.client()
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    [report], [check] = ([key for key in keys if f"/{step}/" in key] for step in ("report", "check"))
    plan = planned(s3_project, *mode)
    assert plan["check"][0] == "hit"
    assert plan["check"][1][0].endswith(f" at s3://{bucket}/{check}")
    client.delete_object(Bucket=bucket, Key=check)
    metadata = client.head_object(Bucket=bucket, Key=report)["Metadata"]
    client.put_object(Bucket=bucket, Key=report, Body=b"something else", Metadata=metadata)
    plan = planned(s3_project, *mode)
    assert {step: outcome for step, (outcome, _reasons) in plan.items()} == {
        "clean": "hit",
        "report": "would run",
        "check": "would run",
    }
    said = explained(s3_project, s3_project.run_id(s3_project.run("--memoize", *mode)))
    assert [outcome for outcome, _reasons in said.values()] == ["hit", "executed", "executed"]
    assert said["check"][1] == [f"its value at s3://{bucket}/{check} is gone or damaged"]
    assert said["report"][1] == [f"its value at s3://{bucket}/{report} is gone or damaged, and `check` needs it"]


def test_code_of_helpers_is_named(project: Project) -> None:
    project.write("helpers.py", "LIMIT = 3\n\n\ndef total(rows):\n    return min(sum(rows), LIMIT)\n")
    project.write(
        "hashed.py",
        "import helpers\n"
        "from core import ModeDefinition, SourceHashVersionStrategy, pipeline, solid\n"
        "from core import versioned_filesystem_io_manager\n\n"
        "@solid\ndef report():\n    return helpers.total([1, 2])\n\n"
        "mode = ModeDefinition(resource_defs={'io_manager': versioned_filesystem_io_manager},\n"
        "                      version_strategy=SourceHashVersionStrategy())\n\n"
        "@pipeline(mode_defs=[mode])\ndef hashed():\n    report()\n",
    )
    assert project.command("run", "-f", "hashed.py", "--memoize").returncode == 0
    project.write("helpers.py", "LIMIT = 3\n\n\ndef total(rows):\n    # how much\n    return min(sum(rows), LIMIT)\n")
    assert project.command("plan", "-f", "hashed.py").stdout.startswith("report\thit\t")
    project.write("helpers.py", "LIMIT = 33\n\n\ndef total(rows):\n    return min(sum(rows), LIMIT)\n")
    done = project.command("plan", "-f", "hashed.py")
    assert re.match(r"report\twould run\tcode of `report` changed \(helpers\.\w+(, helpers\.\w+)*\)\t", done.stdout)

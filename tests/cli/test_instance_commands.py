"""Deleting, pruning, cancelling and migrating by command."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

RELEASED = Path(__file__).parents[1] / "core" / "storage" / "released" / "0.1.0"
COMMANDS = (("instance", "prune"), ("instance", "migrate"), ("runs", "delete", "x"), ("runs", "cancel", "x"))


def told(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The things that a command says it deleted."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def files(project: Project) -> dict[str, bytes]:
    found = project.home.rglob("*")
    return {
        str(path): path.read_bytes() for path in found if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def retain(project: Project, retention: str) -> None:
    project.home.joinpath("dagster.yaml").write_text(f"retention: {retention}\n")


def set_status(project: Project, run_id: str, status: str) -> None:
    """As if the run's process had been killed."""
    with closing(sqlite3.connect(project.home / "history" / "runs.db")) as connection, connection:
        connection.execute("UPDATE runs SET status = ? WHERE run_id = ?", (status, run_id))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_and_no_home(project: Project, command: tuple[str, ...]) -> None:
    for asked, expected in ((command[:2], "--help"), (command[:1], command[1])):
        shown = project.command(*asked, "--help", with_home=False)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert expected in shown.stdout
    refused = project.command(*command, with_home=False)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "$DAGSTER_HOME is not set" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_run_is_deleted_by_the_beginning_of_its_id(project: Project) -> None:
    first, second = project.run_id(project.run()), project.run_id(project.run())
    before = files(project)
    would_go = project.command("runs", "delete", first[:7], "--dry-run")
    assert files(project) == before
    deleted = project.command("runs", "delete", first[:7])
    assert told(deleted) == told(would_go)
    assert {each["kind"] for each in told(deleted)} == {"run", "events", "compute log"}
    assert told(deleted)[-1] == {"kind": "run", "name": first, "size_bytes": None}
    size = sum(each["size_bytes"] or 0 for each in told(deleted))
    count = len(told(deleted))
    assert would_go.stderr == f"{count} things would be deleted, {size / 1024:.1f} KiB.\n"
    assert deleted.stderr == f"{count} things deleted, {size / 1024:.1f} KiB.\n"
    left = files(project)
    assert not [name for name in left if first in name]
    assert {name: content for name, content in left.items() if second in name} == {
        name: content for name, content in before.items() if second in name
    }
    again = project.command("runs", "delete", first)
    assert again.returncode == 1
    assert f"No run has an id that begins with '{first}'; `cloudstore runs` lists them." in again.stderr


def test_of_several_runs_that_are_meant_none_is_deleted(project: Project) -> None:
    project.run()
    refused = project.command("runs", "delete", "")
    assert refused.stderr == "Error: 1 run has an id that begins with ''; `cloudstore runs` lists them.\n"
    project.run()
    project.run()
    for command in ("delete", "cancel"):
        refused = project.command("runs", command, "")
        assert refused.returncode == 1
        assert refused.stderr == "Error: 3 runs have ids that begin with ''; `cloudstore runs` lists them.\n"
    assert project.command("runs").stdout.count("SUCCESS") == 3


def test_a_run_whose_process_is_gone_is_cancelled_and_then_deleted(project: Project) -> None:
    run_id = project.run_id(project.run())
    refused = project.command("runs", "cancel", run_id[:5])
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: Run {run_id} is not in progress: it is SUCCESS.\n"
    set_status(project, run_id, "STARTED")
    refused = project.command("runs", "delete", run_id[:5])
    assert refused.returncode == 1
    assert f"cloudstore runs cancel {run_id}" in refused.stderr
    refused = project.command("runs", "cancel", run_id[:5])
    assert (refused.returncode, refused.stdout) == (1, "")
    assert (
        f"Run {run_id} is STARTED, and no process of this machine executes it. If its process is gone" in refused.stderr
    )
    cancelled = project.command("runs", "cancel", run_id[:5], "--force")
    assert (cancelled.returncode, cancelled.stderr) == (0, "")
    assert cancelled.stdout == f"Run {run_id} was STARTED and is CANCELED.\n"
    assert "CANCELED" in project.command("runs").stdout
    assert project.command("runs", "delete", run_id[:5]).returncode == 0
    assert project.command("runs").stdout == "No runs.\n"


@pytest.mark.parametrize("yaml", ["", "retention: {}\n", "retention: {runs: {}}\n"])
def test_without_retention_nothing_is_pruned(project: Project, yaml: str) -> None:
    project.run()
    project.home.joinpath("dagster.yaml").write_text(yaml)
    before = files(project)
    done = project.command("instance", "prune")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nothing to delete: $DAGSTER_HOME/dagster.yaml sets no limits in a section `retention:`." in done.stderr
    assert files(project) == before


def test_pruning_deletes_what_a_dry_run_lists(project: Project) -> None:
    ids = [project.run_id(project.run("--memoize", "--set", f"solids.clean.config.months=[{n}]")) for n in range(3)]
    retain(project, "{runs: {max_count: 2}, compute_logs: {max_count: 1}, values: {max_count: 0}}")
    before = files(project)
    would_go = project.command("instance", "prune", "--dry-run")
    assert files(project) == before
    pruned = project.command("instance", "prune")
    assert told(pruned) == told(would_go)
    assert [each["name"] for each in told(pruned) if each["kind"] == "run"] == ids[:1]
    assert len([each for each in told(pruned) if each["kind"] == "value"]) == 3
    assert set(before) - set(files(project)) == {each["name"] for each in told(pruned) if each["kind"] != "run"}
    assert re.fullmatch(r"\d+ things would be deleted, \d+\.\d KiB\.\n", would_go.stderr)
    assert pruned.stderr == would_go.stderr.replace("would be deleted", "deleted")
    again = project.command("instance", "prune")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "0 things deleted, 0 B.\n")


def test_pruned_logs_and_events_are_called_so(project: Project) -> None:
    run_id = project.run_id(project.run())
    retain(project, "{events: {max_count: 0}}")
    project.command("instance", "prune")
    shown = project.command("runs", "show", run_id)
    assert re.fullmatch(rf"flights, run {run_id}: SUCCESS\. Its events were pruned \([^ ]+\)\.\n", shown.stdout)
    assert project.command("logs", run_id, "clean").stdout == "cleaning Months [1, 2]\n"
    unknown = project.command("logs", run_id, "clena")
    assert unknown.returncode == 1
    assert f"Run {run_id} has no logs of a step 'clena'; its events were pruned" in unknown.stderr
    retain(project, "{compute_logs: {max_count: 0}}")
    project.command("instance", "prune")
    for step in ("clean", "clena"):
        pruned = project.command("logs", run_id, step)
        assert (pruned.returncode, pruned.stdout) == (1, "")
        assert f"Run {run_id}: its compute logs were pruned (20" in pruned.stderr
    for command in (("runs",), ("runs", "show", run_id)):
        assert ".cloudstore" not in project.command(*command).stdout


def test_a_terminal_shows_a_line_for_each_thing(project: Project) -> None:
    run_id = project.run_id(project.run())
    folder = project.home / "storage" / run_id
    (folder / "odd\x1b[31m\nname").write_bytes(b"x" * 2048)
    shown = in_terminal(project, "runs", "delete", run_id, "--dry-run")
    lines = shown.splitlines()
    assert f"artifacts    {folder}/odd\\x1b[31m\\nname  2.0 KiB" in lines
    assert f"compute log  {folder}/compute_logs/clean.out  23 B" in lines
    assert lines[-2] == f"run          {run_id}"
    assert re.fullmatch(rf"{len(lines) - 1} things would be deleted, \d+\.\d KiB\.", lines[-1])
    assert "\x1b" not in shown


def in_terminal(project: Project, *arguments: str) -> str:
    master, slave = pty.openpty()
    environment = {**project.environment(), "TERM": "xterm-256color"}
    command = [str(project.program), *arguments]
    shown = b""
    with subprocess.Popen(command, cwd=project.folder, env=environment, stdin=slave, stdout=slave, stderr=slave):
        os.close(slave)
        try:
            while chunk := os.read(master, 65536):
                shown += chunk
        except OSError:
            pass  # how Linux tells that the other end was closed
        finally:
            os.close(master)
    return shown.decode()


def test_migrating(project: Project) -> None:
    assert project.command("instance", "migrate").stdout == "Every database is up to date.\n"
    for dump in RELEASED.rglob("*.sql"):
        path = (project.home / "history" / dump.relative_to(RELEASED)).with_suffix(".db")
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(dump.read_text())
    refused = project.command("runs")
    assert refused.returncode == 1
    assert "cloudstore instance migrate" in refused.stderr
    done = project.command("instance", "migrate")
    assert (done.returncode, done.stderr) == (0, "")
    told_of = re.findall(r"^(.+): (\w+) 0001 -> \d{4} \(backup: (.+)\)$", done.stdout, re.MULTILINE)
    assert len(told_of) == len(done.stdout.splitlines())
    history = str(project.home / "history")
    assert {(database, schema) for database, schema, _ in told_of} == {
        (f"{history}/runs.db", "runs"),
        (f"{history}/index.db", "event_index"),
    }
    for database, _, backup in told_of:
        assert backup.startswith(f"{database}.")
        with closing(sqlite3.connect(backup)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert "SUCCESS" in project.command("runs").stdout
    before = files(project)
    assert project.command("instance", "migrate").stdout == "Every database is up to date.\n"
    assert files(project) == before

"""What the commands do when all is well."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from cloudstore.cli import main
from cloudstore.testing import EmbeddedS3Server

if TYPE_CHECKING:
    from conftest import Project

HELP = {
    (): ["run", "runs", "logs", "dev-server", "--version"],
    ("run",): ["--file", "--attribute", "--mode", "--config", "--set", "--memoize / --no-memoize"],
    ("runs",): ["--limit", "--pipeline", "--status", "show"],
    ("runs", "show"): ["RUN"],
    ("logs",): ["RUN", "STEP", "--stderr"],
    ("dev-server",): ["--port", "--bucket"],
}


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_help_names_every_option(project: Project, command: tuple[str, ...]) -> None:
    done = project.command(*command, "--help", with_home=False)
    assert done.returncode == 0
    for option in HELP[command]:
        assert option in done.stdout
    assert done.stderr == ""


def commands_below(group: click.Group, *names: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*names, name)
        if isinstance(command, click.Group):
            yield from commands_below(command, *names, name)


def test_help_keeps_its_lines_and_shows_no_mark_of_them() -> None:
    for command in commands_below(main):
        shown = CliRunner().invoke(main, [*command, "--help"]).output
        assert "\\b" not in shown, command
        assert "\b" not in shown, command


def outcomes(table: str) -> dict[str, str]:
    """Step to outcome, as a table of a run shows them."""
    return dict(re.findall(r"│ (\w+) +│ (executed|memoized|skipped|failed) +│", table))


EXECUTED = dict.fromkeys(("clean", "report", "check"), "executed")


def test_a_run_shows_what_it_does_and_is_kept(project: Project) -> None:
    done = project.run()
    assert done.returncode == 0, done.stderr
    assert outcomes(done.stdout) == EXECUTED
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    assert re.findall(r"^\[(\d)/3\] (\w+) +executed  \d+\.\d\d s$", done.stderr, re.MULTILINE) == [
        ("1", "clean"),
        ("2", "report"),
        ("3", "check"),
    ]
    assert "cleaning Months [1, 2]\nreporting é [1, 2]\n" in done.stdout
    assert "a warning of clean\n" in done.stderr

    run_id = project.run_id(done)
    listed = project.command("runs")
    assert run_id[:8] in listed.stdout
    assert "SUCCESS" in listed.stdout
    shown = project.command("runs", "show", run_id)
    assert shown.returncode == 0
    assert outcomes(shown.stdout) == EXECUTED
    assert f"run {run_id}: SUCCESS" in shown.stdout

    for step, stdout, stderr in (
        ("clean", "cleaning Months [1, 2]\n", "a warning of clean\n"),
        ("report", "reporting é [1, 2]\n", ""),
        ("check", "", ""),
    ):
        read = project.command("logs", run_id[:6], step)
        assert (read.returncode, read.stdout, read.stderr) == (0, stdout, "")
        assert project.command("logs", run_id, step, "--stderr").stdout == stderr


def test_every_command_about_logs_that_the_page_tells(project: Project) -> None:
    page = (Path(__file__).parents[2] / "docs" / "compute-logs.md").read_text("utf-8")
    block, _, _ = page.partition("```\n")[2].partition("```")
    commands = [line.partition("#")[0].split() for line in block.splitlines()]
    assert len(commands) == 6
    run_id = project.run_id(project.run())
    for name, *arguments in commands:
        assert name == "cloudstore"
        done = project.command(*({"RUN": run_id, "STEP": "clean"}.get(each, each) for each in arguments))
        assert done.returncode == 0, done.stderr
        printed = "a warning of clean\n" if "--stderr" in arguments else "cleaning Months [1, 2]\n"
        assert done.stdout.startswith("All compute logs" if "drain" in arguments else printed)


def test_without_a_home_a_run_runs_and_nothing_is_kept(project: Project) -> None:
    before = sorted(project.folder.rglob("*"))
    done = project.command("run", "-f", "flights.py", "-c", "config.yaml", with_home=False)
    assert done.returncode == 0, done.stderr
    assert outcomes(done.stdout) == EXECUTED
    assert "cleaning Months [1, 2]\n" in done.stdout
    after = [path for path in sorted(project.folder.rglob("*")) if "__pycache__" not in path.parts]
    assert after == before
    for command in (("runs",), ("logs", "x", "y"), ("runs", "show", "x")):
        refused = project.command(*command, with_home=False)
        assert refused.returncode == 1
        assert "$DAGSTER_HOME is not set" in refused.stderr
        assert "export DAGSTER_HOME=" in refused.stderr


def test_config_files_are_merged_in_order_and_settings_win(project: Project) -> None:
    project.write("more.yaml", "solids: {clean: {config: {title: More}}}\n")
    project.write("last.yaml", "solids: {clean: {config: {months: [9], title: Last}}}\n")
    project.write("empty.yaml", "# nothing yet\n")

    def printed(*arguments: str) -> str:
        done = project.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[0]

    assert printed("-c", "more.yaml", "-c", "empty.yaml") == "cleaning More [1, 2]"
    assert printed("-c", "more.yaml", "-c", "last.yaml") == "cleaning Last [9]"
    assert printed("-c", "last.yaml", "-c", "more.yaml") == "cleaning More [9]"
    settings = ("--set", "solids.clean.config.title=Set", "--set", "solids.clean.config.months=[3, 4]")
    assert printed("-c", "last.yaml", *settings) == "cleaning Set [3, 4]"
    assert printed("--set", "solids.clean.config={months: [5]}", *settings[:2]) == "cleaning Set [5]"


def test_a_memoized_run_executes_what_changed(project: Project) -> None:
    assert outcomes(project.run("--memoize").stdout) == EXECUTED
    again = project.run("--memoize")
    assert again.returncode == 0
    assert outcomes(again.stdout) == dict.fromkeys(EXECUTED, "memoized")
    assert outcomes(project.run("--no-memoize").stdout) == EXECUTED
    changed = project.run(
        "--memoize", "--set", "solids.check.config.fail=false", "--set", "solids.clean.config.title=T"
    )
    assert outcomes(changed.stdout) == EXECUTED
    read = project.command("logs", project.run_id(again), "clean")
    assert (read.returncode, read.stdout) == (0, "cleaning Months [1, 2]\n")
    assert read.stderr.startswith(f"Run {project.run_id(again)} found the value of step 'clean'; run ")


def test_a_run_in_the_mode_asked_for_uses_the_bucket(
    s3_project: Project, s3_server: EmbeddedS3Server, bucket: str
) -> None:
    command = ("--mode", "s3", "-c", "s3.yaml", "--memoize")
    cold = s3_project.run(*command)
    assert cold.returncode == 0, cold.stderr
    assert outcomes(cold.stdout) == EXECUTED
    keys = [item["Key"] for item in s3_server.client().list_objects_v2(Bucket=bucket)["Contents"]]
    assert sorted(key.rpartition("/")[0] for key in keys) == [
        f"dagster/versioned_outputs/{step}/result" for step in ("check", "clean", "report")
    ]
    assert re.search(r"\[2/3\] report +executed  \S+ s  \d+ requests, \d+ B", cold.stderr)
    again = s3_project.run(*command)
    assert outcomes(again.stdout) == dict.fromkeys(EXECUTED, "memoized")


def test_a_pipeline_is_named_where_there_are_several(project: Project) -> None:
    project.write(
        "several.py",
        "from flights import check, clean, flights, pipeline, report\n\n"
        "@pipeline\ndef short():\n    report(clean())\n\n"
        "def made():\n    return short\n",
    )
    for name, steps in (("short", {"clean", "report"}), ("made", {"clean", "report"}), ("flights", set(EXECUTED))):
        done = project.command("run", "-f", "several.py", "-a", name, "-c", "config.yaml")
        assert done.returncode == 0, done.stderr
        assert set(outcomes(done.stdout)) == steps


def test_runs_are_listed_newest_first_and_chosen_by_pipeline_and_status(project: Project) -> None:
    project.write("other.py", "from flights import clean, pipeline\n\n@pipeline\ndef other():\n    clean()\n")
    assert project.command("runs").stdout == "No runs.\n"
    ids = [
        project.run_id(project.run()),
        project.run_id(project.run("--set", "solids.check.config.fail=true")),
        project.run_id(project.command("run", "-f", "other.py", "-a", "other", "-c", "config.yaml")),
    ]

    def listed(*arguments: str) -> list[int]:
        done = project.command("runs", *arguments)
        assert done.returncode == 0, done.stderr
        starts = [run_id[:8] for run_id in ids]
        return [starts.index(found) for found in re.findall(r"^│ ([0-9a-f]{8})", done.stdout, re.MULTILINE)]

    assert listed() == [2, 1, 0]
    assert listed("--limit", "2") == [2, 1]
    assert listed("--pipeline", "flights") == [1, 0]
    assert listed("--status", "FAILURE") == [1]
    assert listed("--status", "SUCCESS", "--pipeline", "flights") == [0]
    assert project.command("runs", "--pipeline", "none").stdout == "No runs.\n"
    refused = project.command("runs", "--status", "GONE")
    assert refused.returncode == 2
    assert "'SUCCESS'" in refused.stderr


def test_a_failed_run_tells_what_failed_and_where_in_the_users_code(project: Project) -> None:
    done = project.run("--set", "solids.check.config.fail=true")
    assert done.returncode == 1
    assert outcomes(done.stdout) == {**EXECUTED, "check": "failed"}
    assert f'File "{project.folder / "flights.py"}", line' in done.stderr
    assert "ValueError: 3 is too much" in done.stderr
    assert "\nError: Step 'check' failed: Solid 'check' raised: ValueError: 3 is too much\n" in done.stderr
    assert done.stderr.count("raise ValueError") == 1  # told once
    shown = project.command("runs", "show", project.run_id(done))
    assert outcomes(shown.stdout)["check"] == "failed"


def test_unknown_runs_and_steps_are_told_with_what_there_is(project: Project) -> None:
    first = project.run_id(project.run())
    project.run()
    for command in (("logs", "zzz", "clean"), ("runs", "show", "zzz")):
        refused = project.command(*command)
        assert refused.returncode == 1
        assert "No run has an id that begins with 'zzz'; `cloudstore runs` lists them." in refused.stderr
    many = project.command("runs", "show", "")
    assert "2 runs have ids that begin with" in many.stderr
    refused = project.command("logs", first, "clena")
    assert refused.returncode == 1
    assert f"Run {first} has no step 'clena'. Steps with logs: check, clean, report." in refused.stderr
    outside = project.command("logs", first, "../clean")
    assert outside.returncode == 1


def in_terminal(project: Project, *arguments: str) -> tuple[int, str]:
    """What a command shows on a terminal, and its exit code."""
    master, slave = pty.openpty()
    environment = {**project.environment(), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    command = [str(project.program), *arguments]
    with subprocess.Popen(
        command, cwd=project.folder, env=environment, stdin=slave, stdout=slave, stderr=slave
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while chunk := os.read(master, 65536):
                shown += chunk
        except OSError:
            pass  # how Linux tells that the other end was closed
        finally:
            os.close(master)
    return process.returncode, shown.decode()


def test_a_terminal_shows_a_bar_and_above_it_what_steps_print(project: Project) -> None:
    code, shown = in_terminal(project, "run", "-f", "flights.py", "-c", "config.yaml")
    assert code == 0, shown
    assert "\x1b[?25l" in shown  # the cursor is hidden while the bar moves
    assert "\x1b[?25h" in shown  # and shown again
    assert "━" * 20 in shown
    assert re.search(r"[0-3]/3", shown)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    for line in ("cleaning Months [1, 2]", "reporting é [1, 2]", "a warning of clean"):
        assert plain.count(line) == 1
    assert outcomes(plain) == EXECUTED
    assert "[1/3]" not in plain  # that is how it is told where there is no terminal


def test_settings_are_read_as_yaml_1_2(project: Project) -> None:
    done = project.run(
        "--set", "solids.clean.config.months=[010, 0o10]", "--set", "solids.clean.config.title=2024-02-30"
    )
    assert done.returncode == 0, done.stderr
    assert "cleaning 2024-02-30 [10, 8]" in project.command("logs", project.run_id(done), "clean").stdout

"""`cloudstore memo`: listing and wiping the values that memoized runs find."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from click.testing import CliRunner

from cloudstore.cli import main
from core.cli.output.text import human_bytes

if TYPE_CHECKING:
    from conftest import Project

OLD_SECONDS = 1_000_000_000.0  # in 2001
ON_DISK, IN_BUCKET = ("-f", "flights.py", "-c", "config.yaml"), ("--mode", "s3", "-c", "s3.yaml")


@pytest.fixture(params=["disk", "bucket"])
def place(request: pytest.FixtureRequest) -> tuple[Project, tuple[str, ...]]:
    """A project, and the options by which its values are on the disk or in a bucket."""
    if request.param == "disk":
        return request.getfixturevalue("project"), ON_DISK
    return request.getfixturevalue("s3_project"), (*ON_DISK, *IN_BUCKET)


def memoized(project: Project, options: tuple[str, ...], *months: int) -> list[str]:
    """The ids of memoized runs, one for each month."""
    for month in months:
        done = project.command("run", *options, "--memoize", "--set", f"solids.clean.config.months=[{month}]")
        assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(project.home / "history" / "runs.db")) as connection:
        return [run_id for (run_id,) in connection.execute("SELECT run_id FROM runs ORDER BY id")][-len(months) :]


def invoked(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As `project.command`, in this process, which takes a tenth of the time."""
    path, modules = list(sys.path), set(sys.modules)
    try:
        with contextlib.chdir(project.folder):
            done = CliRunner().invoke(main, arguments, env=project.environment())
    finally:
        sys.path[:] = path
        for name in {"flights", "two"} - modules:
            sys.modules.pop(name, None)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def memo(project: Project, command: str, options: tuple[str, ...], *more: str) -> subprocess.CompletedProcess[str]:
    done = invoked(project, "memo", command, *options, *more)
    assert done.returncode == 0, done.stderr
    return done


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def addresses(project: Project, options: tuple[str, ...], *more: str) -> set[str]:
    return {each["address"] for each in lines(memo(project, "list", options, *more))}


def wiped(project: Project, options: tuple[str, ...], *criteria: str) -> set[str]:
    """What goes; a dry run before it says the same, and deletes nothing."""
    before = addresses(project, options)
    would_go = memo(project, "wipe", options, *criteria, "--dry-run")
    assert addresses(project, options) == before
    done = memo(project, "wipe", options, *criteria, "--yes")
    assert done.stdout == would_go.stdout
    assert done.stderr == would_go.stderr.replace("would be deleted", "deleted")
    assert {each["kind"] for each in lines(done)} <= {"value"}
    gone = {each["name"] for each in lines(done)}
    assert addresses(project, options) == before - gone
    return gone


def make_old(project: Project, *steps: str) -> None:
    """Files of some steps were stored years ago."""
    for step in steps:
        for path in (project.home / "storage" / "versioned_outputs" / step).rglob("*"):
            os.utime(path, (OLD_SECONDS, OLD_SECONDS))


def set_status(project: Project, run_id: str, status: str) -> None:
    """As if the run's process were at work, or had been killed."""
    with closing(sqlite3.connect(project.home / "history" / "runs.db")) as connection, connection:
        connection.execute("UPDATE runs SET status = ? WHERE run_id = ?", (status, run_id))


def test_values_are_listed_with_their_users(place: tuple[Project, tuple[str, ...]]) -> None:
    project, options = place
    assert memo(project, "list", options).stdout == ""
    memoized(project, options, 1, 1, 2)
    done = memo(project, "list", options)
    listed = lines(done)
    assert [each["step_key"] for each in listed] == ["check"] * 2 + ["clean"] * 2 + ["report"] * 2
    for step in ("check", "clean", "report"):
        of_step = [each for each in listed if each["step_key"] == step]
        assert {each["used_by_runs"] for each in of_step} == {1, 2}
        times = [datetime.fromisoformat(each["stored_at"]) for each in of_step]
        assert times == sorted(times)  # a bucket tells whole seconds, so the times may be equal
        assert all(time.tzinfo for time in times)
    assert {(each["output_name"], each["mapping_key"]) for each in listed} == {("result", None)}
    assert all(each["address"].endswith(each["version"]) for each in listed)
    assert done.stderr == f"6 values, {human_bytes(sum(each['size_bytes'] for each in listed))}.\n"
    chosen = listed[2]
    by_version = memo(project, "list", options, "--version", chosen["version"][:8].upper())
    assert lines(by_version) == [chosen]
    assert lines(memo(project, "list", options, "--step", "clean", "--step", "check")) == listed[:4]
    none = memo(project, "list", options, "--step", "claen")
    assert none.stdout == ""
    assert none.stderr == (
        "0 values, 0 B.\nNo value of step 'claen' is stored. Steps with stored values: check, clean, report.\n"
    )


def test_what_kept_runs_used_stays_unless_it_is_asked_for(place: tuple[Project, tuple[str, ...]]) -> None:
    project, options = place
    first, finder, other = memoized(project, options, 1, 1, 2)
    everything = addresses(project, options)
    done = memo(project, "wipe", options, "--older-than", "0h", "--yes")
    assert (done.stdout, addresses(project, options)) == ("", everything)
    assert done.stderr == (
        "0 things deleted, 0 B.\nKept: 6 values: runs of this instance used them; --used deletes them too.\n"
    )
    invoked(project, "runs", "delete", first)
    assert wiped(project, options, "--older-than", "0h") == set()  # the finder uses them
    invoked(project, "runs", "delete", finder)
    gone = wiped(project, options, "--older-than", "0h")
    assert len(gone) == 3
    assert everything - gone == addresses(project, options)
    assert wiped(project, options, "--step", "clean", "--used") == addresses_of(everything - gone, "clean")
    assert wiped(project, options, "--older-than", "0h", "--used") == everything - gone - addresses_of(
        everything, "clean"
    )
    again = project.command("run", *options, "--memoize", "--set", "solids.clean.config.months=[2]")
    assert again.returncode == 0, again.stderr
    assert "memoized" not in again.stdout
    assert addresses(project, options) == everything - gone
    assert other


def addresses_of(addresses: set[str], step: str) -> set[str]:
    return {each for each in addresses if f"/{step}/" in each}


def test_what_a_run_in_progress_uses_or_may_use_stays(project: Project) -> None:
    first, second = memoized(project, ON_DISK, 1, 2)
    make_old(project, "clean", "report", "check")
    listed = lines(memo(project, "list", ON_DISK))
    set_status(project, second, "STARTED")
    done = memo(project, "wipe", ON_DISK, "--older-than", "1d", "--used", "--dry-run")
    assert len(lines(done)) == 3
    assert (
        "Kept: 3 values: a run in progress uses them, or may; if its process has died, mark the run wi" in done.stderr
    )
    assert len(wiped(project, ON_DISK, "--older-than", "1d", "--used")) == 3
    # Of another run, deleted, a value was stored just now; the one in progress may have found it.
    (third,) = memoized(project, ON_DISK, 3)
    invoked(project, "runs", "delete", third)
    assert wiped(project, ON_DISK, "--older-than", "0h", "--used") == set()
    set_status(project, second, "SUCCESS")
    assert len(wiped(project, ON_DISK, "--older-than", "0h", "--used")) == 6
    assert (len(listed), first) == (6, first)


def test_what_no_run_is_known_to_have_used_stays_for_a_day(place: tuple[Project, tuple[str, ...]]) -> None:
    project, options = place
    (run_id,) = memoized(project, options, 1)
    invoked(project, "runs", "delete", run_id)
    for criteria in (("--step", "clean"), ("--to-size", "0B"), ("--step", "clean", "--used")):
        done = memo(project, "wipe", options, *criteria, "--yes")
        count = "3 values" if "--to-size" in criteria else "1 value"
        assert done.stdout == ""
        assert (
            f"Kept: {count}: they were stored within the last day and may belong to a run on another machine; "
            in done.stderr
        )
    assert wiped(project, options, "--older-than", "1h") == set()
    assert len(wiped(project, options, "--step", "clean", "--older-than", "0min")) == 1
    if options == ON_DISK:
        make_old(project, "report", "check")
        assert len(wiped(project, options, "--step", "check", "--step", "report")) == 2


def test_criteria_are_anded(project: Project) -> None:
    memoized(project, ON_DISK, 1, 2)
    make_old(project, "clean", "report")
    listed = lines(memo(project, "list", ON_DISK))
    clean = next(each for each in listed if each["step_key"] == "clean")
    prefix = clean["version"][:10]
    for criteria in (
        ("--step", "report", "--version", prefix),
        ("--step", "check", "--older-than", "1d"),
        ("--version", "".join("0123456789abcdef"[int(digit, 16) - 1] for digit in prefix)),
    ):
        assert wiped(project, ON_DISK, *criteria, "--used") == set()
    assert wiped(project, ON_DISK, "--step", "clean", "--version", prefix, "--older-than", "2w", "--used") == {
        clean["address"]
    }


def test_the_oldest_go_until_the_rest_has_the_size(project: Project) -> None:
    memoized(project, ON_DISK, 1, 2, 3, 4)
    listed = lines(memo(project, "list", ON_DISK, "--step", "clean"))
    for years, each in enumerate(listed):
        os.utime(each["address"], (OLD_SECONDS + years * 3e7, OLD_SECONDS + years * 3e7))
    size = listed[0]["size_bytes"]
    assert {each["size_bytes"] for each in listed} == {size}
    names = [each["address"] for each in listed]
    of_clean = ("--step", "clean", "--used")
    assert wiped(project, ON_DISK, *of_clean, "--to-size", f"{4 * size}B") == set()
    assert wiped(project, ON_DISK, *of_clean, "--to-size", f"{4 * size - 1}B") == {names[0]}
    assert wiped(project, ON_DISK, *of_clean, "--to-size", f"{size}B") == set(names[1:3])
    # Those that are kept count too, and where they are too many that is said.
    done = memo(project, "wipe", ON_DISK, "--to-size", f"{size}B", "--yes")
    assert lines(done) == []
    assert "Kept: 9 values: runs of this instance used them" in done.stderr
    assert done.stderr.endswith(f"B is left, which is more than {size} B.\n")


def test_values_of_other_pipelines_in_the_place_are_seen_and_other_files_not(project: Project) -> None:
    memoized(project, ON_DISK, 1)
    folder = project.home / "storage" / "versioned_outputs"
    foreign = [
        folder / "notes.txt",
        folder / "clean" / "result" / "notes.txt",
        folder / "old" / "result" / ".partial-1",
    ]
    own = folder / "of_another_pipeline" / "result" / ("5" * 64)
    for path in (*foreign, own):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
        os.utime(path, (OLD_SECONDS, OLD_SECONDS))
    assert wiped(project, ON_DISK, "--older-than", "30d", "--used") == {str(own)}
    assert len(wiped(project, ON_DISK, "--to-size", "0B", "--used")) == 3
    assert [path for path in foreign if not path.exists()] == []
    assert not own.parent.exists()


def test_a_folder_reached_by_a_link_has_the_same_users(project: Project) -> None:
    memoized(project, ON_DISK, 1)
    make_old(project, "clean", "report", "check")
    link = project.folder / "link"
    link.symlink_to(project.home / "storage")
    options = (*ON_DISK, "--set", f"resources.io_manager.config.base_dir={link}")
    assert [each["used_by_runs"] for each in lines(memo(project, "list", options))] == [1, 1, 1]
    assert wiped(project, options, "--older-than", "1d") == set()


def test_every_io_manager_is_looked_at_once(project: Project) -> None:
    project.write(
        "two.py",
        """
from core import ModeDefinition, OutputDefinition, fs_io_manager, mem_io_manager, pipeline, solid
from core import Output, versioned_filesystem_io_manager

@solid(version="1", output_defs=[OutputDefinition(io_manager_key="a")])
def one():
    return 1

@solid(version="1", output_defs=[OutputDefinition(io_manager_key="b"), OutputDefinition(name="c", io_manager_key="c")])
def two():
    yield Output(2)
    yield Output(3, "c")

a = versioned_filesystem_io_manager.configured({"base_dir": "a"})
b = versioned_filesystem_io_manager.configured({"base_dir": "b"})
both = ModeDefinition("both", resource_defs={"a": a, "b": b, "c": a, "io_manager": fs_io_manager})
none = ModeDefinition("none", resource_defs={"a": mem_io_manager, "b": mem_io_manager, "c": fs_io_manager})

@pipeline(mode_defs=[both, none])
def numbers():
    one()
    two()
""",
    )
    options = ("-f", "two.py")
    assert project.command("run", *options, "--memoize").returncode == 0
    listed = lines(memo(project, "list", options))
    assert [(each["step_key"], each["output_name"]) for each in listed] == [
        ("one", "result"), ("two", "c"), ("two", "result")
    ]  # fmt: skip
    assert [Path(each["address"]).relative_to(project.folder).parts[0] for each in listed] == ["a", "a", "b"]
    assert len(wiped(project, options, "--to-size", "0B", "--used")) == 3
    refused = invoked(project, "memo", "list", *options, "--mode", "none")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "No output of pipeline 'numbers' in mode 'none' has an IO manager that keeps values by ver" in refused.stderr
    assert "its IO managers are: a, b, c." in refused.stderr


def test_wiping_asks_before(project: Project) -> None:
    memoized(project, ON_DISK, 1)
    unasked = invoked(project, "memo", "wipe", *ON_DISK, "--step", "clean", "--used")
    assert (unasked.returncode, unasked.stdout) == (2, "")
    assert re.search(r"Nothing was deleted\. Add --yes to delete 1 value, \d+ B, or --dry-run to list", unasked.stderr)
    command = ("memo", "wipe", *ON_DISK, "--step", "clean", "--used")
    shown = in_terminal(project, "n\n", *command)
    assert re.search(r"Delete 1 value, \d+ B\? \[y/N\]: ", shown)
    assert len(addresses(project, ON_DISK)) == 3
    shown = in_terminal(project, "y\n", *command)
    assert re.search(r"value {8}/.*/clean/result/[0-9a-f]{64}  \d+ B\r$", shown, re.MULTILINE)
    assert len(addresses(project, ON_DISK)) == 2
    assert "0 things deleted, 0 B." in in_terminal(project, "", *command)  # nothing to ask


def test_a_terminal_of_80_columns_shows_a_table(project: Project) -> None:
    memoized(project, ON_DISK, 1)
    odd = project.home / "storage" / "versioned_outputs" / "odd%1B[31m" / "result" / "[b]" / ("e" * 64)
    odd.parent.mkdir(parents=True)
    odd.write_bytes(b"x" * 2048)
    shown = in_terminal(project, "", "memo", "list", *ON_DISK)
    assert max(map(len, shown.splitlines())) <= 80
    assert re.search(r"│ clean +│ result +│ [0-9a-f]{8} │ +\d+ B │ \d{4}-\d\d-\d\d \d\d:\d\d │ +1 │", shown)
    assert re.search(r"│ odd\\x1b\[31m +│ result\[\[b\]\] +│ e{8} │ 2\.0 KiB │ .* │ +0 │", shown)
    assert re.search(r"^4 values, \d\.\d KiB\.\r$", shown, re.MULTILINE)


def in_terminal(project: Project, answer: str, *arguments: str) -> str:
    master, slave = pty.openpty()
    environment = {**project.environment(), "TERM": "dumb", "COLUMNS": "80"}
    command = [str(project.program), *arguments]
    shown = b""
    with subprocess.Popen(command, cwd=project.folder, env=environment, stdin=slave, stdout=slave, stderr=slave):
        os.close(slave)
        os.write(master, answer.encode())
        try:
            while chunk := os.read(master, 65536):
                shown += chunk
        except OSError:
            pass  # how Linux tells that the other end was closed
        finally:
            os.close(master)
    return shown.decode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Select values with --step, --version, --older-than or --to-size."),
        (("--used", "--yes"), "Select values with --step, --version, --older-than or --to-size."),
        (("--step", ""), "Invalid value for '--step': must not be empty."),
        (("--version", ""), "Invalid value for '--version': must not be empty."),
        (("--older-than", "30"), "'30' is not an age; write a number with min, h, d or w, such as 12h or 30d."),
        (("--older-than", "-1d"), "'-1d' is not an age"),
        (("--older-than", "1m"), "'1m' is not an age"),
        (("--to-size", "10"), "'10' is not a size; write a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB."),
        (("--to-size", "tenGB"), "'tenGB' is not a size"),
    ],
    ids=repr,
)
def test_what_says_nothing_deletes_nothing(project: Project, arguments: tuple[str, ...], said: str) -> None:
    refused = invoked(project, "memo", "wipe", *ON_DISK, *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in refused.stderr


def test_ages_and_sizes_of_any_length_are_taken(project: Project) -> None:
    memoized(project, ON_DISK, 1)
    many = "9" * 400
    assert wiped(project, ON_DISK, "--older-than", f"{many}w", "--to-size", f"{many} TiB", "--used") == set()
    assert wiped(project, ON_DISK, "--older-than", "0.5 H", "--used") == set()
    assert len(wiped(project, ON_DISK, "--to-size", "0.001kib", "--used")) == 3


def test_without_a_home_it_is_not_known_what_is_used(project: Project) -> None:
    for command in (("list",), ("wipe", "--older-than", "1d", "--yes")):
        refused = project.command("memo", *command, *ON_DISK, with_home=False)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "$DAGSTER_HOME is not set" in refused.stderr


def test_a_bucket_that_refuses_is_named(s3_project: Project) -> None:
    options = (*ON_DISK, *IN_BUCKET)
    memoized(s3_project, options, 1)
    s3_project.variables["STORE_SECRET"] = "wrong"
    refused = invoked(s3_project, "memo", "list", *options)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert s3_project.variables["STORE_BUCKET"] in refused.stderr
    assert "Traceback" not in refused.stderr


def test_objects_of_others_in_the_bucket_stay(s3_project: Project) -> None:
    options = (*ON_DISK, *IN_BUCKET)
    memoized(s3_project, options, 1)
    names = s3_project.variables
    client = boto3.client(
        "s3",
        endpoint_url=names["STORE_URL"],
        aws_access_key_id=names["STORE_KEY"],
        aws_secret_access_key=names["STORE_SECRET"],
        region_name="us-east-1",
    )
    keys = ["dagster/versioned_outputs/clean/result/notes.txt", "dagster/versioned_outputs/x", "dagster/storage/a/b/c"]
    for key in keys:
        client.put_object(Bucket=names["STORE_BUCKET"], Key=key, Body=b"x")
    assert len(wiped(s3_project, options, "--to-size", "0B", "--used")) == 3
    left = client.list_objects_v2(Bucket=names["STORE_BUCKET"])["Contents"]
    assert {each["Key"] for each in left} == set(keys)


NEEDY = """
from core import ModeDefinition, StringSource, make_values_resource, pipeline, resource, solid
from core import versioned_filesystem_io_manager

@resource(config_schema={"password": StringSource})
def db(context):
    raise RuntimeError("started in vain")

@solid(config_schema={"months": [int]}, required_resource_keys={"db"}, version="1")
def clean(context):
    return 1

@pipeline(mode_defs=[ModeDefinition("m", {"db": db, "io_manager": versioned_filesystem_io_manager})])
def needy():
    clean()
"""


def test_only_config_of_io_managers_is_asked_for(project: Project) -> None:
    project.write("needy.py", NEEDY)
    memoized(project, ON_DISK, 1)
    whole = ["solids: {clean: {config: {months: {env: NOT_SET}}}}", "resources: {db: {config: {password: {env: NO}}}}"]
    project.write("whole.yaml", "\n".join(whole))
    for command in (["memo", "list"], ["memo", "wipe", "--older-than", "0h", "--dry-run"]):
        for arguments in (["-f", "flights.py"], ["-f", "needy.py"], ["-f", "needy.py", "-c", "whole.yaml"]):
            done = project.command(*command, *arguments)
            assert done.returncode == 0, done.stderr
    assert project.command("doctor", "-f", "needy.py").returncode == 0
    listed = project.command("memo", "list", "-f", "needy.py", "--step", "clean").stdout
    assert [json.loads(line)["step_key"] for line in listed.splitlines()] == ["clean"]


def test_config_of_io_managers_is_checked(project: Project) -> None:
    wrong = project.command("memo", "list", "-f", "flights.py", "--set", "resources.io_manager.config.base_dirr=x")
    assert wrong.returncode == 1
    assert "resources.io_manager.config.base_dirr: unknown key 'base_dirr'; did you mean 'base_dir'?" in wrong.stderr
    unknown = project.command("memo", "list", "-f", "flights.py", "--set", "resources.io_managr.config.base_dir=x")
    assert unknown.returncode == 1
    assert "did you mean 'io_manager'?" in unknown.stderr
    elsewhere = project.command(
        "memo", "list", "-f", "flights.py", "--set", f"resources.io_manager.config.base_dir={project.folder / 'x'}"
    )
    assert elsewhere.returncode == 0
    assert elsewhere.stderr == "0 values, 0 B.\n"

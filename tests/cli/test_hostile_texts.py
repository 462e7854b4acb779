"""Texts of others in every field that commands print: none acts on the terminal, is markup, or makes a command fail."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudstore.testing import EmbeddedS3Server
from core import DagsterInstance
from core.disk.paths import file_name
from core.events.payloads import (
    ComputeLogsCaptureData,
    HandledOutputData,
    MemoizedOutput,
    PipelineFailureData,
    PlanVersionedData,
    StepFailureData,
    StepMemoizedData,
    StepSuccessData,
    VersionedStep,
)
from core.events.records import DagsterEvent, EventLogEntry
from core.records.pipeline_run import PipelineRun, PipelineRunStatus
from core.records.tags import EVENTS_PRUNED_TAG, MEMOIZED_RUN_TAG
from core.serdes import SerializableErrorInfo
from core.usage import Usage

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from conftest import Project

EXAMPLES = 40 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 0

OURS = re.compile(r"\x1b\[(?:0|1|2|31|32|33|36|1;31|1;36|39)?m")  # the styles of our tables; 1;36 is rich's for numbers
# What a bar or a spinner needs besides; never the styles of the texts below.
OF_PROGRESS = re.compile(r"\x1b\[(?!35|5m)(?:[0-9;]*m|\?25[lh]|2K|1A)|\r")

ESCAPES = ("\x1b[35;5mx", "\x1b]0;pwned\x07", "\x1bc", "\x9b35m", "\x9d0;pwned\x9c", "\x00", "\b\b\b", "\r", "\x7f")
MARKUP = ("[/nonsense]", "[blink]", "[link=http://x]y[/link]", "[bold", "[/]", ":smile:", "[magenta on green]z[/]")
TURNING = ("\u202e", "\u2066", "\u200f", "\u2028", "\ufeff", "\U000e0041")
PLAIN = (
    "a",
    "é",
    "日本",
    "🙂",
    "\\x1b",
    "%1b%5d",
    "%zz%ff",
    "{env: X}",
    "$(x)",
    "'\"",
    "\t",
    "\n",
    "\n  Error: forged",
)
TEXTS = st.lists(st.sampled_from([*ESCAPES, *MARKUP, *TURNING, *PLAIN]) | st.characters(exclude_categories=["Cs"]))
ALL_AT_ONCE = "".join([*MARKUP[:1], *ESCAPES, *TURNING, *PLAIN]).replace("\0", "")  # which no argument can have


def check_shown(done: CompletedProcess[str], allowed: re.Pattern[str] = OURS, code: int | None = 0) -> str:
    """What a terminal showed, after a check that nothing in it but our own styles acts on a terminal."""
    assert code is None or done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout
    shown = allowed.sub("", done.stdout)
    assert [each for each in shown if not each.isprintable() and each not in "\n\t"] == [], repr(shown)
    return shown


def check_printed(done: CompletedProcess[str], code: int | None = 0) -> None:
    """What another program gets: lines without anything that acts on a terminal, and no line that is not ours."""
    assert code is None or done.returncode == code, done.stdout + done.stderr
    for text in (done.stdout, done.stderr):
        assert [each for each in text if not each.isprintable() and each not in "\n\t"] == [], repr(text)
        assert "Traceback" not in text


def hostile_instance(home: Path, text: str) -> list[str]:
    """Stores runs that have the text in every field, and returns their ids."""

    def entry(run: PipelineRun, kind: str, step_key: str | None, data: Any, error: bool = False) -> EventLogEntry:
        event = DagsterEvent(kind, run.pipeline_name, text, step_key, step_key, data)
        info = SerializableErrorInfo(text, (text,), text) if error else None
        return EventLogEntry(info, text, 10, text, run.run_id, 1.0, step_key, run.pipeline_name, event)

    usage = Usage(requests=3, bytes_sent=5)
    found = MemoizedOutput(text or "r", text, text, text, mapping_key=text)
    facts = {f"config {text}": text, f"input {text}": f"from {text} {text}", "version": text}
    steps = [
        VersionedStep(key, text, (text,), facts, {text: text} if key != "u" else {}, text if key == "u" else "")
        for key in (f"x{text}", f"y{text}", f"z{text}", "u")
    ]
    solids = {text: {"definition": text, "version": text, f"code {text}": text}}
    ids = []
    with DagsterInstance.from_config(str(home)) as instance:
        for number in range(3):
            changed = {name: {**fact, "version": f"{number}{text}"} for name, fact in solids.items()}
            plan = PlanVersionedData(tuple(steps), changed, {text: {f"config {text}": f"{number}"}}, (), {"u": text})
            run = PipelineRun(
                text,
                run_id=run_id(f"{number}", text[number * 20 :]),
                mode=text,
                status=PipelineRunStatus.STARTED if number else PipelineRunStatus.FAILURE,
                tags={text or "t": text, MEMOIZED_RUN_TAG: "true"},
            )
            ids.append(instance.add_run(run).run_id)
            instance.handle_new_events(
                [
                    entry(run, "PLAN_VERSIONED", None, plan),
                    entry(run, "LOGS_CAPTURED", f"x{text}", ComputeLogsCaptureData(text, (f"x{text}",))),
                    entry(run, "STEP_SUCCESS", f"x{text}", StepSuccessData(5.0, usage)),
                    entry(run, "HANDLED_OUTPUT", f"x{text}", HandledOutputData(text, text, text, text)),
                    entry(run, "STEP_MEMOIZED", f"y{text}", StepMemoizedData((found,))),
                    entry(run, "STEP_FAILURE", f"z{text}", StepFailureData(None, 1.0, usage), error=True),
                    entry(run, "PIPELINE_FAILURE", None, PipelineFailureData(None, 5.0, usage)),
                ]
            )
        pruned = PipelineRun(text, run_id=run_id("p", text), tags={EVENTS_PRUNED_TAG: text, MEMOIZED_RUN_TAG: "true"})
        ids.append(instance.add_run(pruned).run_id)
        going = PipelineRun(text, run_id=run_id("g", text[-40:]), status=PipelineRunStatus.STARTED)
        ids.append(instance.add_run(going).run_id)
    return ids


def commands(ids: list[str], text: str) -> Iterator[tuple[list[str], int | None]]:
    """Every command that reads an instance, and its exit code; None where it depends on the text."""
    first, second, _, pruned, going = ids
    ends = ["--"]
    yield ["runs"], 0
    yield ["runs", "--pipeline", text], 0
    yield ["explain", "--json", *ends, first], 0
    yield ["runs", "--verbose"], 0
    yield ["runs", "--json"], 0
    yield ["runs", "show", "--json", *ends, first], 0
    yield ["explain", "--verbose", *ends, first], 0
    for step in (f"x{text}", f"y{text}", f"z{text}"):
        yield ["value", *ends, first, step], 1  # there is no such file
    yield ["value", *ends, first, f"x{text}", text or "none"], 1
    yield ["value", *ends, pruned, f"x{text}"], 1
    for run_id in (first, second, pruned, going):
        yield ["runs", "show", *ends, run_id], 0
        yield ["explain", *ends, run_id], 0
    yield ["explain", *ends, first, f"z{text}"], 0
    yield ["explain", *ends, first, text or "none"], None
    yield ["runs", "show", *ends, f"{text}?"], 1
    for step in (f"x{text}", f"y{text}", text or "none"):
        yield ["logs", *ends, first, step], None
    yield ["logs", *ends, pruned, text], None
    yield ["runs", "cancel", *ends, first], None
    yield ["runs", "cancel", *ends, going], 1  # no process of this machine executes it
    yield ["runs", "cancel", "--force", *ends, going], 0
    yield ["runs", "delete", "--dry-run", *ends, first], 0
    yield ["runs", "delete", *ends, second], 0
    yield ["instance", "prune", "--dry-run"], None
    yield ["instance", "migrate"], 0


def run_id(prefix: str, text: str) -> str:
    """An id that a file can be named by, with as much of the text as that allows."""
    while len(quote(text)) > 150:
        text = text[:-1]
    return f"{prefix}{text}"


def check_instance(project: Project, text: str, on_terminal: bool) -> None:
    shutil.rmtree(project.home, ignore_errors=True)
    project.home.mkdir()
    ids = hostile_instance(project.home, text)
    for arguments, code in commands(ids, text):
        if on_terminal:
            check_shown(project.on_terminal(*arguments), code=code)
        else:
            check_printed(project.command(*arguments), code)


@pytest.mark.parametrize("on_terminal", [True, False], ids=["terminal", "pipe"])
def test_texts_in_a_stored_instance_are_shown_as_they_are(project: Project, on_terminal: bool) -> None:
    check_instance(project, ALL_AT_ONCE, on_terminal)


@pytest.mark.skipif(not EXAMPLES, reason="make test-faults draws the texts")
@pytest.mark.parametrize("on_terminal", [True, False], ids=["terminal", "pipe"])
@settings(max_examples=EXAMPLES or 1, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=TEXTS)
def test_drawn_texts_in_a_stored_instance(project: Project, on_terminal: bool, parts: list[str]) -> None:
    check_instance(project, "".join(parts).replace("\0", ""), on_terminal)


HOSTILE_PIPELINE = """
from core import *
from core import versioned_filesystem_io_manager

TEXT = {text!r}

@solid(version="1", config_schema={{"a": Field(str, default_value=TEXT)}})
def first(context):
    context.log.warning("log " + TEXT)
    return TEXT

@solid
def second(context, before):
    raise ValueError(TEXT)

@pipeline(
    mode_defs=[ModeDefinition(resource_defs={{"io_manager": versioned_filesystem_io_manager}})],
    tags={{"t": TEXT, "dagster/is_memoized_run": "true"}},
)
def flights():
    second(first())
"""


def test_a_run_whose_texts_are_hostile(project: Project) -> None:
    project.write("hostile.py", HOSTILE_PIPELINE.format(text=ALL_AT_ONCE))
    assert "[/nonsense]" in check_shown(project.on_terminal("run", "-f", "hostile.py"), OF_PROGRESS, 1)
    check_printed(project.command("run", "-f", "hostile.py"), 1)
    for name in ("plan", "memo list", "doctor"):
        check_shown(project.on_terminal(*name.split(), "-f", "hostile.py"), OF_PROGRESS)
        check_printed(project.command(*name.split(), "-f", "hostile.py"))


def test_colours_of_a_log_are_shown_on_a_terminal_and_nothing_else_that_acts(project: Project) -> None:
    text = f"\x1b[32mgreen\x1b[0m {ALL_AT_ONCE}"
    project.write(
        "loud.py", f"from core import *\n@solid\ndef s(_):\n    print({text!r})\n@pipeline\ndef p():\n    s()\n"
    )
    run_id = project.run_id(project.command("run", "-f", "loud.py"))
    shown = project.on_terminal("logs", run_id, "s").stdout
    assert shown.startswith("\x1b[32mgreen\x1b[0m [/nonsense]\x1b[35;5mx\\x1b]0;pwned\\x07")
    assert shown.endswith("\x1b[0m")
    check_shown(project.on_terminal("logs", run_id, "s"), re.compile(r"\x1b\[[0-9;]*m"))
    for raw in (project.command("logs", run_id, "s"), project.on_terminal("logs", "--raw", run_id, "s")):
        assert raw.stdout.replace("\r", "\n") == f"{text}\n".replace("\r", "\n")  # a text file's newlines are all one


def test_values_that_somebody_stored_under_such_names(project: Project) -> None:
    named = [*MARKUP, *ESCAPES, *TURNING, *PLAIN]
    for at, name in enumerate(named):
        folder = (
            project.home / "storage" / "versioned_outputs" / file_name(name, "step") / file_name(named[-at], "output")
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{at:064x}").write_bytes(b"x")
        (folder / os.fsdecode(b"\xff\x1b[35m")).write_bytes(b"x")
    for arguments in (
        ["memo", "list"],
        ["memo", "wipe", "--older-than", "0h", "--dry-run"],
        ["memo", "list", "--step", ALL_AT_ONCE],
    ):
        listed = [*arguments, "-f", "flights.py", "-c", "config.yaml"]
        check_shown(project.on_terminal(*listed))
        done = project.command(*listed)
        check_printed(done)
        for line in done.stdout.splitlines():
            json.loads(line)
    names = {
        json.loads(line)["name"]
        for line in project.command(
            "memo", "wipe", "--older-than", "0h", "--dry-run", "-f", "flights.py", "-c", "config.yaml"
        ).stdout.splitlines()
    }
    assert len(names) == len(named)


@pytest.mark.parametrize(
    "arguments",
    [
        ["{}"], ["--{}"], ["runs", "{}"], ["runs", "--{}", "x"], ["runs", "--limit", "{}"], ["runs", "--status", "{}"],
        ["run", "-f", "{}"], ["run", "-f", "flights.py", "-a", "{}"], ["run", "-f", "flights.py", "--mode", "{}"],
        ["run", "-f", "flights.py", "-c", "{}"], ["run", "-f", "flights.py", "--set", "{}"],
        ["run", "-f", "flights.py", "--set", "solids.{}=1"],
        ["run", "-f", "flights.py", "--set", "solids.{}=[x"], ["run", "-f", "flights.py", "--set", "solids.clean={}"],
        ["run", "-f", "flights.py", "-c", "config.yaml", "--refresh", "{}", "--memoize"],
        ["memo", "wipe", "-f", "flights.py", "--older-than", "{}"],
        ["memo", "wipe", "-f", "flights.py", "--to-size", "{}"],
        ["run", "-m", "{}"], ["port", "{}"], ["value", "{}", "{}"],
        ["doctor", "--bucket", "{}"], ["doctor", "--bucket", "b", "--endpoint-url", "{}"],
        ["dev-server", "--dir", "flights.py/{}"], ["dev-server", "--port", "{}"], ["logs", "{}"], ["instance", "{}"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_wrong_with_an_argument(project: Project, arguments: list[str]) -> None:
    text = f"{ALL_AT_ONCE}\udcff".replace("\n", "")
    done = project.on_terminal(*(each.format(text) for each in arguments))
    assert done.returncode in (1, 2), done.stdout
    check_shown(done, OF_PROGRESS, None)


@pytest.mark.parametrize(
    ("name", "content", "is_config"),
    [
        ("{}.yaml", "a: [", True),
        ("{}.yaml", "a: 1\na: 2", True),
        ("{}.yaml", "- a", True),
        ("{}.yaml", "solids: {x: 1}", True),
        ("{}.yaml/x", None, True),
        ("{}.py", "x = 1", False),
        ("{}.txt", "x = 1", False),
    ],
)
def test_what_is_wrong_with_a_file_of_such_a_name(
    project: Project, name: str, content: str | None, is_config: bool
) -> None:
    name = name.format("a\nError: forged\x1b[31m")
    if content is not None:
        project.write(name, content)
    done = project.command("run", "-f", *(("flights.py", "-c", name) if is_config else (name,)))
    check_printed(done, 1)
    assert done.stderr.count("\nError: ") + done.stderr.startswith("Error: ") == 1
    assert r"a\nError: forged\x1b[31m" in done.stderr


def test_a_home_with_such_a_name(project: Project) -> None:
    home = project.folder / os.fsdecode(b"\xff\x1b[35;5m[/nonsense]\n")
    (home / "storage").mkdir(parents=True)
    project.variables["DAGSTER_HOME"] = str(home)
    (home / "dagster.yaml").write_text(f"{{'{MARKUP[0]}': 1, \"\\e[35m\": 2}}")
    check_shown(project.on_terminal("runs"), code=1)
    (home / "dagster.yaml").unlink()
    assert "is not UTF-8" in check_shown(project.on_terminal("doctor"), OF_PROGRESS, 1)


@pytest.mark.parametrize(
    "run_ids",
    [("%1b%5d0;pwned%07", "%zz%ff", "%0aError:%20forged"), ("%ff", "%ed%b0%80", "[/nonsense]%e2%80%ae")],
    ids=["first", "second"],
)
def test_metadata_of_an_object_that_somebody_wrote(
    s3_project: Project, bucket: str, s3_server: EmbeddedS3Server, run_ids: tuple[str, ...]
) -> None:
    run = ["run", "-f", "flights.py", "-c", "config.yaml", "--mode", "s3", "-c", "s3.yaml", "--memoize"]
    assert s3_project.command(*run).returncode == 0
    client = s3_server.client()
    for found, run_id in zip(client.list_objects_v2(Bucket=bucket)["Contents"], run_ids, strict=True):
        place = {"Bucket": bucket, "Key": found["Key"]}
        metadata = client.head_object(**place)["Metadata"] | {"cloudstore-run-id": run_id, "cloudstore-bytes": "1"}
        client.copy_object(**place, CopySource=place, Metadata=metadata, MetadataDirective="REPLACE")
    shutil.rmtree(s3_project.home)  # an instance that knows the objects would not ask for them
    done = s3_project.command(*run)
    check_printed(done)
    assert done.stderr.count("were stored by ") == 3
    unreadable = run_ids.count("%zz%ff") + run_ids.count("%ff")
    assert done.stderr.count("were stored by an unknown run.") == unreadable

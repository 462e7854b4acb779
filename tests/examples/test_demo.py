"""The demo does what it says, as functions and as a command, and leaves nothing running when it is interrupted."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from cloudstore.testing import EmbeddedS3Server
from examples.flights import demo
from tests.examples.conftest import environment

COMMAND = [sys.executable, "-m", "examples.flights.demo"]

ALL_STEPS = {
    *("ingest", "read_flights", "read_weather", "read_lookups", "clean_flights", "join_flights"),
    *("delays_by_carrier", "delays_by_hour", "delays_by_weather", "draw_chart", "summarize"),
}
RAW_FILES = 5
VALUES_OF_THE_COLD_RUN = 16  # five raw files' handles, two outputs of clean_flights, one of each other step


def test_the_demo_shows_what_it_says(s3_server: EmbeddedS3Server, bucket: str, tmp_path: Path) -> None:
    shown = tmp_path / "shown.txt"
    with shown.open("w", encoding="utf-8") as stream, demo.demo_environment(s3_server, bucket, tmp_path):
        runs = demo.run_four_times(Console(file=stream, width=100), tmp_path)
        anew = demo.run_without_memoization()
        listed = demo.list_bucket(s3_server, bucket)
        lines = demo.last_lines_from_bucket(bucket, runs[0].result.run_id, tmp_path)
        chart = demo.fetch_chart(s3_server, runs[0].result, tmp_path / "charts" / "chart.png")
        summaries = [run.result.output_for_solid("summarize") for run in runs]
        expected = anew.output_for_solid("summarize")
        claims_that_fail = demo.check_claims(runs, anew)
        claims_that_fail_out_of_order = demo.check_claims(runs[::-1], anew)

    # Which steps each run executed.
    assert all(run.result.success for run in runs)
    executed = [set(run.result.executed_step_keys) for run in runs]
    assert executed == [
        ALL_STEPS,
        set(),
        {"delays_by_carrier", "draw_chart", "summarize"},
        {"delays_by_weather", "draw_chart", "summarize"},
    ]
    memoized = [set(run.result.memoized_step_keys) for run in runs]
    assert memoized == [ALL_STEPS - each for each in executed]
    assert set(anew.executed_step_keys) == ALL_STEPS
    assert claims_that_fail == []
    assert "the unchanged run executed no step" in claims_that_fail_out_of_order

    # What they found.
    assert summaries[0] == summaries[1] == summaries[3] == expected
    assert summaries[2] != expected  # fewer carriers
    assert expected["departures"] == 328_492  # 336,776 less 8,255 cancelled and 29 postponed

    # What is in the bucket, and where.
    addresses = [address for objects in listed.values() for address, _size in objects]
    assert len(addresses) == len(set(addresses))
    for kind, objects in listed.items():
        assert objects
        assert all(address.startswith(f"s3://{bucket}/flights/{kind}/") and size > 0 for address, size in objects)
    assert len(listed["values"]) == VALUES_OF_THE_COLD_RUN + len(executed[2]) + len(executed[3])
    assert len(listed["files"]) == RAW_FILES + 3  # a chart of each run that drew one
    logged = {address.rpartition("/")[2] for address, _size in listed["logs"]}
    assert {f"{step}.out" for step in ALL_STEPS} <= logged

    # What a step printed, read back from the bucket.
    assert any("Fair" in line for line in lines)
    assert any("flights" in line and "mean_delay" in line for line in lines)

    png = chart.read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (1560, 960)
    table = shown.read_text("utf-8")
    assert [table.count(f"{number}. ") for number in (1, 2, 3, 4)] == [1, 1, 1, 1]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Of the command's environment; its temporary files are in `tmp`."""
    (tmp_path / "tmp").mkdir()
    return {**environment(tmp_path / "tmp"), "COLUMNS": "120"}


def test_the_command_prints_plain_lines_and_leaves_the_chart(tmp_path: Path, variables: dict[str, str]) -> None:
    done = subprocess.run(
        COMMAND,
        cwd=tmp_path,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    assert done.stderr.count("executed") == 11 + 0 + 3 + 3
    assert done.stderr.count("memoized") == 0 + 11 + 8 + 8
    assert "s3://flights/flights/values/" in done.stdout
    assert "equals that of a run without memoization" in done.stdout
    chart = tmp_path / ".demo" / "flight-delays.png"
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert done.stdout.endswith(f"The chart: {chart}\n")
    assert list((tmp_path / "tmp").iterdir()) == []


def descendants(pid: int) -> set[int]:
    """The process ids of a process's children, theirs, and so on."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            children = {int(child) for child in task.read_text("ascii").split()} - found
            found |= children
            waiting.extend(children)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_ctrl_c_in_the_middle_leaves_no_process_and_no_file(tmp_path: Path, variables: dict[str, str]) -> None:
    with subprocess.Popen(
        COMMAND,
        cwd=tmp_path,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's background jobs
    ) as process:
        assert process.stderr is not None
        assert "ingest" in process.stderr.readline()  # the first step has ended, ten are to come
        children = descendants(process.pid)
        ends = [os.pidfd_open(pid) for pid in children]
        try:
            assert any(Path(f"/proc/{pid}/comm").read_text() == "weed\n" for pid in children)
            process.send_signal(signal.SIGINT)
            said = process.stderr.read()
            assert process.wait(60) == 130, said
            assert select.select(ends, [], [], 0)[0] == ends  # each has ended already
        finally:
            process.kill()
            for end in ends:
                os.close(end)
    assert said.endswith("Interrupted.\n")
    assert "Traceback" not in said
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / ".demo").exists()

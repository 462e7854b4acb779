"""Which measures are taken, of which engines, and how often."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import figures
from benchmarks.peers import PEER_PYTHON
from benchmarks.storages.engine import log_name
from benchmarks.storages.filling import EVENT_TABLES, analyze, fill_log, fill_logs_in_postgres, fill_runs
from benchmarks.storages.server import NewDatabase

OURS, BARE, PEER = "cloudstore", "bare sqlite3", "dagster"
_LONGEST_SECONDS = 120  # of one program of the peer
_LOGS = (10_000, 100_000, 1_000_000)
_POSTGRES_LOGS = (100_000, 99_999)  # in one table: the second one is what comes after the end of the first
_RUNS = 100_000

Figures = dict[str, float]


@dataclass(frozen=True)
class Program:
    """A measure.

    Attributes:
        measure: its name in measure.py.
        size: how many.
        peer_size: how many for the peer, where `size` would take it too long.
        repeats: the number of measurements of which the median is taken.
        has_bare: whether bare SQLite is measured too.
        is_filled: whether it is of the filled instance, not of a new one.
        is_postgres: whether it is on PostgreSQL.
        is_analyzed: whether PostgreSQL has made its statistics before.
    """

    measure: str
    size: int
    peer_size: int | None = None
    repeats: int = 1
    has_bare: bool = False
    is_filled: bool = False
    is_postgres: bool = False
    is_analyzed: bool = False

    def engines(self, has_peer: bool) -> list[str]:
        """Those that are measured."""
        return [OURS, *([BARE] if self.has_bare else []), *([PEER] if has_peer else [])]

    def size_for(self, engine: str) -> int:
        """How many for an engine."""
        return self.peer_size if engine == PEER and self.peer_size else self.size


PROGRAMS = {
    "runs": Program("runs", 4_000, 1_000, repeats=3, has_bare=True),
    "step": Program("step", 40_000, 1_000, repeats=3, has_bare=True),
    "step on PostgreSQL": Program("step", 40_000, 1_000, repeats=3, is_postgres=True),
    "newest": Program("newest", _RUNS, repeats=3, is_filled=True),
    "paging": Program("paging", 100_000, repeats=3, is_filled=True),
    "paging on PostgreSQL": Program("paging", 100_000, repeats=3, is_filled=True, is_postgres=True),
    "paging on PostgreSQL, analyzed": Program(
        "paging", 100_000, repeats=3, is_filled=True, is_postgres=True, is_analyzed=True
    ),
    "memory of 10,000": Program("memory", 10_000, is_filled=True),
    "memory of 1,000,000": Program("memory", 1_000_000, is_filled=True),
    "processes": Program("processes", 20),
    "kills": Program("kills", 200, 40),
}


class Measuring:
    """Runs programs; everything that they make is in one directory.

    Args:
        directory: an empty one.
        new_database: makes an empty PostgreSQL database.
        has_peer: whether the peer is measured too.
    """

    def __init__(self, directory: Path, new_database: NewDatabase, has_peer: bool) -> None:
        self._directory = directory
        self._new_database = new_database
        self._engines = [OURS, PEER] if has_peer else [OURS]
        self._urls = {engine: new_database() for engine in self._engines}  # of the filled databases

    def fill(self) -> None:
        """Makes an instance with 100,000 runs and with logs of three lengths, and one with two logs on PostgreSQL."""
        for engine in self._engines:
            filled = self._directory / engine
            for size in (0, *_LOGS):
                self._run(engine, "template", filled, size)
            fill_runs(filled, _RUNS)
            for size in _LOGS:
                path = filled / "history" / "runs" / f"{log_name(size)}.db"
                fill_log(path, EVENT_TABLES[engine], log_name(size), size)
            for size in _POSTGRES_LOGS:
                self._run(engine, "template", self._directory / f"{engine}-postgres", size, self._urls[engine])
            fill_logs_in_postgres(
                self._urls[engine], EVENT_TABLES[engine], {log_name(size): size for size in _POSTGRES_LOGS}
            )

    def analyze(self) -> None:
        """Makes the statistics of the filled PostgreSQL databases."""
        for engine in self._engines:
            analyze(self._urls[engine], EVENT_TABLES[engine])

    def medians(self, program: Program) -> dict[str, Figures | str]:
        """The figures of each engine, or the reason why there are none; the engines are measured in turn."""
        if program.is_analyzed:
            self.analyze()
        found: dict[str, list[Figures]] = {engine: [] for engine in program.engines(PEER in self._engines)}
        failed: dict[str, str] = {}
        for _ in range(program.repeats):
            for engine in [each for each in found if each not in failed]:
                try:
                    found[engine].append(self._measured(engine, program))
                except subprocess.TimeoutExpired as error:
                    failed[engine] = f"over {error.timeout:.0f} s"
                except subprocess.CalledProcessError as error:
                    failed[engine] = f"failed: {error.stderr.strip().splitlines()[-1]}"
        return {engine: failed.get(engine) or _medians(runs) for engine, runs in found.items()}

    def _measured(self, engine: str, program: Program) -> Figures:
        size = program.size_for(engine)
        if program.is_filled:
            url = self._urls[engine] if program.is_postgres else ""
            directory = self._directory / (f"{engine}-postgres" if program.is_postgres else engine)
            return self._run(engine, program.measure, directory, size, url)
        with tempfile.TemporaryDirectory(dir=self._directory) as directory_name:
            url = self._new_database() if program.is_postgres else ""
            return self._run(engine, program.measure, Path(directory_name), size, url)

    @staticmethod
    def _run(engine: str, measure: str, directory: Path, size: int, postgres_url: str = "") -> Figures:
        python = PEER_PYTHON if engine == PEER else sys.executable
        arguments = [measure, engine, str(directory), str(size), postgres_url]
        command = [python, "-m", "benchmarks.storages.measure", *arguments]
        found: Figures = figures(command, _LONGEST_SECONDS if engine == PEER else None)
        return found


def _medians(runs: list[Figures]) -> Figures:
    return {name: statistics.median(each[name] for each in runs) for name in runs[0]}

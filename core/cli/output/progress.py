"""The progress of a run: a bar on a terminal, one line per step elsewhere."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn
from rich.text import Text

from core.cli.output.text import human_bytes
from core.compute_logs.capturing.captured_stream import Echo, shown_nowhere
from core.compute_logs.manager import ComputeLogManager
from core.definitions.logger import showing_failures
from core.events.records import DagsterEvent
from core.instance import DagsterInstance
from core.printable import PrintableOutput, printable, printable_lines
from core.views.steps import StepReport, step_report


class RunProgress:
    """Follows the events of a run. This class shows only a line for each step that ends.

    Args:
        console: where to show them.
        step_count: how many steps the run has.
    """

    def __init__(self, console: Console, step_count: int) -> None:
        self._console = console
        self._step_count = step_count
        self._ended: dict[str, int] = {}

    def on_event(self, event: DagsterEvent) -> None:
        """Handles an event of the run."""
        report = step_report(event)
        if report is not None:  # a step that was found is computed again where its value turns out to be lost
            self._ended.setdefault(report.step_key, len(self._ended) + 1)
            # How many values a dynamic output has, for each of which there are steps, is not known before.
            self._step_count = max(self._step_count, len(self._ended))
            self._show(report)
        error = getattr(event.event_specific_data, "error", None) if event.is_failure else None
        if error is not None and error.traceback:
            self._tell(printable_lines(error.traceback))

    def _show(self, report: StepReport) -> None:
        number, count = self._ended[report.step_key], max(self._step_count, len(self._ended))
        self._tell(f"[{number:>{len(str(count))}}/{count}] {_line(report)}")

    def _tell(self, lines: str) -> None:
        self._console.out(lines, highlight=False)


class _Bar(Progress):
    """A bar, and below it the name of the running step, which is broken where it is wider than the terminal."""

    running = "starting resources"

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        if self.running:
            yield Text(self.running, overflow="fold")


class _BarProgress(RunProgress):
    """A bar with the name of the running step; the output of steps scrolls by above it."""

    def __init__(self, console: Console, step_count: int, bar: _Bar) -> None:
        super().__init__(console, step_count)
        self._bar = bar
        self._task = bar.add_task("", total=step_count)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._output = PrintableOutput()

    def on_event(self, event: DagsterEvent) -> None:
        if event.event_type_value == "STEP_START":
            self._bar.running = printable(str(event.step_key))
        super().on_event(event)

    def _show(self, report: StepReport) -> None:
        self._bar.running = ""
        self._tell(_line(report))
        self._bar.update(self._task, completed=len(self._ended), total=max(self._step_count, len(self._ended)))

    def _tell(self, lines: str) -> None:
        self._bar.console.print(Text(lines), soft_wrap=True)

    def echo(self, chunk: bytes) -> None:
        """Shows output of a step above the bar."""
        text = self._output.take(self._decoder.decode(chunk)).rstrip("\n")
        if text:
            self._bar.console.print(Text.from_ansi(text, style="dim"), soft_wrap=True)


def _line(report: StepReport) -> str:
    parts = [f"{printable(report.step_key):<24} {report.outcome}"]
    if report.seconds is not None:
        parts.append(f"{report.seconds:.2f} s")
    if report.usage.requests:
        moved = human_bytes(report.usage.bytes_sent + report.usage.bytes_received)
        noun = "request" if report.usage.requests == 1 else "requests"
        parts.append(f"{report.usage.requests} {noun}, {moved}")
    return "  ".join(parts)


@contextmanager
def show_progress(instance: DagsterInstance, step_count: int, echo_output: bool = True) -> Iterator[RunProgress]:
    """Shows a run on stderr while the block runs; give its `on_event` to `execute_pipeline`.

    The display writes to a copy of stderr's descriptor, because the descriptor itself points at a step's log while the
    step runs. The output of steps, and anything printed between steps, appears above the bar.

    Args:
        instance: its compute log manager echoes the output of steps.
        step_count: how many steps the run has.
        echo_output: whether the output of steps is shown; it is in their compute logs in any case.
    """
    compute_logs = instance.compute_log_manager
    with _copy_of_stderr() as stream, showing_failures():
        console = Console(file=stream)
        if not (console.is_terminal and sys.stdout.isatty()):
            with _echoing(compute_logs, None if echo_output else shown_nowhere):
                yield RunProgress(console, step_count)
            return
        columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with _Bar(*columns, console=console, transient=True) as bar:
            shown = _BarProgress(console, step_count, bar)
            with _echoing(compute_logs, shown.echo if echo_output else shown_nowhere):
                yield shown


@contextmanager
def _echoing(compute_logs: ComputeLogManager, echo: Echo | None) -> Iterator[None]:
    before, compute_logs.echo = compute_logs.echo, echo
    try:
        yield
    finally:
        compute_logs.echo = before


@contextmanager
def _copy_of_stderr() -> Iterator[IO[str]]:
    try:
        copy = os.dup(sys.stderr.fileno())
    except (OSError, ValueError):  # a test runner's replacement, which has no descriptor
        yield sys.stderr
        return
    with os.fdopen(copy, "w", encoding="utf-8", errors="replace", buffering=1) as stream:
        yield stream

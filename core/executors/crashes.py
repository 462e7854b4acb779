"""What is told of a process that ended without saying how its step went."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

from core.errors import ChildProcessCrashException
from core.executors.processes.step_processes import ProcessEnd
from core.printable import printable

_LAST_LINES, _LAST_BYTES = 20, 4096
_MEBIBYTE = 1 << 20


def crash_of(step_key: str, end: ProcessEnd, stderr_path: str | None) -> ChildProcessCrashException:
    """The error of a step whose process has ended: with how, what memory it took, and what it wrote last.

    Args:
        step_key: the step.
        end: how the process ended.
        stderr_path: the file with what it wrote to stderr, if that is kept.
    """
    said = f"The process of step {step_key!r} {_how(end.exit_code)}"
    if end.peak_memory_bytes:
        said += f"; it took up to {end.peak_memory_bytes / _MEBIBYTE:.0f} MiB of memory"
    last = _last_lines(stderr_path) if stderr_path else ""
    said += f". What it wrote to stderr last:\n{last}" if last else ". It wrote nothing to stderr."
    return ChildProcessCrashException(said, end.exit_code)


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "ended together with the server that had started it"
    if exit_code >= 0:
        return f"ended with exit code {exit_code} before the step had ended"
    return f"was ended by {signal_name(-exit_code)}"


def signal_name(number: int) -> str:
    """The name of a signal, as "SIGKILL"."""
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _last_lines(path: str) -> str:
    with suppress(OSError), Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LAST_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n".join(map(printable, lines[-_LAST_LINES:]))
    return ""

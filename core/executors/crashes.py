"""What is told of a process that ended without saying how its step went."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from core.errors import ChildProcessCrashException
from core.executors.backend import ProcessEnd
from core.process.exit_codes import CUT_OFF, how_it_ended
from core.process.last_lines import last_lines
from core.process.signals import deferring_signals

_MEBIBYTE = 1 << 20


def crash_of(step_key: str, end: ProcessEnd, stderr_path: str | None) -> ChildProcessCrashException:
    """The error of a step whose process has ended: with how, what memory it took, and what it wrote last.

    Args:
        step_key: the step.
        end: how the process ended.
        stderr_path: the file with what it wrote to stderr, if that is kept.
    """
    said = f"The process of step {step_key!r} {_how(end)}"
    if end.peak_memory_bytes:
        said += f"; it took up to {end.peak_memory_bytes / _MEBIBYTE:.0f} MiB of memory"
    if stderr_path is None:
        return ChildProcessCrashException(f"{said}.", end.exit_code)
    last = _last_lines(stderr_path)
    said += f". What it wrote to stderr last:\n{last}" if last else ". It wrote nothing to stderr."
    return ChildProcessCrashException(said, end.exit_code)


def _how(end: ProcessEnd) -> str:
    if end.why is not None:
        return end.why
    if end.exit_code is None:
        return "is gone"
    if end.exit_code == CUT_OFF:
        return "could tell nothing more, because its code has closed descriptors that it has not opened"
    how = how_it_ended(end.exit_code)
    if end.is_out_of_memory:
        return f"{how}: the kernel has killed it for want of memory"
    return f"{how} before the step had ended" if end.exit_code >= 0 else how


def _last_lines(path: str) -> str:
    with deferring_signals(), suppress(OSError), Path(path).open("rb") as file:
        return last_lines(file)
    return ""

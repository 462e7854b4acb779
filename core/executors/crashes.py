"""What is told of a process that ended without saying how its step went."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from core.errors import ChildProcessCrashException
from core.executors.backend import ProcessEnd
from core.printable import printable
from core.process.exit_codes import how_it_ended
from core.process.signals import deferring_signals

_LAST_LINES, _LAST_BYTES = 20, 4096
_MEBIBYTE = 1 << 20


def crash_of(step_key: str, end: ProcessEnd, stderr_path: str | None) -> ChildProcessCrashException:
    """The error of a step whose process has ended: with how, what memory it took, and what it wrote last.

    Args:
        step_key: the step.
        end: how the process ended.
        stderr_path: the file with what it wrote to stderr, if that is kept.
    """
    how = end.why or ("is gone" if end.exit_code is None else how_it_ended(end.exit_code))
    if end.why is None and end.exit_code is not None and end.exit_code >= 0:
        how += " before the step had ended"
    said = f"The process of step {step_key!r} {how}"
    if end.peak_memory_bytes:
        said += f"; it took up to {end.peak_memory_bytes / _MEBIBYTE:.0f} MiB of memory"
    if stderr_path is None:
        return ChildProcessCrashException(f"{said}.", end.exit_code)
    last = _last_lines(stderr_path)
    said += f". What it wrote to stderr last:\n{last}" if last else ". It wrote nothing to stderr."
    return ChildProcessCrashException(said, end.exit_code)


def _last_lines(path: str) -> str:
    with deferring_signals(), suppress(OSError), Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LAST_BYTES))
        lines = file.read(_LAST_BYTES).decode("utf-8", "replace").splitlines()
        return "\n".join(map(printable, lines[-_LAST_LINES:]))
    return ""

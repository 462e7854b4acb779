"""Runs that are broken off: by a signal, or by code that ends the program."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import DagsterExecutionInterruptedError


def what_ended(error: BaseException) -> str:
    """What broke a run off, in a word: "SIGTERM", "sys.exit(0)", "KeyboardInterrupt", or of its caller."""
    if isinstance(error, GeneratorExit):
        return "its caller, who has closed the iterator of its events"
    if isinstance(error, SystemExit) and not isinstance(error, DagsterExecutionInterruptedError):
        return f"sys.exit({'' if error.code is None else repr(error.code)})"
    return str(error) if isinstance(error, SystemExit) else type(error).__name__


def is_interrupt(error: BaseException | None) -> bool:
    """Whether a run is asked to stop by it: by Ctrl-C, or a signal."""
    return isinstance(error, KeyboardInterrupt | DagsterExecutionInterruptedError)


@contextmanager
def exits_fail() -> Iterator[None]:
    """Runs code that may execute code of the user's: what ends the program there does not end it as if all were well.

    Raises:
        SystemExit: with a message that says where, in place of one that would make the exit code 0.
    """
    try:
        yield
    except SystemExit as error:
        if exit_code(error):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise SystemExit(
            f"The run was ended by {what_ended(error)}, called at {frame.filename}:{frame.lineno}, and has failed. "
            "Code of a run returns when it is done."
        ) from error


def exit_code(error: SystemExit) -> int:
    """The exit code with which an uncaught SystemExit ends a program."""
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    return 1

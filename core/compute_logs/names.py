"""What logs are called."""

from __future__ import annotations

from enum import Enum

from core.errors import DagsterInvariantViolationError


class ComputeIOType(Enum):
    """Which stream of a step."""

    STDOUT = "stdout"
    STDERR = "stderr"


IO_TYPE_EXTENSION = {ComputeIOType.STDOUT: "out", ComputeIOType.STDERR: "err"}


def attempt_suffix(attempt: int) -> str:
    """What stands behind the step's name: nothing for its first attempt, `(2)` for its second.

    No name that is encoded for a file or a key holds a parenthesis, so no other step's log is called like that.

    Raises:
        DagsterInvariantViolationError: it is no whole number above 0.
    """
    if type(attempt) is not int or attempt < 1:
        raise DagsterInvariantViolationError(f"Attempts at a step are counted from 1, got {attempt!r}.")
    return "" if attempt == 1 else f"({attempt})"

"""What logs are called."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from core.disk.paths import file_name
from core.errors import DagsterInvariantViolationError


class ComputeIOType(Enum):
    r"""Which stream of a step.

    Example:
        >>> import os
        >>> from core import execute_pipeline, instance_for_test, lambda_solid, pipeline
        >>> from core.storage.compute_log_manager import ComputeIOType
        >>> greet = lambda_solid(name="greet")(lambda: os.system("echo hello >&2"))
        >>> greetings = pipeline(name="greetings")(lambda: greet())
        >>> with instance_for_test() as instance:
        ...     run_id = execute_pipeline(greetings, instance=instance).run_id
        ...     instance.compute_log_manager.read_logs_file(run_id, "greet", ComputeIOType.STDERR).data
        'hello\n'
    """

    STDOUT = "stdout"
    STDERR = "stderr"


IO_TYPE_EXTENSION = {ComputeIOType.STDOUT: "out", ComputeIOType.STDERR: "err"}


class LogName(NamedTuple):
    """Which log.

    Attributes:
        run_id: the run.
        key: the step.
        attempt: which attempt at the step, from 1.
    """

    run_id: str
    key: str
    attempt: int

    @property
    def file_name(self) -> str:
        """str: the name of its files, without their extensions.

        Raises:
            DagsterInvariantViolationError: the key cannot name a file, or the attempt is not a number from 1.
        """
        return _encoded(self.key) + attempt_suffix(self.attempt)


@lru_cache(maxsize=64)
def _encoded(key: str) -> str:
    return file_name(key, "step key")  # asked for several times a step


def attempt_suffix(attempt: int) -> str:
    """What follows the step's name: nothing for its first attempt, `(2)` for its second.

    Names that are encoded for a file or a key have no parentheses, so no other step's log is called like that.

    Raises:
        DagsterInvariantViolationError: it is not a whole number above 0.
    """
    if type(attempt) is not int or attempt < 1:
        raise DagsterInvariantViolationError(f"Attempts at a step are counted from 1, got {attempt!r}.")
    return "" if attempt == 1 else f"({attempt})"

"""An instance on the disk, and programs that are forked, so that they have loaded all that they need."""

from __future__ import annotations

import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from core import DagsterInstance

Tell = Callable[[str], None]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


class Program:
    """A process that does some work, and what it and all that it forks tell.

    Attributes:
        pid: its id.
        told: the lines that were read, with how often each came.
    """

    def __init__(self, work: Callable[[Tell], None]) -> None:
        reading, writing = os.pipe()
        self.told: Counter[str] = Counter()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            os._exit(_exit_code_of(work, writing))
        os.close(writing)
        self._lines: IO[str] = os.fdopen(reading)
        self._code: int | None = None

    def read_until(self, text: str) -> None:
        """Waits until it has told this."""
        for line in self._lines:
            self.told[line.rstrip("\n")] += 1
            if line.rstrip("\n") == text:
                return
        raise AssertionError(f"it never told {text!r}, but {self.told}")

    def end(self) -> int:
        """Waits until it and all that it has forked have ended; returns its exit code, as `subprocess` has it."""
        if self._code is None:
            with self._lines:
                self.told.update(line.rstrip("\n") for line in self._lines)
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code


def _exit_code_of(work: Callable[[Tell], None], descriptor: int) -> int:
    """As the interpreter ends with the exceptions that may come."""
    try:
        work(lambda text: os.write(descriptor, f"{text}\n".encode()) and None)
    except SystemExit as error:
        print(error, file=sys.stderr)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except KeyboardInterrupt:
        return 130
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@pytest.fixture
def start_program() -> Callable[[Callable[[Tell], None]], Program]:
    """Starts a program; the test waits for its end."""
    return Program


@pytest.fixture(scope="session", autouse=True)
def _loaded_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What an instance imports when it is first used takes a second, in each program again."""
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        instance.create_run("nothing")
        instance.all_logs("nothing")

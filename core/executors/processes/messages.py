"""What a process and the fork server that it has started tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from core.execution.worker.records import RunJob
from core.records.origin import LoadableTargetOrigin
from core.serdes import SerializableErrorInfo

PROGRAM = "core.fork_server"
"""The package whose `main` is the server."""


class Load(msgspec.Struct, frozen=True):
    """To a server that is started before its run, first: load the code of the pipeline.

    Attributes:
        search_path: where modules are looked for, `sys.path`.
        arguments: of the program, `sys.argv`.
        code: the code.
    """

    search_path: list[str]
    arguments: list[str]
    code: LoadableTargetOrigin


class Setup(msgspec.Struct, frozen=True):
    """To the server, first, or after `Load`.

    Attributes:
        search_path: where modules are looked for, `sys.path`.
        arguments: of the program, `sys.argv`.
        run: the run of which it executes steps.
        code: digests of the files with its pipeline's code, as of `digests_below`, which must be the same here.
        folder: the working directory of the run's process; None where this one is in it already.
        shows_output: whether what steps print is shown where this server's own output goes.
    """

    search_path: list[str]
    arguments: list[str]
    run: RunJob
    code: Mapping[str, str] = {}
    folder: str | None = None
    shows_output: bool = True


class Begin(msgspec.Struct, frozen=True):
    """To the server: fork a child for a job. A descriptor to which the child writes comes with it.

    Attributes:
        number: which one it is of those that were asked for.
        job: what it does, such as a `StepJob`.
    """

    number: int
    job: Any


class Send(msgspec.Struct, frozen=True):
    """To the server: send a signal to the process group of a child, if it lives.

    Attributes:
        number: the child.
        signal_number: the signal.
    """

    number: int
    signal_number: int


class Ready(msgspec.Struct, frozen=True):
    """From the server: the code is loaded.

    Attributes:
        module_count: how many modules have been imported since it started.
        seconds: how long that took.
        memory_bytes: what it takes.
        why_not_forked: why children are not forked but started anew, which takes longer; None where they are forked.
        where: on which other machine; "" on this one.
        sources: the files of which it was loaded, with when each was changed last, in nanoseconds of Unix time, where
            that is asked for.
    """

    module_count: int
    seconds: float
    memory_bytes: int
    why_not_forked: str | None
    where: str = ""
    sources: Mapping[str, int] = {}


class NotReady(msgspec.Struct, frozen=True):
    """From the server, last: the code cannot be loaded.

    Attributes:
        error: why.
    """

    error: SerializableErrorInfo


class Begun(msgspec.Struct, frozen=True):
    """From the server: a child has begun.

    Attributes:
        number: the child.
        pid: its process id, which is that of its process group too.
    """

    number: int
    pid: int


class Ended(msgspec.Struct, frozen=True):
    """From the server: a child has ended.

    Attributes:
        number: the child.
        exit_code: its exit code; where a signal ended it, the negative of its number; None where there was none.
        peak_memory_bytes: the most memory that it took.
        why_not_begun: why there was none.
        is_out_of_memory: whether the kernel has killed it for want of memory.
    """

    number: int
    exit_code: int | None
    peak_memory_bytes: int = 0
    why_not_begun: str | None = None
    is_out_of_memory: bool = False

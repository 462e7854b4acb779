"""A fork server that is started before its run, and loads the pipeline beside this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from core.executors.processes.messages import Load, Setup
from core.executors.processes.server import ForkServer
from core.process.signals import deferring_signals
from core.records.origin import LoadableTargetOrigin, code_of


class _Early:
    def __init__(self, code: LoadableTargetOrigin) -> None:
        self.code = code
        self.server: ForkServer | None = None


_early: ContextVar[_Early | None] = ContextVar("early", default=None)


@contextmanager
def loading_early(code: LoadableTargetOrigin) -> Iterator[None]:
    """Within the block, a server loads the code of a pipeline; a run of it that begins there takes that server.

    Args:
        code: a file or a module, with the working directory.
    """
    early = _Early(code)
    try:
        with deferring_signals():  # or it would live, and nobody would know it
            early.server = ForkServer(Load(list(sys.path), list(sys.argv), code))
        early.server.set_up()
        token = _early.set(early)
        try:
            yield
        finally:
            _early.reset(token)
    finally:
        with deferring_signals():
            if early.server is not None:
                early.server.close()


def server_for(setup: Setup) -> ForkServer:
    """A server for a run, which the caller sets up and ends: one that was started early for its code, or a new one.

    No signal may take effect meanwhile.
    """
    early = _early.get()
    if early is None or early.server is None or early.code != code_of(setup.run.origin):
        return ForkServer(setup)
    server, early.server = early.server, None
    server.tell_next(setup)
    return server

"""A code location whose code a server has loaded."""

from __future__ import annotations

from typing import Any, TypeVar

from core.code_calls.client import ask
from core.code_calls.names import location_name
from core.code_calls.servers import OwnServers, own_servers
from core.code_calls.wire import CAN_CANCEL, CANCEL, RELOAD, START_RUN, Address, Asked, RunToCancel, RunToStart, as_raw
from core.code_servers.locations import CodeLocation
from core.code_servers.questions import Question
from core.instance.ref import InstanceRef
from core.records.claim import Claim
from core.records.origin import RepositoryLocationOrigin

_SECONDS = 30.0  # for what does not wait for the user's code
_LOADING_SECONDS = 120.0

T = TypeVar("T")


class GrpcCodeLocation(CodeLocation):
    """Code that a server has loaded: one that somebody runs, or one that this process starts and keeps.

    Args:
        origin: where it is.
        servers: those that this process has started.
    """

    def __init__(self, origin: RepositoryLocationOrigin, servers: OwnServers | None = None) -> None:
        self.origin, self._servers = origin, servers or own_servers()
        self.name = location_name(origin)

    def ask(self, question: Question, deadline_seconds: float) -> Any:
        asked = Asked(deadline_seconds, as_raw(question))
        return self._call(question.method, asked, deadline_seconds, question.answer_type)

    def start_run(self, run_id: str, instance_ref: InstanceRef, claim: Claim | None = None) -> None:
        self._call(START_RUN, RunToStart(run_id, as_raw(instance_ref), as_raw(claim)), _LOADING_SECONDS, int)

    def can_cancel_run(self, run_id: str) -> bool:
        return self._call(CAN_CANCEL, RunToCancel(run_id), _SECONDS, bool)

    def cancel_run(self, run_id: str) -> bool:
        return self._call(CANCEL, RunToCancel(run_id), _SECONDS, bool)

    def reload(self) -> None:
        """Has the server load the code again; raises CodeServerError where it cannot, and goes on with the old code."""
        self._call(RELOAD, RunToCancel(""), _LOADING_SECONDS, type(None))

    def _call(self, method: str, request: object, seconds: float, answer_type: type[T]) -> T:
        def asking(address: Address) -> T:
            return ask(address, self.name, method, request, seconds, answer_type)

        return self._servers.asked(self.origin, asking)

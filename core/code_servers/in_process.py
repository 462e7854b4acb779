"""A code location whose code this process loads: for tests, and for commands that ask one thing and end."""

from __future__ import annotations

from typing import Any

from core.api import execute_run
from core.code_calls.wire import Failure, error_of, raised
from core.code_servers.loaded_code import LoadedCode
from core.code_servers.locations import CodeLocation
from core.code_servers.questions import Question
from core.errors import DagsterRunConflict
from core.forks import ending_forked_children
from core.instance import DagsterInstance
from core.instance.ref import InstanceRef
from core.records.claim import Claim
from core.records.origin import InProcessRepositoryLocationOrigin, LoadableTargetOrigin
from core.serdes import from_json, to_json


class InProcessCodeLocation(CodeLocation):
    """Code that this process loads. A deadline is not kept: nothing here could end what takes longer.

    Args:
        target: where the code is.
        name: of the location; `<<in_process>>` by default.
    """

    def __init__(self, target: LoadableTargetOrigin, name: str | None = None) -> None:
        self.origin = InProcessRepositoryLocationOrigin(target)
        self.name = name or self.origin.location_name
        self._code = LoadedCode(target)

    def ask(self, question: Question, deadline_seconds: float) -> Any:
        try:
            with ending_forked_children():
                return from_json(question.answer_type, to_json(self._code.answer(question)))
        except (Exception, SystemExit) as error:
            raise error_of(raised(str(question), error), self.name) from error

    def start_run(self, run_id: str, instance_ref: InstanceRef, claim: Claim | None = None) -> None:
        """Executes the run and returns when it has ended, however it did."""
        asked = f"run {run_id}"
        with DagsterInstance.from_ref(instance_ref) as instance:
            try:
                run = instance.get_existing_run(run_id)
                pipeline = self._code.pipeline_of(run)
            except Exception as error:
                raise error_of(raised(asked, error), self.name) from error
            try:
                with instance.preparing_run(run, claim):
                    execute_run(pipeline, run, instance)
            except DagsterRunConflict as error:
                failure = Failure("refused", f"{asked}, refuses it: {str(error).removesuffix('.')}")
                raise error_of(failure, self.name) from error

    def can_cancel_run(self, run_id: str) -> bool:
        return False

    def cancel_run(self, run_id: str) -> bool:
        return False

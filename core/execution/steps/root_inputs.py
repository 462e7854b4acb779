"""Loading an input that no solid feeds, with a root input manager."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from core.errors import DagsterExecutionLoadInputError, user_code_error_boundary
from core.events.payloads import LoadedInputData
from core.events.records import DagsterEvent
from core.execution.contexts.step import StepContext
from core.values.side_by_side import Call


class RootLoad:
    """The value of an input, on its way from a root input manager.

    Args:
        step_context: the step.
        name: the input.
        key: the resource key of the root input manager.
    """

    __slots__ = ("_context", "_key", "_manager", "_name", "_step_context")

    def __init__(self, step_context: StepContext, name: str, key: str) -> None:
        run = step_context.pipeline_context
        self._step_context, self._name, self._key = step_context, name, key
        self._manager = run.resources.root_input_manager(key)
        self._context = run.io_contexts.root_input(step_context.step, name, key, step_context.log)

    def call(self) -> Call:
        """The call that loads it."""
        return Call(self._manager, "load_input", partial(self._manager.load_input, self._context))

    def finish(self, answer: Callable[[], Any], events: list[DagsterEvent]) -> Any:
        """The value, given what answers the call."""
        name, key, step_key = self._name, self._key, self._step_context.step.key
        with user_code_error_boundary(
            DagsterExecutionLoadInputError,
            lambda: f"Loading input {name!r} of step {step_key!r} with the root input manager {key!r} failed",
            step_key=step_key,
            input_name=name,
        ):
            value = answer()
        message = f"Loaded input {name!r} with {key!r}."
        events.append(self._step_context.record("LOADED_INPUT", message, LoadedInputData(name, key)))
        return value

"""Whether a step that failed is run again: because it asked for it, or because its policy says so."""

from __future__ import annotations

import msgspec

from core.errors import (
    ChildProcessCrashException,
    DagsterMaxRuntimeExceededError,
    DagsterObjectStoreError,
    DagsterUserCodeExecutionError,
)
from core.events.user_events import RetryRequested
from core.execution.contexts.step import StepContext

_MAY_PASS = (
    DagsterUserCodeExecutionError,
    DagsterObjectStoreError,
    ChildProcessCrashException,
    DagsterMaxRuntimeExceededError,
)
"""Errors that the next attempt may not meet: those of code that is not ours, of stores, and of processes. A step that
gives no output that it must give, or one of the wrong type, has a fault that stays.
"""


class Retry(msgspec.Struct, frozen=True):
    """When a step is to be run again.

    Attributes:
        error: what failed the attempt; a RetryRequested where the step asks for the retry.
        max_retries: how many there are at most.
        seconds_to_wait: until the next attempt.
    """

    error: BaseException
    max_retries: float
    seconds_to_wait: float


def retry_after(error: BaseException, step_context: StepContext) -> Retry | None:
    """The retry that follows a failed attempt at a step; None where the step has failed for good.

    Args:
        error: what failed the attempt. A RetryRequested counts by its own numbers, whatever the policy of the step.
        step_context: the attempt.
    """
    policy, retries = step_context.step.retry_policy, step_context.attempt.retries
    if isinstance(error, RetryRequested):
        return Retry(error, error.max_retries, error.seconds_to_wait) if retries < error.max_retries else None
    if policy is None or retries >= policy.max_retries or not isinstance(error, _MAY_PASS):
        return None
    return Retry(error, policy.max_retries, policy.calculate_delay(retries + 1))

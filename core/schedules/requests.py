"""What an evaluation of a schedule or sensor says: the runs it asks for, or why it asks for none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from core.arguments import check_fields
from core.errors import DagsterInvariantViolationError
from core.events.user_events import normalize_tags


class RunRequest(msgspec.Struct, frozen=True):
    """A run that a schedule or sensor asks for.

    Attributes:
        run_key: names the run: a sensor gets at most one run of each key. None asks for one every time.
        run_config: of the run.
        tags: of the run; values that are not text become JSON.
        job_name: the target, where a sensor has several; its only one by default.

    >>> RunRequest("2021-05-01", tags={"tries": 3}).tags
    {'tries': '3'}
    """

    run_key: str | None = None
    run_config: Mapping[str, Any] = {}
    tags: Mapping[str, str] = {}
    job_name: str | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "tags", normalize_tags(self.tags, "a RunRequest"))
        if self.run_config is None:
            msgspec.structs.force_setattr(self, "run_config", {})
        check_fields(self, "a RunRequest", DagsterInvariantViolationError)
        msgspec.structs.force_setattr(self, "run_config", dict(self.run_config))


class SkipReason(msgspec.Struct, frozen=True):
    """Why an evaluation asks for no run.

    Attributes:
        skip_message: for people.

    Example:
        >>> from core import SkipReason, build_sensor_context, sensor
        >>> @sensor(pipeline_name="orders")
        ... def new_files(context):
        ...     return SkipReason("There is no new file.")
        >>> new_files.evaluate_tick(build_sensor_context()).skip_message
        'There is no new file.'
    """

    skip_message: str | None = None

    def __post_init__(self) -> None:
        check_fields(self, "a SkipReason", DagsterInvariantViolationError)


class Evaluation(msgspec.Struct, frozen=True):
    """What an evaluation of a schedule or sensor came to.

    Attributes:
        run_requests: the runs asked for, in order; none where it skipped.
        skip_message: why it asks for none, where it says.
        cursor: how far a sensor has looked now; None of a schedule, and of a sensor that never set one.
    """

    run_requests: tuple[RunRequest, ...] = ()
    skip_message: str | None = None
    cursor: str | None = None


def gathered(given: Any) -> Any:
    """What a function returned, or all that it yielded: its code has ended then, and its errors have been raised."""
    return list(given) if isinstance(given, Iterator) else given


def as_evaluation(given: Any, described: str) -> Evaluation:
    """What an evaluation function returned or yielded, checked.

    Args:
        given: None, a RunRequest, a SkipReason, or a list of them.
        described: the schedule or sensor, for messages.

    Raises:
        DagsterInvariantViolationError: something else is given, or both runs and a reason to skip.
    """
    if given is None:
        return Evaluation()
    items = list(given) if isinstance(given, list | tuple) else [given]
    bad = [item for item in items if not isinstance(item, RunRequest | SkipReason)]
    if bad:
        raise DagsterInvariantViolationError(
            f"The function of {described} gave {bad[0]!r}; return or yield a RunRequest or a SkipReason."
        )
    requests = tuple(item for item in items if isinstance(item, RunRequest))
    reasons = [item for item in items if isinstance(item, SkipReason)]
    if reasons and (requests or len(reasons) > 1):
        raise DagsterInvariantViolationError(
            f"The function of {described} gave a SkipReason beside other results; a SkipReason stands alone."
        )
    return Evaluation(requests, reasons[0].skip_message if reasons else None)

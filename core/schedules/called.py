"""Calls of schedules and sensors as the functions that they were made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from core.errors import DagsterInvalidInvocationError


class Called:
    """Base of what may be called in a test, and is then the user's own function."""

    _function: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the decorated function gives, as it is; `evaluate_tick` says what would be run for it.

        Raises:
            DagsterInvalidInvocationError: it was made without a decorator, so there is no such function.

        >>> from core import build_sensor_context, sensor
        >>> @sensor(pipeline_name="orders")
        ... def new_files(context):
        ...     return []
        >>> new_files(build_sensor_context())
        []
        """
        if self._function is None:
            raise DagsterInvalidInvocationError(
                f"{self!r} was made without a decorator, so it has no function to call; use its evaluate_tick(context)."
            )
        return self._function(*args, **kwargs)


T = TypeVar("T", bound=Called)


def made_of(function: Callable[..., Any], made: T) -> T:
    """What a decorator has made of a function, which is then called where it is called."""
    made._function = function
    return made

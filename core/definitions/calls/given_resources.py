"""The resources that code is told of: as attributes, and in a call outside a run those that were given to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from core.errors import DagsterInvalidInvocationError, DagsterUnknownResourceError


class Resources:
    """Resources as attributes: those that a definition requires, and no others."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise DagsterUnknownResourceError(name, list(self.__dict__))

    def _asdict(self) -> dict[str, Any]:
        return dict(self.__dict__)


class GivenResources(ABC):
    """Resources that were given to what builds a context, for code that is called outside a run."""

    @abstractmethod
    def required_by(self, keys: frozenset[str], described: str) -> Resources:
        """Those that a definition requires, started now if they were not.

        Args:
            keys: what it requires.
            described: the definition, for messages.

        Raises:
            DagsterInvalidInvocationError: some were not given.
            DagsterInvariantViolationError: one has to be stopped, and nothing will do it.
            DagsterResourceFunctionError: a resource function raised.
        """


def resources_for(keys: frozenset[str], given: Any, described: str, builder: str) -> Any:
    """What code that is called outside a run gets as `context.resources`.

    Args:
        keys: the resources that its definition requires.
        given: GivenResources; an object of the caller's own that has them as attributes; or None.
        described: the definition, for messages.
        builder: the function to which resources are given, for messages.
    """
    if given is None:
        check_given(keys, (), described, builder)
        return Resources({})
    return given.required_by(keys, described) if isinstance(given, GivenResources) else given


def check_given(keys: frozenset[str], given: Collection[str], described: str, builder: str) -> None:
    """Raises DagsterInvalidInvocationError where resources that a definition requires were not given to `builder`."""
    missing = sorted(keys.difference(given))
    if missing:
        wanted = ", ".join(f"{key!r}: ..." for key in missing)
        raise DagsterInvalidInvocationError(
            f"{described} requires the resource {' and '.join(map(repr, missing))}, which was not given; give it by "
            f"{builder}(resources={{{wanted}}})."
        )

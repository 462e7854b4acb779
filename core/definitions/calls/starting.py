"""Starting resources when they are first needed, each once, and stopping them in the opposite order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ContextDecorator, ExitStack
from typing import Any

from core.config import unknown_name
from core.definitions.calls.given_resources import Resources
from core.definitions.resource import InitResourceContext, ResourceDefinition, from_generator
from core.errors import (
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterResourceFunctionError,
    user_code_error_boundary,
)
from core.values.io_manager import IOManager
from core.values.root_input_manager import RootInputManager


class RunResources:
    """The resources of one run, or of a definition that is called outside of one.

    Args:
        definitions: by key.
        config: the checked config of each.
        make_context: makes what a resource function is told, from its key and the resources it requires.
    """

    def __init__(
        self,
        definitions: Mapping[str, ResourceDefinition],
        config: Mapping[str, Any],
        make_context: Callable[[str, Resources], InitResourceContext],
    ) -> None:
        self._definitions = definitions
        self._config = config
        self._make_context = make_context
        self._values: dict[str, Any] = {}
        self._starting: list[str] = []
        self._stack = ExitStack()
        self._scopes: dict[frozenset[str], Resources] = {}
        self._stopped_at_close: set[str] = set()

    def start(self, keys: Iterable[str]) -> None:
        """Starts those that are not started yet, and what they require.

        Raises:
            DagsterResourceFunctionError: a resource function raised.
            DagsterInvalidDefinitionError: resources require each other in a circle.
        """
        for key in sorted(keys):
            self.get(key)

    def get(self, key: str) -> Any:
        """The resource, started now if it was not; raises as `start`."""
        if key not in self._values:
            self._values[key] = self._create(key)
        return self._values[key]

    def io_manager(self, key: str) -> IOManager:
        """The IO manager under a key, started now if it was not.

        Raises:
            DagsterInvariantViolationError: it is something else.
            DagsterResourceFunctionError: its function raised.
        """
        manager = self.get(key)
        if not isinstance(manager, IOManager):
            raise DagsterInvariantViolationError(
                f"The resource {key!r} is used as an IO manager, but it is an instance of {type(manager).__name__}, "
                "which is not a subclass of IOManager."
            )
        return manager

    def root_input_manager(self, key: str) -> RootInputManager | IOManager:
        """The root input manager under a key, started now if it was not; an IO manager may stand for one.

        Raises:
            DagsterInvariantViolationError: it is something else.
            DagsterResourceFunctionError: its function raised.
        """
        manager = self.get(key)
        if not isinstance(manager, RootInputManager | IOManager):
            raise DagsterInvariantViolationError(
                f"The resource {key!r} is used as a root input manager, but it is an instance of "
                f"{type(manager).__name__}; make it with @root_input_manager, or from a subclass of RootInputManager."
            )
        return manager

    def config(self, key: str) -> Any:
        """The checked config under a key, or None."""
        return self._config.get(key)

    def definition(self, key: str) -> ResourceDefinition | None:
        """The definition under a key, or None."""
        return self._definitions.get(key)

    def scope(self, keys: frozenset[str]) -> Resources:
        """The resources of a definition that requires `keys`."""
        if keys not in self._scopes:
            self._scopes[keys] = Resources({key: self.get(key) for key in sorted(keys)})
        return self._scopes[keys]

    def _create(self, key: str) -> Any:
        if key in self._starting:
            circle = " -> ".join([*self._starting[self._starting.index(key) :], key])
            raise DagsterInvalidDefinitionError(f"Resources require each other in a circle: {circle}.")
        if key not in self._definitions:
            raise DagsterInvalidDefinitionError(unknown_name("resource", key, self._definitions))
        definition = self._definitions[key]
        self._starting.append(key)
        try:
            init_context = self._make_context(key, self.scope(definition.required_resource_keys))
            with user_code_error_boundary(DagsterResourceFunctionError, f"Resource {key!r} could not be started"):
                value = self._entered(key, definition.create(init_context))
        finally:
            self._starting.pop()
        if definition.required_resource_keys & self._stopped_at_close:
            self._stopped_at_close.add(key)
        return value

    def _entered(self, key: str, made: Any) -> Any:
        if inspect.isgenerator(made):
            value = self._stack.enter_context(from_generator(key, made))
            self._stopped_at_close.add(key)
            return value
        if isinstance(made, AbstractContextManager) and isinstance(made, ContextDecorator):
            value = self._stack.enter_context(made)  # the function was decorated with @contextmanager
            self._stopped_at_close.add(key)
            return value
        return made

    @property
    def has_to_stop(self) -> bool:
        """bool: whether one that is started has something to do when it is stopped."""
        return bool(self._stopped_at_close)

    def close(self) -> None:
        """Stops every resource that has something to stop, in the opposite order of their start.

        The others stay usable; one that was stopped is started again when it is asked for again.

        Raises:
            DagsterResourceFunctionError: a resource raised while it was stopped; the others were stopped too.
        """
        self._scopes.clear()
        for key in self._stopped_at_close:
            self._values.pop(key, None)
        self._stopped_at_close.clear()
        with user_code_error_boundary(DagsterResourceFunctionError, "A resource could not be stopped"):
            self._stack.close()

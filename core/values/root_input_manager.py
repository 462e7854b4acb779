"""What a root input manager does: it loads the value of an input that no solid feeds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from core.values.io_context import InputContext


class RootInputManager(ABC):
    """Loads the values of inputs that no solid feeds, where an InputDefinition names it as `root_manager_key`.

    Example:
        >>> from core import RootInputManager, build_input_context
        >>> class TableLoader(RootInputManager):
        ...     def load_input(self, context):
        ...         return {"orders": [17, 42]}[context.metadata["table"]]
        >>> TableLoader().load_input(build_input_context(metadata={"table": "orders"}))
        [17, 42]
    """

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """The value of the input; `context.upstream_output` is None."""

"""Values kept in this process for the time of a run."""

from __future__ import annotations

from typing import Any

from core.definitions.keeping.io_manager import io_manager
from core.definitions.resource import InitResourceContext
from core.errors import DagsterObjectNotFoundError
from core.values.codecs import CODEC_KEY
from core.values.codecs.files import codec_of_output
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager
from core.values.unfinished import refuse_unfinished


class InMemoryIOManager(IOManager):
    """Values in a dict, as they are: of an output's codec it is only checked that there is one of the name."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], Any] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        if CODEC_KEY in context.metadata:
            codec_of_output(context, obj)
        refuse_unfinished(obj, f"Output {context.name!r} of step {context.step_key!r}")
        self.values[tuple(context.get_run_scoped_output_identifier())] = obj

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        names = tuple(context.upstream_output.get_run_scoped_output_identifier())
        try:
            return self.values[names]
        except KeyError:
            raise DagsterObjectNotFoundError(
                f"No value in memory for output {names[2]!r} of step {names[1]!r} of run {names[0]}; it was made by "
                "another process or run. To read it there, store values with fs_io_manager or in a bucket."
            ) from None


@io_manager(version="1", is_persistent=False)
def mem_io_manager(_init_context: InitResourceContext) -> InMemoryIOManager:
    """IO manager that keeps values in memory; the default one.

    Example:
        >>> from core import ModeDefinition, execute_solid, fs_io_manager, lambda_solid, mem_io_manager
        >>> in_test = ModeDefinition("test", {"io_manager": mem_io_manager})
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> execute_solid(one, in_test).output_value()
        1
    """
    return InMemoryIOManager()

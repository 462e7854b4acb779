"""What an IO manager does: storing the outputs of solids, and loading them as inputs of others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from core.storage.io_context import InputContext, OutputContext


class IOManager(ABC):
    """Stores each output of a step when it is yielded, and loads it where a later step takes it."""

    @abstractmethod
    def handle_output(self, context: OutputContext, obj: Any) -> Any:
        """Stores `obj`.

        May be a generator that yields AssetMaterializations or EventMetadataEntries, which are recorded.
        """

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """The value stored for `context.upstream_output`."""

    def get_address(self, context: OutputContext) -> str | None:
        """Where the value of an output is or will be, as a path or URL; None where that cannot be said."""
        return None


def warn_of_dropped_value(context: OutputContext, address: str) -> None:
    """Says that a computed value was not stored, because its version is stored and values of a version stay."""
    if context.log is not None:
        context.log.warning(
            f"Output {context.name!r} was computed although its version is stored at {address}. The stored value stays "
            "and the new one is dropped; change the solid's version to store another."
        )


class MemoizableIOManager(IOManager):
    """An IO manager that can tell whether an output is stored already."""

    @abstractmethod
    def has_output(self, context: OutputContext) -> bool:
        """Whether a whole value is stored for this output, in the version that `context.version` says."""

    def has_outputs(self, contexts: Sequence[OutputContext]) -> list[bool]:
        """`has_output` for each of many outputs. Stores with a latency answer for many at once."""
        return [self.has_output(context) for context in contexts]

    def get_stamp(self, context: OutputContext) -> str | None:
        """What tells the value at an output's address from any other that may come to be there, as an ETag does.

        Asked for after `handle_output`, or after `has_outputs` said that it is there. Where it is known,
        `context.stamp` has it the next time, and a value that still has it need not be verified again. None where
        there is no such thing.
        """
        return None

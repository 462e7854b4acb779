"""What an IO manager does: storing the outputs of solids, and loading them as inputs of others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from core.disk.spool import Spool
from core.errors import DagsterInvariantViolationError
from core.values.io_context import InputContext, OutputContext
from core.values.side_by_side import Call, says_of, side_by_side
from core.values.stored_version import StoredVersion


class IOManager(ABC):
    """Stores the outputs of steps, and loads each where a later step takes it.

    Attributes:
        calls_at_once: how many calls may be made to it at once, from threads; 1 by default: then all are made in the
            thread of the run, one after another. More is worth it for a store that lets each call wait. What a class
            says counts for the `handle_output`, `load_input` and `has_output` that it has or inherits; a subclass that
            has one of its own says it again.

    Example:
        >>> from pathlib import Path
        >>> from core import IOManager, ModeDefinition, execute_solid, io_manager, lambda_solid
        >>> class TextFiles(IOManager):
        ...     def _path(self, context):
        ...         return Path(f"{context.step_key}.{context.name}.txt")
        ...     def handle_output(self, context, obj):
        ...         self._path(context).write_text(obj)
        ...     def load_input(self, context):
        ...         return self._path(context.upstream_output).read_text()
        >>> text_files = io_manager(lambda init_context: TextFiles())
        >>> greet = lambda_solid(name="greet")(lambda: "hello")
        >>> execute_solid(greet, ModeDefinition(resource_defs={"io_manager": text_files})).output_value()
        'hello'
        >>> Path("greet.result.txt").read_text()
        'hello'
    """

    calls_at_once: int = 1

    @abstractmethod
    def handle_output(self, context: OutputContext, obj: Any) -> Any:
        """Stores `obj`.

        An output with a version, of a MemoizableIOManager, is stored when the function of the solid has ended well; any
        other when it is yielded. May be a generator that yields AssetMaterializations or EventMetadataEntries, which
        are recorded.
        """

    def stage_output(self, context: OutputContext, obj: Any, spool: Spool) -> Callable[[], object] | None:
        """`handle_output` in two acts, for an output that is yielded while the function goes on.

        Writes to the spool what is to be stored of `obj` as it is now, since the function may change it; and returns
        what stores that. It is called when the function has ended well, and never where the function fails.

        Returns:
            What stores it; None where this IO manager cannot do so: then `handle_output` is called in one act. So it is
            for a subclass that has a `handle_output` of its own and no `stage_output`.
        """
        return None

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """The value stored for `context.upstream_output`."""

    def get_address(self, context: OutputContext) -> str | None:
        """Where the value of an output is or will be, as a path or URL; None where that cannot be said."""
        return None

    def has_value(self, context: OutputContext) -> bool | None:
        """Whether there is a value of an output that `load_input` would load; None where only loading it tells.

        Asked of values that an earlier run has stored, before a run goes on with them. What a class says counts for the
        `load_input` that it has or inherits; a subclass that has one of its own says it again.
        """
        return None


def says_whether_there(io_manager: IOManager) -> bool:
    """Whether `has_value` says what `load_input` would find: neither has been replaced without the other."""
    return says_of(io_manager, "has_value", "load_input")


def stages_outputs(io_manager: IOManager) -> bool:
    """Whether `stage_output` does what `handle_output` does: neither has been replaced without the other."""
    return says_of(io_manager, "stage_output", "handle_output")


def warn_of_dropped_value(context: OutputContext, address: str) -> None:
    """Says that a computed value was not stored, because its version is stored and values of a version stay."""
    if context.log is not None:
        context.log.warning(
            f"Output {context.name!r} was computed although its version is stored at {address}. The stored value stays "
            "and the new one is dropped; change the solid's version to store another."
        )


def warn_of_damaged_value(context: OutputContext, fault: object) -> None:
    """Says that a stored value does not count as stored, so that it is computed and stored again.

    Args:
        fault: what is wrong with it, as a sentence that names where it is; an error of reading it, say.
    """
    if context.log is not None:
        context.log.warning(
            f"Output {context.name!r} of step {context.step_key!r} is computed again, because the value that was "
            f"stored is no longer whole: {fault}"
        )


class MemoizableIOManager(IOManager):
    """An IO manager that can tell whether an output is stored already.

    Example:
        >>> from core import MemoizableIOManager, ModeDefinition, execute_pipeline, io_manager, pipeline, solid
        >>> class Shelf(MemoizableIOManager):
        ...     def __init__(self):
        ...         self.values = {}
        ...     def _place(self, context):
        ...         return context.step_key, context.name, context.version or context.run_id
        ...     def handle_output(self, context, obj):
        ...         self.values[self._place(context)] = obj
        ...     def load_input(self, context):
        ...         return self.values[self._place(context.upstream_output)]
        ...     def has_output(self, context):
        ...         return self._place(context) in self.values
        >>> shelf = Shelf()
        >>> mode = ModeDefinition(resource_defs={"io_manager": io_manager(lambda init_context: shelf)})
        >>> one = solid(name="one", version="1")(lambda context: 1)
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> [execute_pipeline(count, memoize=True).executed_step_keys for _ in range(2)]
        [['one'], []]
    """

    @abstractmethod
    def has_output(self, context: OutputContext) -> bool:
        """Whether a whole value is stored for this output, in the version that `context.version` says.

        A damaged value counts as missing, and `context.log` gets a warning that names it.
        """

    def has_outputs(self, contexts: Sequence[OutputContext]) -> list[bool]:
        """`has_output` for each of many outputs. Stores with a latency answer for many at once."""
        calls = [Call(self, "has_output", partial(self.has_output, context)) for context in contexts]
        with side_by_side(calls) as answers:
            return [answer() for answer in answers]

    def find_outputs(self, contexts: Sequence[OutputContext]) -> list[bool | None]:
        """What can be said cheaply about many outputs, as by a listing.

        Returns:
            For each: what `has_output` would say; or None where something is stored that was not verified. Only those
            that the run needs are verified then, by `has_outputs`.
        """
        return list(self.has_outputs(contexts))

    def get_stamp(self, context: OutputContext) -> str | None:
        """What tells the value at an output's address from any other that may come to be there, as an ETag does.

        Asked for after `handle_output`, or after `has_outputs` said that it is there. Where it is known,
        `context.stamp` has it the next time, and a value that still has it need not be verified again. None where
        there is no such thing.
        """
        return None

    def stored_versions(self) -> Iterator[StoredVersion]:
        """Everything that is stored where this IO manager stores, by whatever pipeline, in no order.

        Anything else that is there is passed over. A value may be listed that `has_output` calls damaged.

        Raises:
            DagsterInvariantViolationError: IO managers of this class cannot list.
            DagsterError: the store cannot be listed.
        """
        raise self._cannot("list what they have stored", "stored_versions")

    def delete_version(self, stored: StoredVersion) -> bool:
        """Deletes what `stored_versions` has listed; False where it was gone.

        Raises:
            DagsterInvariantViolationError: IO managers of this class cannot delete.
            DagsterError: the store refuses.
        """
        raise self._cannot("delete what they have stored", "delete_version")

    def delete_versions(self, stored: Sequence[StoredVersion]) -> list[bool]:
        """`delete_version` for each of many. A store that deletes many at once may call what was gone deleted."""
        return [self.delete_version(each) for each in stored]

    def _cannot(self, what: str, method: str) -> DagsterInvariantViolationError:
        return DagsterInvariantViolationError(
            f"IO managers of class {type(self).__name__} cannot {what}; its method {method} is not defined."
        )

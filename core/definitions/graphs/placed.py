"""What stands for values in the body of a pipeline or graph, where they are not known: outputs, and given inputs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError


class Home(Protocol):
    """The body in which something stands for a value, as a Composition is one."""

    described: str


_SAID_BEFORE_THE_CALL = ("alias", "tag", "with_hooks", "with_retry_policy")

_OPERATORS = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod"),
    *("divmod", "pow", "lshift", "rshift", "and", "or", "xor"),
)
_ASKED = {
    **{f"{side}{each}": "reckons with" for each in _OPERATORS for side in ("", "r", "i")},
    **dict.fromkeys(
        ["neg", "pos", "abs", "invert", "round", "trunc", "floor", "ceil", "int", "float", "complex", "index"],
        "reckons with",
    ),
    **dict.fromkeys(["lt", "le", "gt", "ge", "eq", "ne"], "compares"),
    **dict.fromkeys(["getitem", "setitem", "delitem", "contains"], "asks for an item of"),
    **dict.fromkeys(["iter", "reversed", "aiter"], "unpacks or goes through"),
    **dict.fromkeys(["enter", "aenter"], "enters"),
    "len": "asks for the length of",
    "call": "calls",
    "format": "writes into a text",
    "await": "awaits",
}
"""What a body does that uses such a method of what stands for a value."""


class _NotKnownYet:
    """What stands for a value in a body: whatever asks for the value itself is refused, with the place in the body."""

    home: Home

    @property
    def which(self) -> str:
        """What it is, for messages: "output 'result' of solid 'clean'"."""
        raise NotImplementedError

    def refused(self, does: str, advice: str = "Do that in a solid that takes it.") -> DagsterInvariantViolationError:
        """The error for what a body does with it.

        Args:
            does: what it does, before what it does it with.
            advice: what to do instead.
        """
        return DagsterInvariantViolationError(
            f"The body of {self.home.described} {does} {self.which}, at {caller()}, whose value is known only when the "
            f"pipeline runs: a body only says which solid feeds which. {advice}"
        )

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise self.refused(
            "asks for the truth of",
            "To run a solid only sometimes, give the solid before it an output with is_required=False, and yield that "
            "output only then.",
        )


def _asking(does: str) -> Callable[..., Any]:
    def ask(self: _NotKnownYet, *_: object) -> Any:
        raise self.refused(does)

    return ask


for _name, _does in _ASKED.items():
    setattr(_NotKnownYet, f"__{_name}__", _asking(_does))


def caller() -> str:
    """The file and line of the user's code that is executed."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("core.definitions."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


class _OfPlaced(_NotKnownYet):
    """What stands for an output of a placed solid: tells what is asked of it that only values or solids have.

    Args:
        home: where it was placed.
        solid_name: as it is called there.
        output_name: its output.
    """

    def __init__(self, home: Home, solid_name: str, output_name: str) -> None:
        self.home, self.solid_name, self.output_name = home, solid_name, output_name

    @property
    def which(self) -> str:
        return f"output {self.output_name!r} of solid {self.solid_name!r}"

    def __repr__(self) -> str:
        return f"<{self.which} in the body of {self.home.described}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in _SAID_BEFORE_THE_CALL:
            raise _said_too_late(self.solid_name, name)
        if name in ("map", "collect"):
            raise DagsterInvalidDefinitionError(
                f"The {self.which} is not dynamic, so there is no {name}() of it; declare it with "
                "DynamicOutputDefinition."
            )
        raise AttributeError(
            f"The {self.which} has no {name!r} in the body of {self.home.described}, at {caller()}, where its value is "
            "not known yet; ask for that in a solid that takes it."
        )


def _said_too_late(solid_name: str, method: str) -> DagsterInvariantViolationError:
    return DagsterInvariantViolationError(
        f"{method}() was called on what a call of solid {solid_name!r} gave, and belongs before the call: "
        f"{solid_name}.{method}(...)(...)."
    )


class PlacedOutput(_OfPlaced):
    """What a call of a solid returns in the body of a pipeline or graph: one output of the placed solid."""


class PlacedDynamicOutput(_OfPlaced):
    """What stands for a dynamic output in a body, and for an output of what was placed for each of its values."""

    def map(self, fn: Callable[[PlacedOutput], Any]) -> Any:
        """Places what is to be executed for each value.

        Args:
            fn: called once, with what stands for any of the values; places solids that it feeds.

        Returns:
            For each output that `fn` returns (one, or a tuple or dict of them), what can be mapped further or
            collected.

        Raises:
            DagsterInvalidDefinitionError: `fn` returns something else.
        """
        returned = fn(PlacedOutput(self.home, self.solid_name, self.output_name))
        return self._for_each(returned)

    def _for_each(self, returned: Any) -> Any:
        if returned is None or isinstance(returned, PlacedDynamicOutput):
            return returned
        if isinstance(returned, PlacedOutput):
            return PlacedDynamicOutput(returned.home, returned.solid_name, returned.output_name)
        if isinstance(returned, PlacedOutputs):
            return returned.for_each_value()
        if isinstance(returned, dict):
            return {name: self._for_each(each) for name, each in returned.items()}
        if isinstance(returned, tuple | list):
            return tuple(self._for_each(each) for each in returned)
        raise DagsterInvalidDefinitionError(
            f"The function given to `map` of output {self.output_name!r} of solid {self.solid_name!r} returned a "
            f"{type(returned).__name__}. Return what solids give that it calls, or nothing."
        )

    def collect(self) -> PlacedCollection:
        """What stands for the list of all values, in the order of their keys, as an input of one solid."""
        return PlacedCollection(self.home, self.solid_name, self.output_name)

    def __iter__(self) -> Iterator[Any]:
        raise self.refused("unpacks or goes through", "Use map(), for each value, or collect(), for a list of all.")


class PlacedCollection(PlacedOutput):
    """What stands for the list of all values of a dynamic output in a body."""


class PlacedOutputs(_NotKnownYet):
    """What a call of a solid with several outputs returns: unpacked in their order, or by name as attributes."""

    def __init__(self, solid_name: str, outputs: Mapping[str, PlacedOutput | PlacedDynamicOutput]) -> None:
        self._solid_name = solid_name
        self._outputs = outputs

    @property
    def home(self) -> Home:  # type: ignore[override]
        return next(iter(self._outputs.values())).home

    @property
    def which(self) -> str:
        return f"the outputs of solid {self._solid_name!r}"

    def for_each_value(self) -> PlacedOutputs:
        """The same, for each value of what they were mapped over."""
        outputs = {
            name: PlacedDynamicOutput(each.home, each.solid_name, each.output_name)
            for name, each in self._outputs.items()
        }
        return PlacedOutputs(self._solid_name, outputs)

    def __iter__(self) -> Iterator[PlacedOutput | PlacedDynamicOutput]:
        return iter(self._outputs.values())

    def __len__(self) -> int:
        return len(self._outputs)

    def __getitem__(self, index: int) -> PlacedOutput | PlacedDynamicOutput:
        return list(self._outputs.values())[index]

    def __getattr__(self, name: str) -> PlacedOutput | PlacedDynamicOutput:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._outputs[name]
        except KeyError:
            if name in _SAID_BEFORE_THE_CALL:
                raise _said_too_late(self._solid_name, name) from None
            known = ", ".join(self._outputs)
            raise AttributeError(f"Solid {self._solid_name!r} has no output {name!r}; it has {known}.") from None


class GivenInput(_NotKnownYet):
    """What a parameter is in the body of a graph: one of its inputs.

    Args:
        home: the body.
        name: the input.
    """

    def __init__(self, home: Home, name: str) -> None:
        self.home, self.name = home, name

    @property
    def which(self) -> str:
        return f"its input {self.name!r}"

    def __repr__(self) -> str:
        return f"<input {self.name!r} of {self.home.described}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("home", "name"):
            raise AttributeError(name)
        raise AttributeError(
            f"The input {self.name!r} has no {name!r} in the body of {self.home.described}, at {caller()}, where its "
            "value is not known yet; ask for that in a solid that takes it."
        )

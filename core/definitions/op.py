"""Ops: solids whose inputs and outputs are declared by name."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from core.arguments import checked_arguments
from core.definitions.parts.configurable import mapping_of
from core.definitions.parts.input_output import NO_VALUE, InputDefinition, OutputDefinition
from core.definitions.solid import SolidDefinition, solid
from core.errors import DagsterInvalidDefinitionError
from core.wording import a_kind_of


class In:
    """An input of an op, whose name is its key in `ins`.

    Args:
        dagster_type: the type of its values; by default that of the parameter's annotation.
        description: for people.
        default_value: used when nothing feeds the input; by default that of the parameter.
        more: as of InputDefinition.

    Raises:
        DagsterInvalidDefinitionError: what is given for a type is none.

    Example:
        >>> from core import In, execute_solid, op
        >>> @op(ins={"rows": In(list, description="Rows of a table.")})
        ... def count(rows):
        ...     return len(rows)
        >>> execute_solid(count, input_values={"rows": ["a", "b"]}).output_value()
        2
    """

    def __init__(
        self, dagster_type: Any = None, description: str | None = None, default_value: Any = NO_VALUE, **more: Any
    ) -> None:
        self._unnamed = InputDefinition("unnamed", dagster_type, description, default_value, **more)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._unnamed.dagster_type.display_name}>"

    def definition(self, name: str) -> InputDefinition:
        """The input under a name."""
        return _named(self._unnamed, InputDefinition(name))


class Out:
    """An output of an op.

    Args:
        dagster_type: the type of its values; of the only output by default what the function's annotation says.
        name: where it is one of a list; in a mapping its key is its name, and the only one is "result" by default.
        description: for people.
        is_required: whether the op must give it.
        io_manager_key: the resource that stores it.
        more: as of OutputDefinition.

    Raises:
        DagsterInvalidDefinitionError: what is given for a type or a name is none.

    Example:
        >>> from core import ModeDefinition, Out, execute_solid, mem_io_manager, op
        >>> @op(out=Out(int, description="How many there are.", io_manager_key="warehouse"))
        ... def count(rows):
        ...     return len(rows)
        >>> mode = ModeDefinition(resource_defs={"warehouse": mem_io_manager})
        >>> execute_solid(count, mode, input_values={"rows": ["a", "b"]}).output_value()
        2
    """

    def __init__(
        self,
        dagster_type: Any = None,
        name: str | None = None,
        description: str | None = None,
        is_required: bool = True,
        io_manager_key: str | None = None,
        **more: Any,
    ) -> None:
        self.name = name
        self._unnamed = OutputDefinition(dagster_type, name, description, is_required, io_manager_key, **more)

    def __repr__(self) -> str:
        named = f" {self.name!r}" if self.name else ""
        return f"<{type(self).__name__}{named}: {self._unnamed.dagster_type.display_name}>"

    def definition(self, name: str | None = None) -> OutputDefinition:
        """The output under a name; its own by default."""
        return _named(self._unnamed, OutputDefinition(name=name or self.name))


class MultiOut:
    """The outputs of an op that gives several.

    Args:
        outs: by name; or a list of those that have one.

    Raises:
        DagsterInvalidDefinitionError: one has no name, or another one than its key; or is no Out.

    Example:
        >>> from core import MultiOut, Out, Output, execute_solid, op
        >>> @op(out=MultiOut({"even": Out(int, is_required=False), "odd": Out(int, is_required=False)}))
        ... def sort_out(number: int):
        ...     yield Output(number, "odd" if number % 2 else "even")
        >>> execute_solid(sort_out, input_values={"number": 3}).output_values
        {'odd': 3}
    """

    @checked_arguments("a MultiOut")
    def __init__(self, outs: Mapping[str, Out] | Sequence[Out]) -> None:
        named = outs.items() if isinstance(outs, Mapping) else [(each.name, each) for each in outs]
        self.outs: dict[str, Out] = {}
        for name, out in named:
            if name is None or out.name not in (None, name):
                raise DagsterInvalidDefinitionError(
                    "Each output of a MultiOut needs a name: MultiOut({'rows': Out(...)}), or Out(..., name='rows') in "
                    f"a list; one has the name {out.name!r}."
                )
            if name in self.outs:
                raise DagsterInvalidDefinitionError(f"A MultiOut has two outputs called {name!r}; rename one.")
            self.outs[name] = out

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(self.outs) or 'none'}>"

    def definitions(self) -> list[OutputDefinition]:
        """The outputs, in order."""
        return [out.definition(name) for name, out in self.outs.items()]


_Definition = TypeVar("_Definition", InputDefinition, OutputDefinition)
Outs = Out | MultiOut | Mapping[str, Out]


def input_definitions(ins: Mapping[str, In] | None, input_defs: Sequence[InputDefinition] | None) -> Any:
    """What stands in `ins`, as definitions; `input_defs` where there is none of it."""
    if ins is None:
        return input_defs
    if input_defs is not None:
        raise DagsterInvalidDefinitionError("Inputs are declared in `ins` or in `input_defs`; give one of them.")
    for name, each in mapping_of(ins, "ins of an op").items():
        if not isinstance(each, In):
            raise DagsterInvalidDefinitionError(f"Input {name!r} in ins of an op is {a_kind_of(each)}; write In(...).")
    return [each.definition(name) for name, each in ins.items()]


def output_definitions(out: Outs | None, output_defs: Sequence[OutputDefinition] | None) -> Any:
    """What stands in `out`, as definitions; `output_defs` where there is none of it."""
    if out is None:
        return output_defs
    if output_defs is not None:
        raise DagsterInvalidDefinitionError("Outputs are declared in `out` or in `output_defs`; give one of them.")
    if isinstance(out, Out):
        return [out.definition()]
    if not isinstance(out, MultiOut | Mapping):
        raise DagsterInvalidDefinitionError(f"out of an op must be an Out or a dict of them; it is {a_kind_of(out)}.")
    return (out if isinstance(out, MultiOut) else MultiOut(out)).definitions()


def op(
    name: Any = None,
    description: str | None = None,
    ins: Mapping[str, In] | None = None,
    out: Outs | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    **more: Any,
) -> Any:
    """Decorator: a function becomes a SolidDefinition, as by `@solid`. With or without arguments.

    Args:
        name: of the op; the function's name by default.
        description: for people; the function's docstring by default.
        ins: by name, what the parameters' annotations and defaults do not say.
        out: the only output, or several, by name or as a MultiOut; by default one of the return annotation's type.
        input_defs: instead of `ins`, as of a solid.
        output_defs: instead of `out`, as of a solid.
        more: as of `@solid`: config_schema, required_resource_keys, tags, version ...

    Raises:
        DagsterInvalidDefinitionError: the parts do not fit together.

    Example:
        >>> from core import In, Out, op
        >>> @op(ins={"number": In(int)}, out=Out(int))
        ... def add_one(number):
        ...     return number + 1
        >>> add_one(2)
        3
    """
    if callable(name):
        return solid(name)

    def make(compute_fn: Any) -> SolidDefinition:
        inputs, outputs = input_definitions(ins, input_defs), output_definitions(out, output_defs)
        made: SolidDefinition = solid(name, description, inputs, outputs, **more)(compute_fn)
        return made

    return make


def _named(unnamed: _Definition, checked: _Definition) -> _Definition:
    """A copy of a definition, with the name of another, in which it was checked."""
    copied = copy.copy(unnamed)
    copied.name = checked.name
    return copied

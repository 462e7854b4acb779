"""Whether the parts of a pipeline fit together: its function, its solids, and its modes with what those require."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.definitions.dependency import Solid
from core.definitions.hook import HookDefinition
from core.definitions.mode import ModeDefinition
from core.definitions.parts.input_output import DEFAULT_IO_MANAGER_KEY
from core.definitions.run_configs.type_config import type_resources
from core.errors import DagsterInvalidDefinitionError


def check_takes_nothing(body: Callable[..., Any], name: str) -> None:
    """The function of a pipeline needs no arguments.

    Args:
        body: the function.
        name: of the pipeline.

    Raises:
        DagsterInvalidDefinitionError: it does; says which.
    """
    parameters = inspect.signature(body).parameters.values()
    needed = [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
    if needed:
        raise DagsterInvalidDefinitionError(
            f"The function of pipeline {name!r} takes {', '.join(needed)}, and a pipeline has no inputs. Values come "
            "from solids and from run config; what takes inputs is a @composite_solid or @graph."
        )


def check_solids(pipeline_name: str, solids: Iterable[Solid]) -> None:
    """One name is one solid, however deep in graphs: by it, what became of its code is told.

    Args:
        pipeline_name: of the pipeline.
        solids: all that become steps.

    Raises:
        DagsterInvalidDefinitionError: two different solids have one name.
    """
    homes: dict[str, Solid] = {}
    for solid in solids:
        first = homes.setdefault(solid.definition.name, solid)
        if first.definition is not solid.definition:
            raise DagsterInvalidDefinitionError(
                f"Pipeline {pipeline_name!r} has two different solids called {solid.definition.name!r}, at "
                f"{first.key!r} and {solid.key!r}; rename one."
            )


def check_resources(
    pipeline_name: str, mode: ModeDefinition, solids: Iterable[Solid], hooks: Mapping[str, Sequence[HookDefinition]]
) -> None:
    """A mode has every resource that is required.

    Args:
        pipeline_name: of the pipeline.
        mode: one of its modes.
        solids: all that become steps.
        hooks: those of each, by its key.

    Raises:
        DagsterInvalidDefinitionError: one is missing; says which, and what requires it.
    """
    known = {*mode.resource_defs, DEFAULT_IO_MANAGER_KEY}
    for asker, keys in _required(mode, solids, hooks):
        for key in sorted(keys - known):
            raise DagsterInvalidDefinitionError(
                f"Pipeline {pipeline_name!r}: {asker} requires the resource {key!r}, which mode {mode.name!r} does not "
                f"have. Add it to resource_defs of ModeDefinition(name={mode.name!r}). It has: "
                f"{', '.join(sorted(known))}."
            )


def _required(
    mode: ModeDefinition, solids: Iterable[Solid], hooks: Mapping[str, Sequence[HookDefinition]]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Who requires resources, and their keys."""
    for solid in solids:
        named = f"solid {solid.definition.name!r}"
        managers = (output.io_manager_key for output in solid.definition.output_defs)
        yield named, solid.definition.required_resource_keys.union(managers)
        for hook in hooks[solid.key]:
            yield f"hook {hook.name!r}", hook.required_resource_keys
        for input_name, key in solid.root_manager_keys.items():
            yield f"input {input_name!r} of solid {solid.name!r}", frozenset({key})
        for of_type, keys in type_resources(solid):
            yield f"{of_type} of {named}", keys
    for key, resource_def in mode.resource_defs.items():
        yield f"resource {key!r}", resource_def.required_resource_keys
    for storage in (mode.intermediate_storage_defs or {}).values():
        yield f"storage {storage.name!r}", storage.required_resource_keys

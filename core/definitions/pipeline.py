"""Pipelines: solids, what feeds their inputs, and the modes they run in."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, overload

from core.config import unknown_name
from core.definitions.composition import composing
from core.definitions.configurable import check_name
from core.definitions.dependency import Feed, Solid, SolidInvocation
from core.definitions.hook import HookDefinition, hook_set
from core.definitions.input_output import DEFAULT_IO_MANAGER_KEY
from core.definitions.mode import DEFAULT_MODE_NAME, ModeDefinition
from core.definitions.preset import PresetDefinition, presets_by_name
from core.definitions.retry_policy import RetryPolicy, checked_policy
from core.definitions.solid import SolidDefinition
from core.definitions.type_config import type_resources
from core.definitions.version_strategy import VersionStrategy
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.events.user_events import normalize_tags
from core.records.origin import PipelinePythonOrigin

Dependencies = Mapping[Any, Mapping[str, Feed]]
"""Solid name or SolidInvocation -> input name -> what feeds it."""


_MOST_SHOWN = 5


class PipelineDefinition:
    """A directed graph of solids.

    Args:
        solid_defs: every solid that `dependencies` names.
        name: of the pipeline.
        description: for people.
        dependencies: for each solid (by name, or by SolidInvocation where it has an alias), what feeds its inputs.
        mode_defs: the modes; one with defaults when none is given. The first is used when none is asked for.
        preset_defs: run configs that have a name.
        tags: string to string, or to what JSON can hold; runs have them too.
        hook_defs: hooks of each of its steps.
        solid_retry_policy: whether and when steps that fail are run again, of solids that have no policy of their own.
        version_strategy: gives versions to solids and resources that state none, in modes that have none of their own.

    Attributes:
        python_origin: where another process can load the pipeline, or make it again; None where that is not known.

    Raises:
        DagsterInvalidDefinitionError: the parts do not fit together; the message says which.
    """

    python_origin: PipelinePythonOrigin | None = None

    def __init__(
        self,
        solid_defs: Sequence[SolidDefinition],
        name: str | None = None,
        description: str | None = None,
        dependencies: Dependencies | None = None,
        mode_defs: Sequence[ModeDefinition] | None = None,
        preset_defs: Sequence[PresetDefinition] | None = None,
        tags: Mapping[str, Any] | None = None,
        hook_defs: Iterable[HookDefinition] | None = None,
        solid_retry_policy: RetryPolicy | None = None,
        version_strategy: VersionStrategy | None = None,
    ) -> None:
        self.name = check_name(name or "pipeline", "pipeline")
        self.description = description
        self.tags = normalize_tags(tags, f"pipeline {self.name!r}")
        self.hook_defs = hook_set(hook_defs, f"pipeline {self.name!r}")
        self.solid_retry_policy = checked_policy(solid_retry_policy, f"pipeline {self.name!r}")
        self.version_strategy = version_strategy
        self.mode_defs = tuple(mode_defs or [ModeDefinition()])
        self._modes = {mode.name: mode for mode in self.mode_defs}
        if len(self._modes) < len(self.mode_defs):
            raise DagsterInvalidDefinitionError(f"Pipeline {self.name!r} has two modes of the same name; rename one.")
        self.preset_defs = tuple(preset_defs or ())
        self._presets = presets_by_name(self.preset_defs, self._modes, f"pipeline {self.name!r}")
        self._solids = self._place(solid_defs, dependencies or {})
        self._check_feeds()
        self._ordered = self._topological_order()
        self._check_resources()

    def loaded_from(self, origin: PipelinePythonOrigin) -> PipelineDefinition:
        """The same pipeline, of which it is known that other processes can load it there."""
        loaded = copy.copy(self)
        loaded.python_origin = origin
        return loaded

    def with_hooks(self, hook_defs: Iterable[HookDefinition]) -> PipelineDefinition:
        """The same pipeline, with more hooks for each of its steps.

        Raises:
            DagsterInvalidDefinitionError: a mode does not have a resource that a hook requires.
        """
        changed = copy.copy(self)
        changed.hook_defs = self.hook_defs | hook_set(hook_defs, f"pipeline {self.name!r}")
        changed.python_origin = None  # there, it is without them
        changed._check_resources()
        return changed

    def hooks_of(self, solid: Solid) -> tuple[HookDefinition, ...]:
        """The hooks of one of its solids, its own and the pipeline's, in the order in which they are called."""
        return tuple(sorted(self.hook_defs | solid.hook_defs, key=lambda hook: hook.rank))

    def retry_policy_of(self, solid: Solid) -> RetryPolicy | None:
        """The retry policy of one of its solids: that of its place, else of its definition, else of the pipeline."""
        return solid.retry_policy or solid.definition.retry_policy or self.solid_retry_policy

    def with_solids(self, name: str, solids: Mapping[str, Solid]) -> PipelineDefinition:
        """The same, under another name, with these solids in the place of its own; no other process can load it."""
        made = copy.copy(self)
        made.name, made.python_origin, made._solids = name, None, dict(solids)
        made._check_feeds()
        made._ordered = made._topological_order()
        return made

    def __repr__(self) -> str:
        names = [solid.name for solid in self._ordered]
        shown = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
        return f"<{type(self).__name__} {self.name!r} of {len(names)} solids: {shown or 'none'}>"

    def _place(self, solid_defs: Sequence[SolidDefinition], dependencies: Dependencies) -> dict[str, Solid]:
        definitions: dict[str, SolidDefinition] = {}
        for definition in solid_defs:
            if definitions.setdefault(definition.name, definition) is not definition:
                raise DagsterInvalidDefinitionError(
                    f"Pipeline {self.name!r} has two different solids called {definition.name!r}; rename one."
                )
        placed: dict[str, Solid] = {}
        unplaced = dict(definitions)
        for key, feeds in dependencies.items():
            invocation = key if isinstance(key, SolidInvocation) else SolidInvocation(key)
            placed_def = definitions.get(invocation.name)
            if placed_def is None:
                raise DagsterInvalidDefinitionError(
                    f"Dependencies of pipeline {self.name!r}: {unknown_name('solid', invocation.name, definitions)}"
                )
            unplaced.pop(invocation.name, None)
            name = invocation.alias or invocation.name
            if name in placed:
                raise DagsterInvalidDefinitionError(
                    f"Pipeline {self.name!r} uses the name {name!r} for two solids; give one of them another alias."
                )
            tags = {**placed_def.tags, **invocation.tags}
            placed[name] = Solid(name, placed_def, tags, feeds, invocation.hook_defs, invocation.retry_policy)
        for definition in unplaced.values():
            placed[definition.name] = Solid(definition.name, definition, definition.tags, {})
        return placed

    def _check_feeds(self) -> None:
        for solid in self._solids.values():
            where = f"Pipeline {self.name!r}, solid {solid.name!r}"
            for input_name in solid.feeds:
                if input_name not in solid.definition.input_dict:
                    raise DagsterInvalidDefinitionError(
                        f"{where}: {unknown_name('input', input_name, solid.definition.input_dict)}"
                    )
            for source in solid.upstream():
                if source.solid not in self._solids:
                    raise DagsterInvalidDefinitionError(f"{where}: {unknown_name('solid', source.solid, self._solids)}")
                outputs = self._solids[source.solid].definition.output_dict
                if source.output not in outputs:
                    raise DagsterInvalidDefinitionError(
                        f"{where} is fed by solid {source.solid!r}: {unknown_name('output', source.output, outputs)}"
                    )

    def _topological_order(self) -> list[Solid]:
        waiting = {name: {source.solid for source in solid.upstream()} for name, solid in self._solids.items()}
        dependents: dict[str, list[str]] = {}
        for name, sources in waiting.items():
            for source in sources:
                dependents.setdefault(source, []).append(name)
        ready = [name for name, sources in waiting.items() if not sources]
        ordered: list[Solid] = []
        for name in ready:  # grows while it is walked
            ordered.append(self._solids[name])
            for dependent in dependents.get(name, []):
                waiting[dependent].discard(name)
                if not waiting[dependent]:
                    ready.append(dependent)
        if len(ordered) < len(self._solids):
            cycle = ", ".join(sorted(name for name, sources in waiting.items() if sources))
            raise DagsterInvalidDefinitionError(f"Pipeline {self.name!r} has a cycle among the solids {cycle}.")
        return ordered

    def _check_resources(self) -> None:
        for mode in self.mode_defs:
            known = {*mode.resource_defs, DEFAULT_IO_MANAGER_KEY}
            for solid in self._solids.values():
                keys = solid.definition.required_resource_keys | {
                    output.io_manager_key for output in solid.definition.output_defs
                }
                self._check_known(keys, known, f"solid {solid.definition.name!r}", mode)
                for hook in self.hooks_of(solid):
                    self._check_known(hook.required_resource_keys, known, f"hook {hook.name!r}", mode)
                for input_name, key in solid.root_manager_keys.items():
                    self._check_known(frozenset({key}), known, f"input {input_name!r} of solid {solid.name!r}", mode)
                for asker, of_type in type_resources(solid):
                    self._check_known(of_type, known, f"{asker} of solid {solid.definition.name!r}", mode)
            for key, resource_def in mode.resource_defs.items():
                self._check_known(resource_def.required_resource_keys, known, f"resource {key!r}", mode)
            for storage in (mode.intermediate_storage_defs or {}).values():
                self._check_known(storage.required_resource_keys, known, f"storage {storage.name!r}", mode)

    def _check_known(self, keys: frozenset[str], known: set[str], asker: str, mode: ModeDefinition) -> None:
        for key in sorted(keys - known):
            raise DagsterInvalidDefinitionError(
                f"Pipeline {self.name!r}: {asker} requires the resource {key!r}, which mode {mode.name!r} does not "
                f"have. Add it to resource_defs of ModeDefinition(name={mode.name!r}). It has: "
                f"{', '.join(sorted(known))}."
            )

    @property
    def solids(self) -> list[Solid]:
        """list[Solid]: in an order in which each comes after those that feed it."""
        return list(self._ordered)

    @property
    def solid_dict(self) -> dict[str, Solid]:
        """dict[str, Solid]: by name, in the order they were placed."""
        return dict(self._solids)

    def solid_named(self, name: str) -> Solid:
        """The solid of that name; raises DagsterInvariantViolationError when there is none."""
        if name not in self._solids:
            raise DagsterInvariantViolationError(f"Pipeline {self.name!r}: {unknown_name('solid', name, self._solids)}")
        return self._solids[name]

    def has_mode_definition(self, mode: str) -> bool:
        """Whether it has a mode of that name."""
        return mode in self._modes

    def get_mode_definition(self, mode: str | None = None) -> ModeDefinition:
        """The mode of that name, or the first; raises DagsterInvariantViolationError when there is none."""
        if mode is None:
            return self.mode_defs[0]
        if mode not in self._modes:
            raise DagsterInvariantViolationError(f"Pipeline {self.name!r}: {unknown_name('mode', mode, self._modes)}")
        return self._modes[mode]

    def has_preset(self, name: str) -> bool:
        """Whether it has a preset of that name."""
        return name in self._presets

    def get_preset(self, name: str) -> PresetDefinition:
        """The preset of that name; raises DagsterInvariantViolationError when there is none."""
        if name not in self._presets:
            unknown = unknown_name("preset", name, self._presets)
            raise DagsterInvariantViolationError(f"Pipeline {self.name!r}: {unknown}")
        return self._presets[name]

    def mode_of_preset(self, name: str) -> str:
        """The name of the mode that a preset is for: the one that it names, else "default", else the first."""
        default = DEFAULT_MODE_NAME if DEFAULT_MODE_NAME in self._modes else self.get_default_mode_name()
        return self.get_preset(name).mode or default

    def get_default_mode_name(self) -> str:
        """The name of the first mode."""
        return self.mode_defs[0].name


@overload
def pipeline(name: Callable[..., Any]) -> PipelineDefinition: ...
@overload
def pipeline(
    name: str | None = None,
    description: str | None = None,
    mode_defs: Sequence[ModeDefinition] | None = None,
    preset_defs: Sequence[PresetDefinition] | None = None,
    tags: Mapping[str, Any] | None = None,
    hook_defs: Iterable[HookDefinition] | None = None,
    solid_retry_policy: RetryPolicy | None = None,
    version_strategy: VersionStrategy | None = None,
) -> Callable[[Callable[..., Any]], PipelineDefinition]: ...
def pipeline(
    name: Any = None,
    description: str | None = None,
    mode_defs: Sequence[ModeDefinition] | None = None,
    preset_defs: Sequence[PresetDefinition] | None = None,
    tags: Mapping[str, Any] | None = None,
    hook_defs: Iterable[HookDefinition] | None = None,
    solid_retry_policy: RetryPolicy | None = None,
    version_strategy: VersionStrategy | None = None,
) -> Any:
    """Decorator: a function whose body calls solids becomes a PipelineDefinition. With or without arguments.

    Args:
        name: of the pipeline; the function's name by default.
        description: for people; the function's docstring by default.
        mode_defs: the modes.
        preset_defs: run configs that have a name.
        tags: of the pipeline and its runs.
        hook_defs: hooks of each of its steps.
        solid_retry_policy: whether and when steps that fail are run again, of solids that have no policy of their own.
        version_strategy: gives versions to solids and resources that state none, in modes that have none of their own.
    """
    if callable(name):
        return pipeline()(name)

    def make(body: Callable[..., Any]) -> PipelineDefinition:
        own_name = name or body.__name__
        with composing(own_name) as composition:
            body()
        made = PipelineDefinition(
            list(composition.definitions.values()),
            own_name,
            description or body.__doc__,
            composition.dependencies,
            mode_defs,
            preset_defs,
            tags,
            hook_defs,
            solid_retry_policy,
            version_strategy,
        )
        wrapper: Any = made
        functools.update_wrapper(wrapper, body, updated=())  # its name, docstring and module, by which others find it
        return made

    return make

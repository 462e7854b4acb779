"""Pipelines: solids, what feeds their inputs, and the modes they run in."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NoReturn, overload

from core.arguments import checked_arguments
from core.config import unknown_name
from core.definitions.dependency import Node, Solid
from core.definitions.graph import ConfigMapping, GraphDefinition
from core.definitions.graphs.composition import composing
from core.definitions.graphs.dynamic import mapped_over
from core.definitions.graphs.flatten import Flattened, PlacedGraph, flattened
from core.definitions.graphs.node import NodeDefinition
from core.definitions.graphs.placing import Dependencies, PlacedNodes
from core.definitions.hook import HookDefinition, hook_set
from core.definitions.mode import DEFAULT_MODE_NAME, ModeDefinition
from core.definitions.parts.configurable import check_name, items_of
from core.definitions.parts.retry_policy import RetryPolicy
from core.definitions.pipeline_checks import check_resources, check_solids, check_takes_nothing
from core.definitions.preset import PresetDefinition, presets_by_name
from core.definitions.version_strategy import VersionStrategy
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.events.user_events import normalize_tags
from core.records.origin import PipelinePythonOrigin
from core.wording import counted

_MOST_SHOWN = 5


class PipelineDefinition:
    """A directed graph of solids, and of graphs of them.

    Args:
        solid_defs: every solid and graph that `dependencies` names.
        name: of the pipeline.
        description: for people.
        dependencies: for each solid (by name, or by SolidInvocation where it has an alias), what feeds its inputs.
        mode_defs: the modes; one with defaults when none is given. The first is used when none is asked for.
        preset_defs: run configs that have a name.
        tags: string to string, or to what JSON can hold; runs have them too.
        hook_defs: hooks of each of its steps.
        solid_retry_policy: whether and when steps that fail are run again, of solids that have no policy of their own.
        version_strategy: gives versions to solids and resources that state none, in modes that have none of their own.
        graph_def: a graph, in place of `solid_defs` and `dependencies`: what is in it is what is in the pipeline, and
            what nothing feeds of its inputs is given by `inputs` of the run config.
        config: the run config of runs that are given none; or a config mapping, from what such runs are given to what
            would be a run config without it.

    Attributes:
        nodes: the solids and graphs in it, in their places.
        mapped_over: the solids that become a step for each value of a dynamic output: key -> the output.
        python_origin: where another process can load the pipeline, or make it again; None where that is not known.

    Raises:
        DagsterInvalidDefinitionError: the parts do not fit together; the message says which.

    Example:
        >>> from core import DependencyDefinition, PipelineDefinition, execute_pipeline, lambda_solid
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> add = lambda_solid(name="add")(lambda number: number + 1)
        >>> sums = PipelineDefinition([one, add], "sums", dependencies={"add": {"number": DependencyDefinition("one")}})
        >>> execute_pipeline(sums).output_for_solid("add")
        2
    """

    python_origin: PipelinePythonOrigin | None = None

    @checked_arguments("pipeline")
    def __init__(
        self,
        solid_defs: Sequence[NodeDefinition] = (),
        name: str | None = None,
        description: str | None = None,
        dependencies: Dependencies | None = None,
        mode_defs: Sequence[ModeDefinition] | None = None,
        preset_defs: Sequence[PresetDefinition] | None = None,
        tags: Mapping[str, Any] | None = None,
        hook_defs: Iterable[HookDefinition] | None = None,
        solid_retry_policy: RetryPolicy | None = None,
        version_strategy: VersionStrategy | None = None,
        graph_def: GraphDefinition | None = None,
        config: ConfigMapping | Mapping[str, Any] | None = None,
    ) -> None:
        self.name = check_name(name or "pipeline", "pipeline")
        self.description = description
        self.tags = normalize_tags(tags, f"pipeline {self.name!r}")
        self.hook_defs = hook_set(hook_defs, f"pipeline {self.name!r}")
        self.solid_retry_policy = solid_retry_policy
        self.version_strategy = version_strategy
        modes = items_of(mode_defs, ModeDefinition, f"mode_defs of pipeline {self.name!r}")
        self.mode_defs = modes or (ModeDefinition(),)
        self._modes = {mode.name: mode for mode in self.mode_defs}
        if len(self._modes) < len(self.mode_defs):
            raise DagsterInvalidDefinitionError(f"Pipeline {self.name!r} has two modes of the same name; rename one.")
        self._presets = presets_by_name(preset_defs, self._modes, f"pipeline {self.name!r}")
        self.preset_defs = tuple(self._presets.values())
        self.graph_def = graph_def
        self.config = config
        self.nodes = (
            graph_def.nodes if graph_def else PlacedNodes("pipeline", self.name, solid_defs, dependencies or {})
        )
        self._flat = flattened(self.nodes, graph_def)
        self.mapped_over = mapped_over(self._flat.solids)
        check_solids(self.name, self.leaves)
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
        """The same with only these solids, under another name; no other process can load it.

        Args:
            name: of the new pipeline.
            solids: by key, each fed by some of them, in the place of its own.
        """
        made = self.selected(solids)
        made.name, made.python_origin = name, None
        made._flat = Flattened({key: solids[key] for key in made._flat.solids}, made._flat.graphs)
        made.mapped_over = mapped_over(made._flat.solids)
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises DagsterInvariantViolationError: a pipeline is not called, but run."""
        raise DagsterInvariantViolationError(
            f"Pipeline {self.name!r} was called. Run it with execute_pipeline({self.name}), or `cloudstore run`; what "
            "is placed in another pipeline is a @composite_solid or @graph."
        )

    def __repr__(self) -> str:
        names = [node.name for node in self.nodes.ordered]
        shown = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
        return f"<{type(self).__name__} {self.name!r} of {counted(len(names), 'solid')}: {shown or 'none'}>"

    def selected(self, keys: Collection[str]) -> PipelineDefinition:
        """The same pipeline with only some of its solids; inputs that others feed are given by run config.

        Args:
            keys: of the solids.
        """
        chosen = copy.copy(self)
        chosen._flat = flattened(self.nodes, self.graph_def, frozenset(keys))
        chosen.mapped_over = mapped_over(chosen._flat.solids)
        return chosen

    def _check_resources(self) -> None:
        hooks = {solid.key: self.hooks_of(solid) for solid in self.leaves}
        for mode in self.mode_defs:
            check_resources(self.name, mode, self.leaves, hooks)

    @property
    def solids(self) -> list[Node]:
        """list[Node]: the solids and graphs in it, in an order in which each comes after those that feed it."""
        return list(self.nodes.ordered)

    @property
    def solid_dict(self) -> dict[str, Node]:
        """dict[str, Node]: the same by name, in the order they were placed."""
        return dict(self.nodes.by_name)

    def has_solid_named(self, name: str) -> bool:
        """Whether a solid or graph in it has that name."""
        return name in self.nodes.by_name

    def solid_named(self, name: str) -> Node:
        """The solid or graph of that name in it; raises DagsterInvariantViolationError when there is none."""
        if not self.has_solid_named(name):
            unknown = unknown_name("solid", name, self.nodes.by_name)
            raise DagsterInvariantViolationError(f"Pipeline {self.name!r}: {unknown}")
        return self.nodes.by_name[name]

    @property
    def leaves(self) -> list[Solid]:
        """list[Solid]: the solids that become steps, also those in graphs; each comes after those that feed it."""
        return list(self._flat.solids.values())

    @property
    def graphs(self) -> dict[str, PlacedGraph]:
        """dict[str, PlacedGraph]: the graphs in it, also those in graphs, by key; each comes before those in it."""
        return self._flat.graphs

    @property
    def all_solid_defs(self) -> list[NodeDefinition]:
        """list[NodeDefinition]: the definitions of its solids and graphs, also of those in graphs, each once."""
        graphs = [each.definition for each in self.graphs.values()]
        found = [*(each.definition for each in self.solids), *graphs, *(each.definition for each in self.leaves)]
        return list({id(each): each for each in found}.values())

    def solid_def_named(self, name: str) -> NodeDefinition:
        """The definition of a solid or graph by its own name; raises DagsterInvariantViolationError for another one."""
        known = {each.name: each for each in self.all_solid_defs}
        if name not in known:
            unknown = unknown_name("solid definition", name, known)
            raise DagsterInvariantViolationError(f"Pipeline {self.name!r}: {unknown}")
        return known[name]

    @property
    def mode_definitions(self) -> list[ModeDefinition]:
        """list[ModeDefinition]: its modes, in order."""
        return list(self.mode_defs)

    @property
    def available_modes(self) -> list[str]:
        """list[str]: the names of its modes, in order."""
        return list(self._modes)

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

    Example:
        >>> from core import execute_pipeline, solid
        >>> @solid
        ... def one():
        ...     return 1
        >>> @solid
        ... def add_one(number: int):
        ...     return number + 1
        >>> @pipeline
        ... def sums():
        ...     add_one(one())
        >>> execute_pipeline(sums).output_for_solid("add_one")
        2
    """
    if callable(name):
        return pipeline()(name)

    def make(body: Callable[..., Any]) -> PipelineDefinition:
        own_name = name or body.__name__
        check_takes_nothing(body, own_name)
        with composing("pipeline", own_name) as composition:
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

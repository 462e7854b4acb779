"""Steps: the solids of a run, with where each input's value comes from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from core.cached import cached_property
from core.definitions.dependency import Solid
from core.definitions.hook import HookDefinition
from core.definitions.parts.input_output import InputDefinition, OutputDefinition
from core.definitions.parts.retry_policy import RetryPolicy
from core.definitions.run_configs.environment import SolidConfig
from core.definitions.run_configs.type_config import LoaderConfig
from core.events.payloads import StepOutputHandle

_NO_KEYS: frozenset[str] = frozenset()


class FromStepOutput(msgspec.Struct, frozen=True):
    """The value of an output of another step."""

    handle: StepOutputHandle


class FromStepOutputs(msgspec.Struct, frozen=True):
    """A list of values of outputs of other steps, in this order; a fan-in."""

    handles: tuple[StepOutputHandle, ...]


class FromCollected(msgspec.Struct, frozen=True):
    """A list of all values of a dynamic output, or of what a template gives; `FromStepOutputs` once they are known."""

    handle: StepOutputHandle


class FromConfig(msgspec.Struct, frozen=True):
    """A value that is made from what the run config says."""

    config: LoaderConfig


class FromDefault(msgspec.Struct, frozen=True):
    """The default value of the input."""

    value: Any


class FromRootManager(msgspec.Struct, frozen=True):
    """The value that a root input manager loads."""

    manager_key: str


ValueFrom = FromStepOutput | FromStepOutputs | FromCollected | FromConfig | FromDefault | FromRootManager


class StepInput(msgspec.Struct, frozen=True):
    """An input and where its value comes from; `value_from` is None for an input without a value that nothing feeds."""

    definition: InputDefinition
    value_from: ValueFrom | None

    @property
    def upstream_handles(self) -> tuple[StepOutputHandle, ...]:
        """tuple[StepOutputHandle, ...]: the outputs that feed it."""
        match self.value_from:
            case FromStepOutput(handle) | FromCollected(handle):
                return (handle,)
            case FromStepOutputs(handles):
                return handles
        return ()


class ExecutionStep(msgspec.Struct, frozen=True, eq=False, dict=True):
    """One solid of a run; for a solid that is mapped over a dynamic output, one for each of its values.

    Until the mapping keys of that output are known, a *template* stands for these steps.

    Attributes:
        key: that of the solid in its pipeline, as `clean` or, in a graph, `outer.clean`; `clean[key]` for a value of a
            dynamic output, `clean[?]` for a template; unique in a run.
        solid: the solid in its place.
        solid_config: what the run config says of it.
        inputs: in the order of the solid's inputs.
        hooks: called in this order when it has ended.
        retry_policy: whether and when it is run again when it fails.
        mapped_over: the dynamic output for whose values it is executed; None where there is none.
        mapping_key: which of its values; None in a template.
        priority: of the steps that may begin, those with a higher one do first.
        max_runtime_seconds: how long it may take, where it is executed in a process of its own; None for any time.
        cluster_resources: what it takes of the resources of a worker, where a cluster executes it; by name.
    """

    key: str
    solid: Solid
    solid_config: SolidConfig
    inputs: tuple[StepInput, ...]
    hooks: tuple[HookDefinition, ...] = ()
    retry_policy: RetryPolicy | None = None
    mapped_over: StepOutputHandle | None = None
    mapping_key: str | None = None
    priority: int = 0
    max_runtime_seconds: float | None = None
    cluster_resources: Mapping[str, float] = {}

    @property
    def is_template(self) -> bool:
        """bool: whether it stands for steps whose mapping keys are not known."""
        return self.mapped_over is not None and self.mapping_key is None

    @property
    def outputs(self) -> tuple[OutputDefinition, ...]:
        """tuple[OutputDefinition, ...]: its outputs."""
        return self.solid.definition.output_defs

    def handle(self, output_name: str, mapping_key: str | None = None) -> StepOutputHandle:
        """The handle of one of its outputs; of a dynamic one, that of a value if the key is given, else of all."""
        return StepOutputHandle(self.key, output_name, mapping_key)

    def is_skipped(self, not_given: Collection[StepOutputHandle]) -> bool:
        """Whether it does not run, because an output that feeds it was not given; a fan-in needs one of its outputs."""
        for step_input in self.inputs:
            handles = step_input.upstream_handles
            missing = [handle for handle in handles if handle in not_given]
            is_fan_in = isinstance(step_input.value_from, FromStepOutputs)
            if missing and (not is_fan_in or len(missing) == len(handles)):
                return True
        return False

    @cached_property
    def versioned_resource_keys(self) -> tuple[str, ...]:
        """tuple[str, ...]: the resources on which its values depend, sorted: what its solid and the loaders of its
        inputs require, and root input managers.
        """
        own = self.solid.definition.required_resource_keys
        return tuple(sorted({*own, *self.solid.root_manager_keys.values(), *self._loading_resource_keys}))

    @cached_property
    def loaded_inputs(self) -> dict[str, LoaderConfig]:
        """dict[str, LoaderConfig]: its inputs whose values are made from config, each with that."""
        return {
            each.definition.name: each.value_from.config
            for each in self.inputs
            if isinstance(each.value_from, FromConfig)
        }

    @property
    def _loading_resource_keys(self) -> frozenset[str]:
        """frozenset[str]: resources that the loaders of its inputs take."""
        return _NO_KEYS.union(*(config.loader.required_resource_keys() for config in self.loaded_inputs.values()))

    @property
    def type_resource_keys(self) -> set[str]:
        """set[str]: resources that the types of its inputs and outputs take in this run."""
        keys = set(self._loading_resource_keys)
        for step_input in self.inputs:
            keys |= step_input.definition.dagster_type.required_resource_keys
        for output in self.outputs:
            keys |= output.dagster_type.required_resource_keys
        for config in self.solid_config.materializing:
            keys |= config.materializer.required_resource_keys()
        return keys

    @cached_property
    def upstream_handles(self) -> tuple[StepOutputHandle, ...]:
        """tuple[StepOutputHandle, ...]: every output that feeds it."""
        return tuple(handle for step_input in self.inputs for handle in step_input.upstream_handles)

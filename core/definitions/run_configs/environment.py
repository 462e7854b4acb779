"""What the parts of a mode are told of the run around them: its pipeline, its mode and its checked config.

A pipeline has modes, and a mode has executors, loggers and storages, which are told of the pipeline: they know it by
what is said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from core.definitions.dependency import Node, Solid
from core.definitions.keeping.io_manager import IOConfig
from core.definitions.resource import ResourceDefinition
from core.definitions.run_configs.type_config import LoaderConfig, MaterializerConfig, OutputsConfig


class IMode(Protocol):
    """A mode, as a ModeDefinition is one."""

    name: str
    description: str | None
    resource_defs: dict[str, ResourceDefinition]


class IPipeline(Protocol):
    """A pipeline, as a PipelineDefinition is one."""

    name: str
    description: str | None
    tags: dict[str, str]

    @property
    def mode_defs(self) -> Sequence[IMode]:
        """Sequence[IMode]: its modes."""

    @property
    def solids(self) -> list[Node]:
        """list[Node]: its solids and graphs, in an order in which each comes after those that feed it."""

    @property
    def solid_dict(self) -> dict[str, Node]:
        """dict[str, Node]: the same by name."""

    def solid_named(self, name: str) -> Node:
        """The solid or graph of that name; raises DagsterInvariantViolationError when there is none."""

    def has_mode_definition(self, mode: str) -> bool:
        """Whether it has a mode of that name."""

    def get_mode_definition(self, mode: str | None = None) -> IMode:
        """The mode of that name, or the first; raises DagsterInvariantViolationError when there is none."""

    def get_default_mode_name(self) -> str:
        """The name of the first mode."""


class SolidConfig(msgspec.Struct, frozen=True):
    """What a run config says of one solid.

    Attributes:
        config: for `context.solid_config`.
        inputs: config from which the values of inputs that nothing feeds are made, by input.
        loading: config for the IO managers and root input managers that load the other inputs: input -> resource key
            -> config.
        storing: config for the IO managers that store its outputs: output -> resource key -> config.
        materializing: where else its outputs are written.
    """

    config: Any = None
    inputs: dict[str, LoaderConfig] = {}
    loading: dict[str, dict[str, IOConfig]] = {}
    storing: Mapping[str, Mapping[str, IOConfig]] = {}
    materializing: tuple[MaterializerConfig, ...] = ()

    @staticmethod
    def of(solid: Solid, resolved: Mapping[str, Any]) -> SolidConfig:
        """From what a run config came to."""
        inputs, outputs = resolved.get("inputs", {}), resolved.get("outputs", OutputsConfig({}))
        loaded = {*solid.feeds, *solid.root_manager_keys}
        return SolidConfig(
            resolved.get("config"),
            {name: value for name, value in inputs.items() if name not in loaded},
            {name: value for name, value in inputs.items() if name in loaded},
            outputs.storing,
            outputs.materializing,
        )

    def as_run_config(self) -> dict[str, Any]:
        """What a run config says of it, with defaults and environment variables in place."""
        loaded = {name: _value_of(each) for name, each in self.loading.items()}
        stored = {name: _value_of(each) for name, each in self.storing.items()}
        given = {name: each.value for name, each in self.inputs.items()}
        parts = {"config": self.config, "inputs": {**given, **loaded}, "outputs": stored}
        return {name: part for name, part in parts.items() if part not in (None, {})}


def _value_of(configs: Mapping[str, IOConfig]) -> Any:
    """What was given to the IO managers of an input or output, which is the same for each."""
    return next((config.value for config in configs.values()), {})


class EnvironmentConfig(msgspec.Struct, frozen=True):
    """A checked run config, with defaults and environment variables in place.

    Attributes:
        solids: by the key of the solid; those of graphs too, of which only inputs are said.
        resources: config by resource key.
        loggers: config by logger key; only the loggers that the run config names, or all where it names none.
        execution: (executor name, its config).
        intermediate_storage: (storage name, its config); None where none is chosen.
        original_config_dict: the run config as it was given.
    """

    solids: dict[str, SolidConfig]
    resources: dict[str, Any]
    loggers: dict[str, Any]
    execution: tuple[str, Any]
    intermediate_storage: tuple[str, Any] | None
    original_config_dict: dict[str, Any]

    def as_run_config(self) -> dict[str, Any]:
        """The run config that it stands for, with defaults and environment variables in place."""
        chosen = {"execution": self.execution, "intermediate_storage": self.intermediate_storage}
        return {
            **self._nested_solids(),
            "resources": {key: _as_config(config) for key, config in self.resources.items()},
            "loggers": {key: _as_config(config) for key, config in self.loggers.items()},
            **{section: {choice[0]: _as_config(choice[1])} for section, choice in chosen.items() if choice is not None},
        }

    def _nested_solids(self) -> dict[str, Any]:
        """The sections of solids and inputs; what a config mapping made of the config of a graph is within it too."""
        found: dict[str, Any] = {"solids": {}}
        for key, config in self.solids.items():
            place = found
            for name in key.split(".") if key else ():
                place = place.setdefault("solids", {}).setdefault(name, {})
            place |= config.as_run_config()
        return found


def _as_config(config: Any) -> dict[str, Any]:
    return {} if config is None else {"config": config}

"""Versions of step outputs: a digest over everything that can change their values.

A version covers the solid's code version, its name and config, each input by name with the version of the very output
that feeds it (or the value that config or a default gives), the versions and config of the resources the solid
requires, and the output's name. A step has no version when any of these has none. Fields of config that are marked as
secret are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from core.definitions.resource import ResourceDefinition
from core.events.payloads import StepOutputHandle
from core.plan.canonical import NoDigestError, digest
from core.plan.plan import ExecutionPlan
from core.plan.steps import ExecutionStep, FromConfig, FromDefault, FromStepOutput, FromStepOutputs, StepInput

Versions = dict[StepOutputHandle, str | None]


class _Unversioned(Exception):
    """Something that goes into a version has none."""


def with_versions(
    plan: ExecutionPlan, resource_defs: Mapping[str, ResourceDefinition], resource_config: Mapping[str, Any]
) -> ExecutionPlan:
    """The plan with the version of every output, computed in one pass.

    Args:
        plan: the plan.
        resource_defs: the mode's resources by key.
        resource_config: the checked config of each.
    """
    resources = _ResourceVersions(resource_defs, resource_config)
    versions: Versions = {}
    for step in plan.steps.values():
        step_version = _step_version(step, versions, resources)
        for output in step.outputs:
            handle = step.handle(output.name)
            versions[handle] = None if step_version is None else digest(("output", step_version, output.name))
    return msgspec.structs.replace(plan, versions=versions)


def _step_version(step: ExecutionStep, known: Versions, resources: _ResourceVersions) -> str | None:
    definition = step.solid.definition
    if definition.version is None:
        return None
    try:
        return digest(
            (
                "step",
                definition.version,
                definition.name,
                step.solid.name,
                definition.config_schema.without_secrets(step.solid_config.config),
                {each.definition.name: _input_version(each, known) for each in step.inputs},
                {key: resources.version(key) for key in definition.required_resource_keys},
            )
        )
    except (_Unversioned, NoDigestError):
        return None


def _input_version(step_input: StepInput, known: Versions) -> Any:
    match step_input.source:
        case FromStepOutput(handle):
            return ("from output", *_known([handle], known))
        case FromStepOutputs(handles):
            return ("from outputs", *_known(handles, known))
        case FromConfig(value):
            return ("value", value)
        case FromDefault(value):
            return ("value", value)
    return ("nothing",)


def _known(handles: Iterable[StepOutputHandle], known: Versions) -> list[str]:
    versions = [known[handle] for handle in handles]
    if None in versions:
        raise _Unversioned
    return [version for version in versions if version is not None]


class _ResourceVersions:
    """The version of each resource, with those of the resources it requires; each computed once."""

    def __init__(self, definitions: Mapping[str, ResourceDefinition], config: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._config = config
        self._known: dict[str, str | None] = {}

    def version(self, key: str) -> str:
        if key not in self._known:
            self._known[key] = None  # stands while it is computed, so a cycle of resources ends as unversioned
            self._known[key] = self._compute(key)
        found = self._known[key]
        if found is None:
            raise _Unversioned
        return found

    def _compute(self, key: str) -> str | None:
        definition = self._definitions[key]
        if definition.version is None:
            return None
        try:
            required = {each: self.version(each) for each in definition.required_resource_keys}
            config = definition.config_schema.without_secrets(self._config.get(key))
            return digest(("resource", key, definition.name, definition.version, config, required))
        except (_Unversioned, NoDigestError):
            return None

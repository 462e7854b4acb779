"""What config points at outside the run, declared by fields, solids and resources that have a fingerprint."""

from __future__ import annotations

from typing import Any

import msgspec

from core.config import Fingerprint
from core.definitions.resource import ResourceDefinition
from core.plan.steps import ExecutionStep


class PointerKey(msgspec.Struct, frozen=True):
    """Where something outside is pointed at.

    Attributes:
        owner: whose config: the step's key, or `resource KEY`.
        path: where in its config; "" for all of it.
    """

    owner: str
    path: str

    def __str__(self) -> str:
        return f"{self.owner} {self.path}".rstrip()


class Pointer(msgspec.Struct, frozen=True, eq=False):
    """Something outside that a config points at.

    Attributes:
        key: where it is pointed at.
        fingerprint: takes its fingerprint.
        value: the config that points at it.
    """

    key: PointerKey
    fingerprint: Fingerprint
    value: Any


def pointers_of_step(step: ExecutionStep) -> list[Pointer]:
    """What the config of a step points at: that of its solid, and that of the IO managers of its inputs and outputs."""
    definition, config = step.solid.definition, step.solid_config.config
    found = [] if definition.fingerprint is None else [("", definition.fingerprint, config)]
    found += definition.config_schema.fingerprinted(config)
    for name, given in step.loaded_inputs.items():
        found += [(f"(input {name}) {path}".rstrip(), *rest) for path, *rest in given.fingerprinted()]
    for kind, configs in (("loading", step.solid_config.loading), ("storing", step.solid_config.storing)):
        for name, by_key in configs.items():
            for key, io_config in by_key.items():
                place = f"({kind} {name} with {key})"
                found += [(f"{place} {path}".rstrip(), *rest) for path, *rest in io_config.fingerprinted()]
    return [Pointer(PointerKey(step.key, path), fingerprint, value) for path, fingerprint, value in found]


def pointers_of_resource(key: str, definition: ResourceDefinition, config: Any) -> list[Pointer]:
    """What the config of a resource points at."""
    fields = definition.config_schema.fingerprinted(config)
    return [Pointer(PointerKey(f"resource {key}", path), fingerprint, value) for path, fingerprint, value in fields]

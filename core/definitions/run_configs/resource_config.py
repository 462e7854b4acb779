"""Config of some resources of a mode, without the rest of a run config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.config import Field, Shape, lacking_secrets, own_copy, raise_faults, resolve_config
from core.definitions.parts.configurable import DefinitionField
from core.definitions.resource import ResourceDefinition


def with_required(resource_defs: Mapping[str, ResourceDefinition], keys: Iterable[str]) -> set[str]:
    """Those of the keys that there are resources of, with the keys that they require, directly or through others."""
    waiting = list(keys)
    used: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key not in used and key in resource_defs:
            used.add(key)
            waiting.extend(resource_defs[key].required_resource_keys)
    return used


def resolve_resources(
    resource_defs: Mapping[str, ResourceDefinition], keys: Iterable[str], run_config: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """The checked config of some resources and of those that they require; no other part of the run config is read.

    Args:
        resource_defs: the mode's, by key.
        keys: of the resources.
        run_config: as the user gave it.
        what: what the config is of, for the message.

    Raises:
        DagsterInvalidConfigError: the config of one does not fit, or there is no resource of a key that it names.
    """
    used = with_required(resource_defs, keys)
    given = run_config.get("resources") or {}
    if isinstance(given, Mapping):
        given = {key: own_copy(each) for key, each in given.items() if key in used or key not in resource_defs}
    raise_faults(list(lacking_secrets({"resources": given})), given, f"{what}, which an earlier run was given")
    schema = Shape({key: Shape({"config": DefinitionField(resource_defs[key].config_schema)}) for key in sorted(used)})
    resolved = resolve_config({"resources": Field(schema)}, {"resources": given}, what)["resources"]
    return {key: value.get("config") for key, value in resolved.items()}

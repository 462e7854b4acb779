"""Checking a whole config against its schema."""

from __future__ import annotations

from typing import Any

import msgspec

from core.config.composite import as_field
from core.config.faults import ConfigFault
from core.errors import DagsterInvalidConfigError
from core.wording import counted


def resolve_config(schema: Any, value: object, what: str) -> Any:
    """Checks `value` against `schema` and fills in defaults and sources.

    Args:
        schema: anything `as_field` takes.
        value: the config as given.
        what: what the config is of, for the message ("run config of pipeline 'flights'").

    Returns:
        The config to use.

    Raises:
        DagsterInvalidConfigError: with every fault, each with its path.
    """
    faults: list[ConfigFault] = []
    resolved = as_field(schema).resolve(value, (), faults)
    raise_faults(faults, value, what)
    return resolved


def raise_faults(faults: list[ConfigFault], value: object, what: str) -> None:
    """Raises one DagsterInvalidConfigError for all `faults`, or returns when there are none."""
    if faults:
        faults = [_with_least(fault) for fault in faults]
        count = counted(len(faults), "error")
        raise DagsterInvalidConfigError(f"Invalid {what}, {count}:", faults, value)


def _with_least(fault: ConfigFault) -> ConfigFault:
    """The fault, where something is left out with the least to write in its place."""
    if fault.left_out is None:
        return fault
    from core.config.shown.scaffolds import smallest  # only a fault needs them
    from core.config.shown.schema_texts import value_text

    least = value_text(smallest(fault.left_out.form()))
    return msgspec.structs.replace(
        fault, message=f"{fault.message}; the least to write is {least}", lacking=(), left_out=None
    )

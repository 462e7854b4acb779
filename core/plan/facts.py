"""What a version is made of, in words that people can compare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from core.definitions.keeping.io_manager import IOConfig
from core.definitions.run_configs.type_config import LoaderConfig
from core.events.payloads import StepOutputHandle
from core.plan.steps import (
    FromCollected,
    FromConfig,
    FromDefault,
    FromRootManager,
    FromStepOutput,
    FromStepOutputs,
    StepInput,
)
from core.wording import a_kind_of

_LONGEST_TEXT = 200


Show = Callable[[Any], str]
"""Tells a value as `shown` does, without the secrets of a run."""


def config_facts(config: Any, show: Show) -> dict[str, str]:
    """`config a.b`: `[1, 2]` for each value in a config; a value that is not a mapping is `config`."""
    return {f"config {path}".rstrip(): show(value) for path, value in _flattened("", config)}


def io_facts(kind: str, configs: Mapping[str, Mapping[str, IOConfig]], show: Show) -> dict[str, str]:
    """`loading rows.columns`: `['a']` for each value in the config of the IO managers of an input or output.

    Where there are several, as there may be for a fan-in, the manager's key stands before the value's.
    """
    facts: dict[str, str] = {}
    for name, by_key in configs.items():
        for key, config in by_key.items():
            path = name if len(by_key) == 1 else f"{name}.{key}"
            if config.versioned not in (None, {}):
                facts |= {f"{kind} {where}": show(value) for where, value in _flattened(path, config.versioned)}
    return facts


def _flattened(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and (value or path):
        for key, item in value.items():
            name = key if isinstance(key, str) else _written(key)
            yield from _flattened(f"{path}.{name}" if path else name, item)
    elif path or (value is not None and value != {}):
        yield path, value


def input_fact(step_input: StepInput, version_of: Callable[[StepOutputHandle], str | None], show: Show) -> str:
    """`from join.result 5c1f…` with the version, or `value 5`.

    Args:
        step_input: the input.
        version_of: the version of an output.
        show: tells values.
    """
    match step_input.value_from:
        case FromStepOutput(handle) | FromCollected(handle):
            return f"from {_described(handle, version_of)}"
        case FromStepOutputs(handles) if handles:
            return f"from {', '.join(_described(each, version_of) for each in handles)}"
        case FromStepOutputs():
            return "value []"
        case FromConfig(config):
            return _config_fact(config, show)
        case FromDefault(value):
            return f"value {show(value)}"
        case FromRootManager(key):
            metadata = step_input.definition.metadata
            return f"loaded by {key}" + (f" with metadata {show(metadata)}" if metadata else "")
    return "nothing"


def _config_fact(config: LoaderConfig, show: Show) -> str:
    match config.versioned:
        case ("value", value):
            return f"value {show(value)}"
        case None:
            return f"loaded by {config.type_name}, without a version"
        case (_, *parts):
            return f"loaded by {config.type_name} {' '.join(map(show, parts))}"
    raise AssertionError("a loader says nothing else")


def _described(handle: StepOutputHandle, version_of: Callable[[StepOutputHandle], str | None]) -> str:
    return f"{handle} {version_of(handle) or 'unversioned'}"


def part_facts(version: str | None, parts: Mapping[str, str]) -> dict[str, str]:
    """`version`, and the parts of code that it was made of, as `code helpers.parse_time` or `package pandas`."""
    named = {name if name.startswith("package ") else f"code {name}": part for name, part in parts.items()}
    return named if version is None else {"version": version, **named}


def shown(value: Any, hide: Callable[[str], str] = str) -> str:
    """The value as it would be written in Python; where that is long its beginning, and a digest of all of it.

    Args:
        value: the value.
        hide: takes secrets out of a text.
    """
    text = hide(_written(value))
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[:_LONGEST_TEXT]}… ({hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]})"


def _written(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  a type of the user's can raise anything; so do numbers of 4,300 digits
        return f"{a_kind_of(value)}, which cannot be shown ({type(error).__name__})"

"""What the options and arguments of a command stand for: a run config, a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from core.config import ConfigFault, names_secret, show_text
from core.errors import DagsterInvalidConfigError, DagsterRunNotFoundError
from core.instance import DagsterInstance
from core.printable import printable
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter
from core.serdes.yaml_bounds import MAX_DEPTH
from core.serdes.yaml_file import YamlFile, load_yaml, read_yaml_file, read_yaml_mapping
from core.utils.merger import deep_merge_dicts


def load_run_config(
    files: Sequence[Path], settings: Sequence[str], below: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The run config from YAML files and `a.b.c=value` settings; later ones win, and settings win over files.

    Args:
        files: merged in order, mapping by mapping.
        settings: each a path of keys and a YAML value.
        below: what all of them win over.

    Raises:
        DagsterInvalidConfigError: a file is not YAML or not a mapping, or a setting has no "=".
    """
    config: dict[str, Any] = dict(below or {})
    for file in files:
        config = deep_merge_dicts(config, read_yaml_mapping(file))
    for setting in settings:
        keys, text = _split(setting)
        config = deep_merge_dicts(config, _nested(keys, _value_of(keys, text)))
    return config


def place_faults(faults: Sequence[ConfigFault], files: Sequence[Path], settings: Sequence[str]) -> list[ConfigFault]:
    """Faults of the run config from `load_run_config`, with their file, their line, and how the value is written."""
    read = [read_yaml_file(file) for file in reversed(files)] if any(not fault.file for fault in faults) else []
    return [_placed(fault, read, settings) for fault in faults]


def _placed(fault: ConfigFault, files: Sequence[YamlFile], settings: Sequence[str]) -> ConfigFault:
    """A fault with its place; the first of the files is the one that counts."""
    if fault.file:
        return fault
    for keys, text in map(_split, reversed(settings)):
        if list(map(str, fault.path[: len(keys)])) == keys:
            return _with_text(fault, text if len(fault.path) == len(keys) else None)
    for file in files:
        if file.has(fault.path):
            found = _with_text(fault, file.text_of(fault.path))
            return msgspec.structs.replace(found, file=str(file.path), line=file.line_of(fault.path))
    return fault


def _with_text(fault: ConfigFault, text: str | None) -> ConfigFault:
    """The fault, with a value that says less than what was written: 8 for `0o10`."""
    is_of_key = fault.message.startswith("unknown key")
    if not text or is_of_key or text in fault.message or names_secret(fault.path) or "not shown" in fault.message:
        return fault
    return msgspec.structs.replace(fault, message=f"{fault.message}, written as {show_text(text)}")


def _split(setting: str) -> tuple[list[str], str]:
    """The keys and the text of a setting."""
    path, separator, text = setting.partition("=")
    keys = path.split(".")
    if not separator or not all(keys) or len(keys) > MAX_DEPTH:
        shown = "a secret" if names_secret((re.split(r"[^\w.]", setting)[0],)) else show_text(setting)
        raise DagsterInvalidConfigError(f"--set expects a.b.c=value, got {shown}.")
    return keys, text


def _value_of(keys: list[str], text: str) -> Any:
    path = printable(".".join(keys))
    shown = "a secret" if names_secret((path,)) else show_text(text)
    try:
        return load_yaml(text, f"--set {path}: {shown}")
    except DagsterInvalidConfigError as error:
        raise DagsterInvalidConfigError(f"{error} If it is text, quote it: '{path}=\"...\"'.") from None


def _nested(keys: list[str], value: Any) -> Mapping[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    nested: Mapping[str, Any] = value
    return nested


def find_run(instance: DagsterInstance, run_id: str) -> PipelineRun:
    """The run with that id, or the only run whose id begins with it.

    Raises:
        DagsterRunNotFoundError: no run, or more than one, has such an id.
    """
    run = instance.get_run_by_id(run_id)
    if run is not None:
        return run
    prefix = PipelineRunsFilter(run_id_prefix=run_id)
    matches = instance.get_runs(prefix, limit=2)
    if len(matches) == 1 and run_id:  # an unset shell variable must not select the only run
        return matches[0]
    problem = "No run has an id that begins with"
    if matches:
        count = instance.get_runs_count(prefix)
        problem = f"{count} runs have ids that begin with" if count > 1 else "1 run has an id that begins with"
    raise DagsterRunNotFoundError(f"{problem} {run_id!r}; `cloudstore runs` lists them.", run_id)

"""From what a command is given to a pipeline and a run config."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.config import unknown_name
from core.definitions.pipeline import PipelineDefinition
from core.errors import (
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DagsterUserCodeExecutionError,
    user_code_error_boundary,
)
from core.serdes.yaml_file import read_yaml_mapping


class PipelineFileError(DagsterUserCodeExecutionError):
    """The file of a pipeline raised while it was loaded."""


def load_pipeline(file: Path, attribute: str | None) -> PipelineDefinition:
    """The pipeline in a Python file. The file's folder can be imported from, as when Python runs the file.

    Args:
        file: the file.
        attribute: the name of the pipeline in it, or of a function that returns it; the only pipeline by default.

    Raises:
        PipelineFileError: loading the file raised, or the function did.
        DagsterInvariantViolationError: there is no such pipeline in it.
    """
    module = _load_module(file)
    pipelines = {name: each for name, each in vars(module).items() if isinstance(each, PipelineDefinition)}
    if attribute is None:
        if not pipelines:
            raise DagsterInvariantViolationError(f"{file} has no pipeline; decorate a function with @pipeline.")
        if len(pipelines) != 1:
            known = ", ".join(sorted(pipelines))
            raise DagsterInvariantViolationError(
                f"{file} has {len(pipelines)} pipelines; name one with -a. It has: {known}."
            )
        return next(iter(pipelines.values()))
    found = getattr(module, attribute, None)
    if inspect.isfunction(found):
        with user_code_error_boundary(PipelineFileError, f"{attribute}() of {file} raised"):
            found = found()
    if not isinstance(found, PipelineDefinition):
        raise DagsterInvariantViolationError(f"{file}: {unknown_name('pipeline', attribute, pipelines)}")
    return found


def _load_module(file: Path) -> Any:
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file.absolute())
    if spec is None or spec.loader is None:
        raise DagsterInvariantViolationError(f"{file} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.absolute().parent))
    sys.modules[name] = module  # so that values of classes of the file can be pickled
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script without `if __name__ == "__main__"` exits by itself
        del sys.modules[name]
        raise PipelineFileError(f"{file} could not be loaded", user_exception=error) from error
    return module


def _module_name(file: Path) -> str:
    """The file's own name; another where a module of that name is loaded already, from another file."""
    loaded = sys.modules.get(file.stem)
    is_free = loaded is None or getattr(loaded, "__file__", None) == str(file.absolute())
    return file.stem if is_free and file.stem not in sys.stdlib_module_names else f"{file.stem}_pipeline_file"


def load_run_config(files: Sequence[Path], settings: Sequence[str]) -> dict[str, Any]:
    """The run config that YAML files and `a.b.c=value` settings come to; what comes later wins.

    Args:
        files: merged in order, mapping by mapping.
        settings: each a path of keys and a YAML value.

    Raises:
        DagsterInvalidConfigError: a file is not YAML or no mapping, or a setting has no "=".
    """
    config: dict[str, Any] = {}
    for file in files:
        config = _merged(config, read_yaml_mapping(file))
    for setting in settings:
        config = _merged(config, _parse_setting(setting))
    return config


def _parse_setting(setting: str) -> Mapping[str, Any]:
    import yaml  # 30 ms to import; not every command reads YAML

    path, separator, text = setting.partition("=")
    keys = path.split(".")
    if not separator or not all(keys):
        raise DagsterInvalidConfigError(f"--set takes a.b.c=value, got {setting!r}.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DagsterInvalidConfigError(f"--set {path}: {text!r} is not YAML; quote it: '{path}=\"...\"'.") from error
    for key in reversed(keys):
        value = {key: value}
    settings: Mapping[str, Any] = value
    return settings


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged

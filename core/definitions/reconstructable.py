"""Pipelines that another process can make again: of them it is known where they are defined."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from core.config import not_recordable
from core.definitions.parts.configurable import ConfigurableDefinition
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError
from core.records.origin import LoadableTargetOrigin, PipelinePythonOrigin
from core.types.own_file import MAIN_NAMES


def reconstructable(target: PipelineDefinition | Callable[[], PipelineDefinition]) -> PipelineDefinition:
    """A pipeline that executors with processes of their own can run: they make it again where it is defined.

    Args:
        target: a function that is decorated with `@pipeline`, or one without arguments that returns a pipeline; either
            stands in a file or module, outside of functions and classes.

    Raises:
        DagsterInvariantViolationError: another process would not find the target, or it is something else.

    Example:
        >>> from pathlib import Path
        >>> from core import execute_pipeline, reconstructable
        >>> written = Path("counting.py").write_text('''
        ... from core import pipeline, solid
        ... @solid
        ... def one():
        ...     return 1
        ... @pipeline
        ... def count():
        ...     one()
        ... ''')
        >>> from counting import count
        >>> execute_pipeline(reconstructable(count)).success
        True
    """
    if isinstance(target, PipelineDefinition) and target.python_origin is not None:
        return target
    name = _name_of(target)
    module = sys.modules.get(str(getattr(target, "__module__", None)))
    if module is None or not (getattr(module, "__file__", None) or "").endswith(".py"):
        raise DagsterInvariantViolationError(
            f"Another process cannot make {name!r} again, because it is defined in no file, as in a notebook. Put it "
            "in a file and import it from there."
        )
    if getattr(module, name, None) is not target:
        raise DagsterInvariantViolationError(
            f"Another process would not find {name!r} in {module.__file__}: it stands for something else there. Give "
            "reconstructable what the module has under that name."
        )
    made = target if isinstance(target, PipelineDefinition) else target()
    return _located(made, name, PipelinePythonOrigin(_place_of(module, name), getattr(made, "name", "")))


def build_reconstructable_pipeline(
    reconstructor_module_name: str,
    reconstructor_function_name: str,
    reconstructable_args: Sequence[Any] | None = None,
    reconstructable_kwargs: Mapping[str, Any] | None = None,
) -> PipelineDefinition:
    """A pipeline that a function makes of arguments, and that other processes make again with the same arguments.

    Example: `build_reconstructable_pipeline("my_company.pipelines", "make_report", ("monthly",), {"rows": 10})`

    Args:
        reconstructor_module_name: the module of the function.
        reconstructor_function_name: the function, which returns a pipeline.
        reconstructable_args: its positional arguments; what JSON has.
        reconstructable_kwargs: its keyword arguments; what JSON has.

    Raises:
        DagsterInvariantViolationError: the module has no such function, it returns something else, or JSON would not
            say what an argument is.
        ImportError: the module cannot be imported.
        Exception: what the function raised.
    """
    args, kwargs = list(reconstructable_args or ()), dict(reconstructable_kwargs or {})
    called = f"{reconstructor_module_name}.{reconstructor_function_name}"
    fault = next(not_recordable({"args": args, "kwargs": kwargs}), None)
    if fault is not None:
        raise DagsterInvariantViolationError(f"Other processes cannot be told the arguments of {called}: {fault}.")
    module = importlib.import_module(reconstructor_module_name)
    function = getattr(module, reconstructor_function_name, None)
    if not callable(function):
        raise DagsterInvariantViolationError(f"Module {reconstructor_module_name!r} has no function {called}.")
    made, place = function(*args, **kwargs), _place_of(module, reconstructor_function_name)
    return _located(made, called, PipelinePythonOrigin(place, getattr(made, "name", ""), args, kwargs))


def _name_of(target: Any) -> str:
    name, qualified_name = getattr(target, "__name__", None), getattr(target, "__qualname__", None)
    is_function = callable(target) and not isinstance(target, type | ConfigurableDefinition)
    if name is None or not (is_function or isinstance(target, PipelineDefinition)):
        what = f"pipeline {target.name!r}" if isinstance(target, PipelineDefinition) else repr(target)
        raise DagsterInvariantViolationError(
            f"reconstructable takes a function decorated with @pipeline, or one that returns a pipeline; it was given "
            f"{what}. For a pipeline that is made otherwise, write a function that returns it."
        )
    if name == "<lambda>" or name != qualified_name:
        raise DagsterInvariantViolationError(
            f"Another process cannot make {qualified_name!r} again, because it is defined inside of something. Define "
            "it at the top of its module; or, where it depends on values, use build_reconstructable_pipeline."
        )
    return str(name)


def _place_of(module: ModuleType, attribute: str) -> LoadableTargetOrigin:
    """Where other processes load what a module has under a name: with the folder that its imports begin at."""
    name, file = module.__name__, getattr(module, "__file__", None)
    if file is None:
        return LoadableTargetOrigin(module_name=name, attribute=attribute)
    if name in MAIN_NAMES and module.__spec__ is not None:  # python -m package.module
        name = module.__spec__.name
    path, parts = Path(file).absolute(), name.split(".")
    imported = path.parent if path.stem == "__init__" else path.with_suffix("")
    if list(imported.parts[-len(parts) :]) == parts:
        root = str(imported.parents[len(parts) - 1])
        return LoadableTargetOrigin(module_name=name, working_directory=root, attribute=attribute)
    # A file that is run, or was loaded under another name.
    return LoadableTargetOrigin(python_file=str(path), working_directory=str(path.parent), attribute=attribute)


def _located(made: object, name: str, origin: PipelinePythonOrigin) -> PipelineDefinition:
    if not isinstance(made, PipelineDefinition):
        raise DagsterInvariantViolationError(
            f"{name} must return a pipeline; it returned {made!r}. Decorate a function with @pipeline and return it."
        )
    return made.loaded_from(origin)

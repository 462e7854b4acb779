"""Pipelines, loaded from where they are: a file, a module, or the origin that a process has told another one."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError, user_code_error_boundary
from core.loading.choosing import ChosenDefinition, choose_pipeline
from core.loading.modules import PipelineFileError, load_file, load_module
from core.printable import printable
from core.records.origin import GrpcServerRepositoryLocationOrigin, LoadableTargetOrigin, PipelinePythonOrigin
from core.records.pipeline_run import PipelineRun
from core.repositories import RepositoryDefinition


def load_pipeline(file: Path, attribute: str | None) -> PipelineDefinition:
    """The pipeline in a Python file, which is loaded as Python itself would; see `load_file`.

    Args:
        file: the file.
        attribute: which pipeline; see `choose_pipeline`. The only one by default.

    Raises:
        PipelineFileError: the file, or the function, raised an exception.
        DagsterInvariantViolationError: the file cannot be loaded, or has no such pipeline.
    """
    start, path = Path.cwd(), file.absolute()  # its code may go elsewhere while it is loaded
    chosen = choose_pipeline(vars(load_file(file)), attribute, printable(str(file)))
    return _with_origin(chosen, start, python_file=str(path))


def load_pipeline_of_module(name: str, attribute: str | None) -> PipelineDefinition:
    """The pipeline in a module, which is looked for in the working directory first; as `load_pipeline`."""
    start, module = Path.cwd(), load_module(name)
    chosen = choose_pipeline(vars(module), attribute, f"Module {name}")
    if module.__name__ == name or module.__file__ is None:
        return _with_origin(chosen, start, module_name=name)
    return _with_origin(chosen, start, python_file=module.__file__)


def _with_origin(chosen: ChosenDefinition, start: Path, **code: str) -> PipelineDefinition:
    target = LoadableTargetOrigin(attribute=chosen.attribute, working_directory=str(start), **code)
    return chosen.pipeline.loaded_from(PipelinePythonOrigin(target, chosen.pipeline.name))


def load_origin(origin: PipelinePythonOrigin, loaded: ModuleType | None = None) -> PipelineDefinition:
    """The pipeline that another process has loaded, or made, from there.

    Args:
        origin: where it is.
        loaded: the module that it is in, where that is loaded already.

    Raises:
        PipelineFileError: its code, or the function that makes it, raised an exception.
        DagsterInvariantViolationError: there is no such pipeline any more.
    """
    target = origin.loadable_target_origin
    module = loaded or load_target(target)
    attribute, where = target.attribute or origin.pipeline_name, f"Module {module.__name__}"
    found = getattr(module, attribute, None)
    if isinstance(found, RepositoryDefinition):
        attribute = f"{attribute}.{origin.pipeline_name}"
    elif callable(found) and not isinstance(found, PipelineDefinition):
        with user_code_error_boundary(PipelineFileError, f"{attribute}() of {where} raised an exception"):
            found = found(*origin.reconstructable_args, **origin.reconstructable_kwargs)
    if isinstance(found, PipelineDefinition):
        return found.loaded_from(origin)
    return choose_pipeline(vars(module), attribute, where).pipeline.loaded_from(origin)


def load_recorded(run: PipelineRun) -> PipelineDefinition:
    """The pipeline of a stored run, from where the run's record says that it is.

    Raises:
        DagsterInvariantViolationError: the record does not say that, or names a server that has the code.
        PipelineFileError: as of `load_origin`.
    """
    origin = run.external_pipeline_origin
    location = None if origin is None else origin.external_repository_origin.repository_location_origin
    if origin is None or location is None or isinstance(location, GrpcServerRepositoryLocationOrigin):
        raise DagsterInvariantViolationError(
            f"Run {run.run_id} does not say where the code of pipeline {run.pipeline_name!r} is; name it with -f FILE "
            "or -m MODULE."
        )
    return load_origin(PipelinePythonOrigin(location.loadable_target_origin, origin.pipeline_name))


def load_target(target: LoadableTargetOrigin) -> ModuleType:
    """The module that an origin names.

    Raises:
        PipelineFileError: its code raised an exception.
        DagsterInvariantViolationError: it cannot be loaded.
    """
    within = None if target.working_directory is None else Path(target.working_directory)
    if target.python_file is not None:
        return load_file(Path(target.python_file), within)
    name = target.module_name or target.package_name
    if name is None:
        raise DagsterInvariantViolationError("A pipeline's origin names neither a file nor a module.")
    return load_module(name, within, by_its_name=True)  # or classes of it would be others than in that process

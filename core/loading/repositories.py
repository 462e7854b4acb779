"""Repositories, loaded from where they are; a pipeline that is in none is one of its own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError, user_code_error_boundary
from core.loading.modules import PipelineFileError
from core.loading.pipelines import load_target
from core.records.origin import LoadableTargetOrigin
from core.repositories import CachingRepositoryData, RepositoryDefinition


class LoadedRepository(NamedTuple):
    """A repository.

    Attributes:
        definition: the repository.
        attribute: the name in the module by which another process finds it.
    """

    definition: RepositoryDefinition
    attribute: str


def load_repositories(target: LoadableTargetOrigin) -> list[LoadedRepository]:
    """The repositories of a file, module or package: all of them, or the one that the target's attribute names.

    A pipeline that is named, or that is the only one of a module without repositories, is in a repository that is made
    for it and called `__repository__` and its name, as in Dagster 0.11.

    Raises:
        PipelineFileError: the code, or the function that the attribute names, raised an exception.
        DagsterInvariantViolationError: there is no such repository or pipeline, or no repository and several pipelines.
    """
    module = load_target(target)
    where, names = f"Module {module.__name__}", vars(module)
    if target.attribute is not None:
        return [_named(names, target.attribute, where)]
    found: dict[int, LoadedRepository] = {}
    for name, each in names.items():
        if isinstance(each, RepositoryDefinition):
            found.setdefault(id(each), LoadedRepository(each, name))
    if found:
        return _with_different_names(list(found.values()), where)
    pipelines = {id(each): name for name, each in names.items() if isinstance(each, PipelineDefinition)}
    if len(pipelines) != 1:
        problem = f"{len(pipelines)} pipelines and no repository" if pipelines else "no repository and no pipeline"
        raise DagsterInvariantViolationError(
            f"{where} defines {problem}; put its pipelines into a @repository, or name one by its attribute."
        )
    attribute = next(iter(pipelines.values()))
    return [_of_one(names[attribute], attribute)]


def _named(names: Mapping[str, Any], attribute: str, where: str) -> LoadedRepository:
    found = names.get(attribute)
    if inspect.isfunction(found):
        with user_code_error_boundary(PipelineFileError, f"{attribute}() of {where} raised an exception"):
            found = found()
    if isinstance(found, RepositoryDefinition):
        return LoadedRepository(found, attribute)
    if isinstance(found, PipelineDefinition):
        return _of_one(found, attribute)
    known = sorted(name for name, each in names.items() if isinstance(each, RepositoryDefinition | PipelineDefinition))
    raise DagsterInvariantViolationError(
        f"{where} has no repository or pipeline {attribute!r}. Known: {', '.join(known) or 'none'}."
    )


def _of_one(pipeline: PipelineDefinition, attribute: str) -> LoadedRepository:
    name = f"__repository__{pipeline.name}"
    data = CachingRepositoryData.from_list([pipeline], f"Repository {name!r}")
    return LoadedRepository(RepositoryDefinition(name, data), attribute)


def _with_different_names(found: list[LoadedRepository], where: str) -> list[LoadedRepository]:
    by_name: dict[str, LoadedRepository] = {}
    for each in found:
        other = by_name.setdefault(each.definition.name, each)
        if other is not each:
            raise DagsterInvariantViolationError(
                f"{where} has two repositories called {each.definition.name!r}, {other.attribute} and "
                f"{each.attribute}; rename one."
            )
    return found

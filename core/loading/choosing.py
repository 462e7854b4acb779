"""Which pipeline of a module is meant: one that it defines, that a function of it makes, or one of its repositories."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from core.config import unknown_name
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError, user_code_error_boundary
from core.loading.modules import PipelineFileError, modules_in
from core.printable import printable
from core.repositories import RepositoryDefinition


class ChosenDefinition(NamedTuple):
    """A pipeline, and the name in the module by which another process finds it.

    Attributes:
        pipeline: the pipeline.
        attribute: the name of the pipeline, of the function that makes it, or of the repository that has it.
    """

    pipeline: PipelineDefinition
    attribute: str


def choose_pipeline(names: Mapping[str, Any], asked: str | None, where: str) -> ChosenDefinition:
    """The pipeline that is asked for among the names of a module. Of a repository, only that pipeline is made.

    Args:
        names: those of the module.
        asked: the name of a pipeline in the module, of a function that returns one, or of a pipeline in one of its
            repositories (as `repository.pipeline` too); None for the only pipeline.
        where: the module, for messages.

    Raises:
        PipelineFileError: the function, or the repository, raised an exception.
        DagsterInvariantViolationError: there is no such pipeline, or more than one.
    """
    module = _Module(names, where)
    if asked is None:
        asked = module.only_choice()
    elif asked not in module.choices:
        return module.from_attribute(asked)
    attribute, name = module.choices[asked]
    return module.from_repository(attribute, name) if name else ChosenDefinition(names[attribute], attribute)


class _Module:
    """What a module offers.

    Attributes:
        choices: what can be asked for -> the name in the module, and which pipeline of the repository of that name.
    """

    def __init__(self, names: Mapping[str, Any], where: str) -> None:
        self._names, self._where = names, where
        pipelines = {name: each for name, each in names.items() if isinstance(each, PipelineDefinition)}
        known = {each.name for each in pipelines.values()} | pipelines.keys()
        self.choices: dict[str, tuple[str, str | None]] = {name: (name, None) for name in pipelines}
        in_repositories: dict[str, list[str]] = {}
        for attribute, repository in self._repositories().items():
            for name in self._pipeline_names(attribute, repository):
                in_repositories.setdefault(name, []).append(attribute)
        for name, attributes in in_repositories.items():
            if name not in known:
                for attribute in attributes:
                    self.choices[name if len(attributes) == 1 else f"{attribute}.{name}"] = attribute, name

    def only_choice(self) -> str:
        if not self.choices:
            modules = _listed(
                f"-m {self._names['__name__']}.{each}" for each in modules_in(self._names.get("__path__", ()))
            )
            others = f" Or name a module of it: {modules}." if modules else ""
            raise DagsterInvariantViolationError(
                f"{self._where} defines no pipeline; decorate a function with @pipeline.{others}"
            )
        different = {id(self._names[name]) if of is None else asked for asked, (name, of) in self.choices.items()}
        if len(different) > 1:
            raise DagsterInvariantViolationError(
                f"{self._where} defines {len(different)} pipelines; select one with -a: {_listed(self.choices)}."
            )
        return next(iter(self.choices))

    def from_attribute(self, asked: str) -> ChosenDefinition:
        """By a name of the module that is none of the choices, or by a repository's name and that of a pipeline."""
        attribute, _, name = asked.partition(".")
        if attribute not in self._names:  # the name that a repository was given is not always that of its variable
            of_repositories = {repository.name: each for each, repository in self._repositories().items()}
            attribute = of_repositories.get(attribute, attribute)
        found = self._names.get(attribute)
        if inspect.isfunction(found) and not name:
            with user_code_error_boundary(PipelineFileError, f"{asked}() of {self._where} raised an exception"):
                found = found()
            if isinstance(found, PipelineDefinition):
                return ChosenDefinition(found, attribute)
        if isinstance(found, RepositoryDefinition):
            names = self._pipeline_names(attribute, found)
            if not name and len(names) > 1:
                choices = _listed(f"{attribute}.{each}" for each in names)
                raise DagsterInvariantViolationError(
                    f"{self._where}: repository {attribute!r} has {len(names)} pipelines; select one with -a: "
                    f"{choices}."
                )
            return self.from_repository(attribute, name or next(iter(names), ""), found)
        for named, each in self._names.items():
            if isinstance(each, PipelineDefinition) and each.name == asked:
                return ChosenDefinition(each, named)
        raise DagsterInvariantViolationError(f"{self._where}: {unknown_name('pipeline', asked, self.choices)}")

    def from_repository(
        self, attribute: str, name: str, repository: RepositoryDefinition | None = None
    ) -> ChosenDefinition:
        given = repository or self._names[attribute]
        with user_code_error_boundary(
            PipelineFileError, f"Repository {attribute!r} of {self._where}, pipeline {name!r}"
        ):
            if not given.has_pipeline(name):
                known = self._pipeline_names(attribute, given)
                raise DagsterInvariantViolationError(
                    f"{self._where}, repository {attribute!r}: {unknown_name('pipeline', name, known)}"
                )
            return ChosenDefinition(given.get_pipeline(name), attribute)

    def _repositories(self) -> dict[str, RepositoryDefinition]:
        """Each once, by the first of its names."""
        found: dict[int, tuple[str, RepositoryDefinition]] = {}
        for name, each in self._names.items():
            if isinstance(each, RepositoryDefinition):
                found.setdefault(id(each), (name, each))
        return dict(found.values())

    def _pipeline_names(self, attribute: str, repository: RepositoryDefinition) -> list[str]:
        with user_code_error_boundary(
            PipelineFileError, f"Repository {attribute!r} of {self._where} could not be read"
        ):
            return repository.pipeline_names


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(printable, sorted(names)))

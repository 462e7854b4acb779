"""Versions of solids and resources that nobody writes by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.code import Sources, look_at
from core.definitions.resource import ResourceDefinition
from core.definitions.solid import SolidDefinition
from core.definitions.version_strategy import CodeVersion, Definition, VersionStrategy


class SourceHashVersionStrategy(VersionStrategy):
    """Versions of solids and resources from their code.

    The rule: the version of code is a digest of the live things that a solid can reach, walked as objects; what cannot
    be walked leaves the solid without a version, and is named in `plan` and `explain`. The same code has the same
    version in every process, on every machine, in every folder, on Python 3.11 to 3.13, but for the few kinds of code
    that `docs/memoization.md` names.

    Functions of the project count by their code without comments, docstrings, layout and annotations, by their
    defaults, closures and attributes, and with all that their code names; classes by what they hold and are derived
    from now; other objects by type and state. What is not of the project (the standard library, installed
    distributions, this package) counts by name and by the version of the distribution, and with what it holds of the
    project's. A module of the project that a function imports when it is called is imported to be walked.
    `docs/memoization.md` lists what leaves a solid without a version, and what does not count.

    Example:
        >>> from core import ModeDefinition, SourceHashVersionStrategy, execute_pipeline, pipeline, solid
        >>> from core import versioned_filesystem_io_manager
        >>> io_manager = versioned_filesystem_io_manager.configured({"base_dir": "values"})
        >>> mode = ModeDefinition(
        ...     resource_defs={"io_manager": io_manager}, version_strategy=SourceHashVersionStrategy()
        ... )
        >>> @solid
        ... def answer():
        ...     return 42  # another number here, and the step is executed again
        >>> answers = pipeline(name="answers", mode_defs=[mode])(lambda: answer())
        >>> [execute_pipeline(answers, memoize=True).executed_step_keys for _ in range(2)]
        [['answer'], []]
    """

    def __init__(self) -> None:
        self._sources = Sources()

    def __reduce__(self) -> tuple[type[SourceHashVersionStrategy], tuple[()]]:
        return SourceHashVersionStrategy, ()  # what was read stays in this process

    def get_solid_version(self, solid_def: SolidDefinition) -> str | None:
        """The version of a solid's function; None when something that it reaches cannot be seen."""
        return self.versions_of([solid_def])[0].version

    def get_resource_version(self, resource_def: ResourceDefinition) -> str | None:
        """The version of a resource's function; None when something that it reaches cannot be seen."""
        return self.versions_of([resource_def])[0].version

    def solid_parts(self, solid_def: SolidDefinition) -> Mapping[str, str]:
        """What a solid's version is made of.

        Returns:
            A digest by name ("helpers.parse_time"), the version of a distribution by "package " and its name, and for
            what could not be seen the reason, which begins with "not seen: ".
        """
        return self.versions_of([solid_def])[0].parts()

    def resource_parts(self, resource_def: ResourceDefinition) -> Mapping[str, str]:
        """What a resource's version is made of, as in `solid_parts`."""
        return self.versions_of([resource_def])[0].parts()

    def versions_of(self, definitions: Sequence[Definition]) -> Sequence[CodeVersion]:
        """The versions of many definitions, by one look at the objects as they are now."""
        functions = [_function(each) for each in definitions]
        seen = look_at(functions, self._sources)
        # The type checker cannot infer a lambda with a default.
        return [CodeVersion(seen.version(each), lambda each=each: seen.parts(each)) for each in functions]  # type: ignore[misc]


def _function(definition: Definition) -> Any:
    """The user's own function: for one made by @solid, what the adapter around it wraps."""
    if isinstance(definition, ResourceDefinition):
        return definition.resource_fn
    compute_fn = definition.compute_fn
    is_adapter = getattr(compute_fn, "__module__", None) == SolidDefinition.__module__
    return getattr(compute_fn, "__wrapped__", compute_fn) if is_adapter else compute_fn

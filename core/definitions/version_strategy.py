"""What gives a version to the solids and resources that state none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import msgspec

from core.definitions.resource import ResourceDefinition
from core.definitions.solid import SolidDefinition

Definition = SolidDefinition | ResourceDefinition

NOT_SEEN = "not seen: "
"""How a part begins that says why it leaves the code without a version."""


class CodeVersion(msgspec.Struct, frozen=True):
    """The version of a definition's code.

    Attributes:
        version: None when it cannot be told; what needs it is then not memoized.
        parts: gives what the version is made of: by a name people know, something that changes when that part does.
    """

    version: str | None
    parts: Callable[[], Mapping[str, str]]


class VersionStrategy(ABC):
    """Gives versions to the definitions of a pipeline or mode that have no `version=` of their own.

    A version stands for the code alone: config, inputs and the solid's name are in the version of a step already.
    Two calls for the same code give the same version, in any process on any machine.

    Example:
        >>> from core import DagsterInstance, VersionStrategy, execute_pipeline, lambda_solid, pipeline
        >>> class VersionsInNames(VersionStrategy):
        ...     def get_solid_version(self, solid_def):
        ...         return solid_def.name.rpartition("_v")[2] or None
        >>> load = lambda_solid(name="load_v2")(lambda: [1, 2])
        >>> loads = pipeline(name="loads", version_strategy=VersionsInNames())(lambda: load())
        >>> loads.version_strategy.get_solid_version(load)
        '2'
    """

    @abstractmethod
    def get_solid_version(self, solid_def: SolidDefinition) -> str | None:
        """The version of a solid's code; None when it cannot be told, and the solid is then not memoized."""

    def get_resource_version(self, resource_def: ResourceDefinition) -> str | None:
        """The version of a resource's code; None, as here, leaves it and the solids that require it unversioned."""
        return None

    def solid_parts(self, solid_def: SolidDefinition) -> Mapping[str, str]:
        """What the solid's version is made of: by a name people know, something that changes when that part does."""
        return {}

    def resource_parts(self, resource_def: ResourceDefinition) -> Mapping[str, str]:
        """What the resource's version is made of, as in `solid_parts`."""
        return {}

    def versions_of(self, definitions: Sequence[Definition]) -> Sequence[CodeVersion]:
        """The versions of all definitions of a plan, in their order; here by the methods above, one by one.

        A strategy for which many at once are less work than one by one overrides this.
        """
        return [self._version_of(each) for each in definitions]

    def _version_of(self, definition: Definition) -> CodeVersion:
        if isinstance(definition, SolidDefinition):
            return CodeVersion(self.get_solid_version(definition), lambda: self.solid_parts(definition))
        return CodeVersion(self.get_resource_version(definition), lambda: self.resource_parts(definition))

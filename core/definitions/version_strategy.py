"""What gives a version to the solids and resources that state none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from core.definitions.resource import ResourceDefinition
from core.definitions.solid import SolidDefinition


class VersionStrategy(ABC):
    """Gives versions to the definitions of a pipeline or mode that have no `version=` of their own.

    A version stands for the code alone: config, inputs and the solid's name are in the version of a step already.
    Two calls for the same code give the same version, in any process on any machine.
    """

    @abstractmethod
    def get_solid_version(self, solid_def: SolidDefinition) -> str | None:
        """The version of a solid's code; None where it is not known; the solid is then not memoized."""

    def get_resource_version(self, resource_def: ResourceDefinition) -> str | None:
        """The version of a resource's code; None, as here, leaves it and the solids that require it unversioned."""
        return None

    def solid_parts(self, solid_def: SolidDefinition) -> Mapping[str, str]:
        """What the solid's version is made of: by a name people know, something that changes when that part does."""
        return {}

    def resource_parts(self, resource_def: ResourceDefinition) -> Mapping[str, str]:
        """What the resource's version is made of, as in `solid_parts`."""
        return {}

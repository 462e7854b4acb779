"""Workspaces: the code locations that an instance is used with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.code_servers.locations import CodeLocation
from core.code_servers.over_grpc import GrpcCodeLocation
from core.code_servers.workspace_file import read_workspace
from core.errors import DagsterInvariantViolationError
from core.records.origin import (
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
    RepositoryLocationOrigin,
)


class Workspace:
    """Code locations, by name.

    Args:
        locations: the locations.

    Raises:
        DagsterInvariantViolationError: two of them have one name.

    Example:
        >>> from pathlib import Path
        >>> from core.code_servers import Workspace
        >>> written = Path("workspace.yaml").write_text("load_from:\\n- python_file: shop.py\\n")
        >>> [location.name for location in Workspace.from_file(Path("workspace.yaml")).locations()]
        ['shop.py']
    """

    def __init__(self, locations: Sequence[CodeLocation]) -> None:
        self._locations: dict[str, CodeLocation] = {}
        for each in locations:
            if self._locations.setdefault(each.name, each) is not each:
                raise DagsterInvariantViolationError(f"Two code locations are called {each.name!r}; rename one.")

    @classmethod
    def from_file(cls, path: Path) -> Workspace:
        """What a `workspace.yaml` names. Nothing is loaded or started for that.

        Raises:
            DagsterInvalidConfigError: the file is not as it must be; with the line of each fault.
        """
        return cls([GrpcCodeLocation(origin) for origin in read_workspace(path)])

    @classmethod
    def of_target(cls, target: LoadableTargetOrigin) -> Workspace:
        """One location: a file, module or package, which a server loads that this process starts."""
        return cls([GrpcCodeLocation(ManagedGrpcPythonEnvRepositoryLocationOrigin(target))])

    def locations(self) -> list[CodeLocation]:
        """All of them."""
        return list(self._locations.values())

    def location_of(self, origin: RepositoryLocationOrigin) -> CodeLocation:
        """The location at an origin: one of these, or another, whose server is started when it is asked."""
        for each in self._locations.values():
            if each.origin == origin:
                return each
        return GrpcCodeLocation(origin)

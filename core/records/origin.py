"""Where code is: of a repository, of a pipeline or job in it, and of a pipeline that one Python function makes.

An origin is an address and not the code: it is stored with a run, crosses processes, and is opened where the code can
be loaded. Names and fields are those of Dagster 0.11.
"""

from __future__ import annotations

import hashlib
from typing import Any, Protocol, TypeAlias

import msgspec

from core.errors import DagsterInvariantViolationError
from core.serdes import to_json


def _digest(value: object) -> str:
    return hashlib.sha256(to_json(value).encode()).hexdigest()


# Without the defaults, a field that a later release adds leaves the ids as they are.
class _Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    def get_id(self) -> str:
        """64 hexadecimal digits: the SHA-256 of the origin as JSON. Equal origins have the same id in any process.

        Raises:
            DagsterInvariantViolationError: a field is not valid Unicode text.
        """
        return _digest(msgspec.to_builtins(self, order="sorted"))  # dicts are equal in any order


class LoadableTargetOrigin(_Origin, frozen=True):
    """Python code that can be loaded: exactly one of a file, a module and a package.

    Attributes:
        executable_path: the Python interpreter that loads it; None for the one that reads this.
        python_file: the path of a file.
        module_name: the dotted name of a module.
        working_directory: where its imports are looked for first; None for the current directory.
        attribute: the name in it that is meant; None for the only one of its kind.
        package_name: the dotted name of a package.

    Raises:
        DagsterInvariantViolationError: none, or more than one, of file, module and package is given.
    """

    executable_path: str | None = None
    python_file: str | None = None
    module_name: str | None = None
    working_directory: str | None = None
    attribute: str | None = None
    package_name: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("python_file", "module_name", "package_name") if getattr(self, name) is not None]
        if len(given) != 1:
            raise DagsterInvariantViolationError(
                "A LoadableTargetOrigin needs exactly one of python_file, module_name and package_name; "
                f"it was given {' and '.join(given) or 'none of them'}."
            )


class InProcessRepositoryLocationOrigin(_Origin, frozen=True, tag=True):
    """A repository location whose code this process loads.

    Attributes:
        loadable_target_origin: the code.
    """

    loadable_target_origin: LoadableTargetOrigin

    @property
    def location_name(self) -> str:
        """str: the name of every such location."""
        return "<<in_process>>"


class ManagedGrpcPythonEnvRepositoryLocationOrigin(_Origin, frozen=True, tag=True):
    """A repository location whose code a server loads that the system starts and stops itself.

    Attributes:
        loadable_target_origin: the code, and the Python interpreter that the server runs in.
        location_name: the name of the location; made from the code's name when None.
    """

    loadable_target_origin: LoadableTargetOrigin
    location_name: str | None = None


class GrpcServerRepositoryLocationOrigin(_Origin, frozen=True, tag=True):
    """A repository location whose code a server has loaded that somebody else runs.

    Attributes:
        host: the host of the server.
        port: its port; or
        socket: the path of its Unix domain socket.
        location_name: the name of the location; made from the address when None.
        use_ssl: whether the connection is encrypted; None is False.

    Raises:
        DagsterInvariantViolationError: neither or both of port and socket are given.
    """

    host: str
    port: int | None = None
    socket: str | None = None
    location_name: str | None = None
    use_ssl: bool | None = None

    def __post_init__(self) -> None:
        if (self.port is None) == (self.socket is None):
            raise DagsterInvariantViolationError(
                f"A code server on {self.host!r} is reached by a port or a socket; give exactly one of them."
            )


RepositoryLocationOrigin: TypeAlias = (
    InProcessRepositoryLocationOrigin
    | ManagedGrpcPythonEnvRepositoryLocationOrigin
    | GrpcServerRepositoryLocationOrigin
)


class ExternalRepositoryOrigin(_Origin, frozen=True):
    """A repository.

    Attributes:
        repository_location_origin: the location that it is in.
        repository_name: its name, unique in the location.
    """

    repository_location_origin: RepositoryLocationOrigin
    repository_name: str


class ExternalPipelineOrigin(_Origin, frozen=True):
    """A pipeline of a repository.

    Attributes:
        external_repository_origin: the repository.
        pipeline_name: its name, unique in the repository.
    """

    external_repository_origin: ExternalRepositoryOrigin
    pipeline_name: str


class ExternalPartitionSetOrigin(_Origin, frozen=True):
    """A partition set of a repository.

    Attributes:
        external_repository_origin: the repository.
        partition_set_name: its name, unique in the repository.
    """

    external_repository_origin: ExternalRepositoryOrigin
    partition_set_name: str


class JobOrigin(msgspec.Struct, frozen=True):
    """A schedule or sensor of a repository. Storages know jobs by the id of their origin.

    It holds the repository by its id: a stored state outlives the process that loaded the code, and is found again by
    any process that loads the same repository.

    Attributes:
        repository_origin_id: `ExternalRepositoryOrigin.get_id()`.
        job_name: the name of the schedule or sensor, unique in the repository.
    """

    repository_origin_id: str
    job_name: str

    def get_id(self) -> str:
        """64 hexadecimal digits, the SHA-256 of both fields as a JSON list. Stable: databases are full of them.

        Raises:
            DagsterInvariantViolationError: a field is not valid Unicode text.
        """
        return _digest([self.repository_origin_id, self.job_name])


class PipelinePythonOrigin(_Origin, frozen=True):
    """A pipeline that another process makes again, by loading it, or by calling a function with the same arguments.

    Attributes:
        loadable_target_origin: the code; its `attribute` is the pipeline, or what returns it.
        pipeline_name: the pipeline; in a repository, which one.
        reconstructable_args: positional arguments for the function; what JSON can hold.
        reconstructable_kwargs: its keyword arguments.
    """

    loadable_target_origin: LoadableTargetOrigin
    pipeline_name: str
    reconstructable_args: list[Any] = []
    reconstructable_kwargs: dict[str, Any] = {}


def code_of(origin: PipelinePythonOrigin) -> LoadableTargetOrigin:
    """The code that a pipeline is in, whichever pipeline of it."""
    return msgspec.structs.replace(origin.loadable_target_origin, attribute=None)


class ExternalPipeline(Protocol):
    """What is known of a pipeline in a process that need not have its code."""

    @property
    def name(self) -> str:
        """str: the name of the pipeline."""

    def get_external_origin(self) -> ExternalPipelineOrigin:
        """Where its code is."""

"""Names of code locations."""

from __future__ import annotations

from pathlib import Path

from core.records.origin import GrpcServerRepositoryLocationOrigin, LoadableTargetOrigin, RepositoryLocationOrigin


def location_name(origin: RepositoryLocationOrigin) -> str:
    """The name of a location, made of where it is if it has none."""
    if origin.location_name is not None:
        return origin.location_name
    if isinstance(origin, GrpcServerRepositoryLocationOrigin):
        return f"grpc:{origin.host}:{origin.socket or origin.port}"
    return name_of_target(origin.loadable_target_origin)


def name_of_target(target: LoadableTargetOrigin) -> str:
    """The name of the location of a target that was given none."""
    code = target.package_name or target.module_name or Path(target.python_file or "").name
    return f"{code}:{target.attribute}" if target.attribute else code

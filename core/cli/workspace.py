"""`cloudstore workspace`: the code locations that an instance is used with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import click

from core.cli.code_options import workspace_options
from core.cli.failures import clear_failures
from core.cli.output.grid import Column
from core.cli.output.terminal import cell, draw, say, table
from core.code_servers import CodeLocation, GrpcCodeLocation, Workspace
from core.errors import CodeServerError
from core.records.origin import GrpcServerRepositoryLocationOrigin, RepositoryLocationOrigin
from core.records.snapshots import RepositorySnapshot
from core.wording import counted

_AT_ONCE = 4  # locations that are loaded at the same time


@click.group()
def workspace() -> None:
    """Look at the code locations that workspace.yaml names.

    \b
    Example of workspace.yaml:
      load_from:
        - python_file: flights.py
        - python_module: {module_name: shop.repository, working_directory: src}
        - grpc_server: {host: localhost, port: 4266, location_name: prices}
    """


@workspace.command("list")
@workspace_options
def list_locations(make: Callable[[], Workspace]) -> None:
    """List the code locations, with the repositories in each and what these hold."""
    with clear_failures():
        grid = table([Column("location"), Column("repository"), Column("holds", is_prose=True)])
        for location, found in _loaded(make().locations()):
            if isinstance(found, CodeServerError):
                grid.add_row(cell(location.name), cell(""), cell("not loaded", style="red"))
            for each in found if isinstance(found, list) else ():
                grid.add_row(cell(location.name), cell(each.name), cell(_holds(each)))
        draw(grid)


@workspace.command()
@workspace_options
def check(make: Callable[[], Workspace]) -> None:
    """Load each code location, and say what cannot be loaded; the exit code is 1 then."""
    with clear_failures():
        failed = 0
        for location, found in _loaded(make().locations()):
            if not isinstance(found, CodeServerError):
                say(f"{location.name}: {', '.join(f'{each.name} ({_holds(each)})' for each in found)}")
                continue
            failed += 1
            info = found.serializable_error_info
            if info is not None and info.traceback:
                say(info.traceback, err=True)
            say(str(found), err=True)
        if failed:
            raise click.exceptions.Exit(1)


@workspace.command()
@click.argument("names", metavar="[LOCATION]...", nargs=-1)
@workspace_options
def reload(make: Callable[[], Workspace], names: tuple[str, ...]) -> None:
    """Have code servers that somebody runs load their code again; runs go on. All of them by default."""
    with clear_failures():
        locations = {each.name: each for each in make().locations() if _is_run_by_others(each.origin)}
        unknown = [name for name in names if name not in locations]
        if unknown:
            known = ", ".join(locations) or "none"
            raise click.UsageError(f"The workspace names no server for {unknown[0]!r}. Known: {known}.")
        for name in names or locations:
            location = locations[name]
            assert isinstance(location, GrpcCodeLocation)
            location.reload()
            say(f"{name} was reloaded.")


def _loaded(locations: list[CodeLocation]) -> list[tuple[CodeLocation, list[RepositorySnapshot] | CodeServerError]]:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(zip(locations, threads.map(_repositories, locations), strict=True))


def _repositories(location: CodeLocation) -> list[RepositorySnapshot] | CodeServerError:
    try:
        return location.repositories()
    except CodeServerError as error:
        return error


def _holds(repository: RepositorySnapshot) -> str:
    kinds = {
        "pipeline": repository.pipelines,
        "schedule": repository.schedules,
        "sensor": repository.sensors,
        "partition set": repository.partition_sets,
    }
    return ", ".join(counted(len(each), kind) for kind, each in kinds.items() if each) or "nothing"


def _is_run_by_others(origin: RepositoryLocationOrigin) -> bool:
    return isinstance(origin, GrpcServerRepositoryLocationOrigin)

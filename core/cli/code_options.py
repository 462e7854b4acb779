"""The options that say where repositories are."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.code_servers.workspace import Workspace
from core.records.origin import LoadableTargetOrigin

_TARGET_OPTIONS = (
    click.option("-f", "--python-file", "python_file", type=click.Path(path_type=Path),
                 help="Python file with repositories, or with one pipeline."),
    click.option("-m", "--module-name", "module_name", help="Module with them, such as my.package.repository."),
    click.option("--package-name", help="Package with them."),
    click.option("-a", "--attribute", metavar="NAME",
                 help="Name of the one repository or pipeline in it that is meant, or of a function that returns it."),
    click.option("-d", "--working-directory", type=click.Path(path_type=Path),
                 help="Where its imports are looked for first; the current directory by default."),
)  # fmt: skip

_DEFAULT_FILE = Path("workspace.yaml")


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorates the function of a command, which gets a `LoadableTargetOrigin`, or None where nothing is named."""

    @functools.wraps(command)
    def with_target(
        python_file: Path | None,
        module_name: str | None,
        package_name: str | None,
        attribute: str | None,
        working_directory: Path | None,
        **others: Any,
    ) -> None:
        named = [each for each in (python_file, module_name, package_name) if each is not None]
        if len(named) > 1:
            raise click.UsageError("Give one of -f FILE, -m MODULE and --package-name PACKAGE.")
        if not named and (attribute is not None or working_directory is not None):
            raise click.UsageError("-a and -d belong to one of -f FILE, -m MODULE and --package-name PACKAGE.")
        target = None
        if named:
            target = LoadableTargetOrigin(
                python_file=None if python_file is None else str(python_file.absolute()),
                module_name=module_name,
                working_directory=str((working_directory or Path.cwd()).absolute()),
                attribute=attribute,
                package_name=package_name,
            )
        command(target, **others)

    decorated: Callable[..., None] = with_target
    for option in reversed(_TARGET_OPTIONS):
        decorated = option(decorated)
    return decorated


def workspace_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorates the function of a command, which gets a function that makes the `Workspace` that is named.

    That function raises DagsterInvalidConfigError where `workspace.yaml` is not as it must be.
    """

    @click.option(
        "-w", "--workspace", "workspace_file", type=click.Path(path_type=Path),
        help="File that names code locations; workspace.yaml by default.",
    )  # fmt: skip
    @target_options
    def with_workspace(target: LoadableTargetOrigin | None, workspace_file: Path | None, **others: Any) -> None:
        if target is not None and workspace_file is not None:
            raise click.UsageError("Give one of -w WORKSPACE, -f FILE, -m MODULE and --package-name PACKAGE.")
        file = workspace_file or _DEFAULT_FILE
        command(lambda: Workspace.from_file(file) if target is None else Workspace.of_target(target), **others)

    return functools.update_wrapper(with_workspace, command)


def is_code_named() -> bool:
    """Whether the command that runs was told where code is, or finds a `workspace.yaml`."""
    given = click.get_current_context().params
    names = ("workspace_file", "python_file", "module_name", "package_name")
    return _DEFAULT_FILE.exists() or any(given.get(name) is not None for name in names)

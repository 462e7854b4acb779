"""The command `cloudstore port`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from cloudstore.port.files import INSTANCE_FILE, files_of, write_all
from core.cli.failures import clear_failures
from core.cli.output.terminal import say
from core.errors import DagsterInvariantViolationError, DagsterMissingExtraError
from core.printable import printable
from core.wording import counted

if TYPE_CHECKING:
    from cloudstore.port.code import Ported


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--diff", "as_diff", is_flag=True, help="Print what would change, as a diff, and write nothing.")
def port(paths: tuple[Path, ...], as_diff: bool) -> None:
    """Rewrite code of Dagster 0.11 for this package: the imports and names of PATH, or of all files below it.

    Python files and dagster.yaml files are rewritten in place; layout and comments stay. Either all files are written
    or, if one of them cannot be read as Python or YAML, none. Keep them in a version control system, or look at --diff.

    What has no counterpart is listed by file and line, with what to use in its place. It needs the extra `port`.

    \b
    Examples:
      cloudstore port --diff my_project
      cloudstore port my_project/pipelines.py
    """
    with clear_failures():
        contents: dict[Path, bytes] = {}
        notes: list[str] = []
        files = list(files_of(paths))
        for path in files:
            before = _read(path)
            ported = _ported(path, before)
            notes += [f"{path}:{note.line}: {note.text}" for note in ported.notes]
            if ported.content != before:
                contents[path] = ported.content
                if as_diff:
                    _show_diff(path, before, ported.content)
        if not as_diff:
            _write(contents)
        _sum_up(files, list(contents), notes, as_diff)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DagsterInvariantViolationError(f"{path}: {error.strerror}. Nothing was written.") from error


def _write(contents: dict[Path, bytes]) -> None:
    try:
        write_all(contents)
    except OSError as error:
        raise DagsterInvariantViolationError(f"{error.filename}: {error.strerror}.") from error


def _ported(path: Path, content: bytes) -> Ported:
    try:
        import libcst

        from cloudstore.port.code import port_code
        from cloudstore.port.instance_file import port_instance_file
    except ModuleNotFoundError as error:
        raise DagsterMissingExtraError(
            f"Porting needs libcst, which cannot be imported ({error}). Install it: pip install 'cloudstore[port]'"
        ) from error
    try:
        return port_instance_file(content) if path.name == INSTANCE_FILE else port_code(content)
    except libcst.ParserSyntaxError as error:
        place, problem = f"{path}:{error.raw_line}:{error.raw_column + 1}", "it is not Python 3"
        raise DagsterInvariantViolationError(f"{place}: {problem}. Nothing was written.") from error
    except yaml.YAMLError as error:
        raise DagsterInvariantViolationError(f"{path} is not YAML: {error}. Nothing was written.") from error
    except (SyntaxError, UnicodeDecodeError, LookupError, RecursionError) as error:
        raise DagsterInvariantViolationError(f"{path} cannot be read: {error}. Nothing was written.") from error


def _show_diff(path: Path, before: bytes, after: bytes) -> None:
    old, new = (each.decode("utf-8", "replace").splitlines(keepends=True) for each in (before, after))
    for line in difflib.unified_diff(old, new, str(path), str(path)):
        say(line.rstrip("\n"))


def _sum_up(files: Sequence[Path], changed: Sequence[Path], notes: Sequence[str], as_diff: bool) -> None:
    """Says on stderr what was done, and on stdout, where it is no diff, what is left to do."""
    for note in notes:
        say(printable(note), err=as_diff)
    verb = "would be changed" if as_diff else "changed"
    left = "1 place is" if len(notes) == 1 else f"{len(notes)} places are"
    say(f"{len(changed)} of {counted(len(files), 'file')} {verb}; {left} left to do by hand.", err=True)

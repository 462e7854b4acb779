"""What `cloudstore memo` tells."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.cli.output.removals import printable
from core.cli.output.report import human_bytes
from core.retention.versions import Criteria, Held, Kept, Selection
from core.serdes import to_json
from core.values.stored_version import StoredVersion

_SHORT_VERSION = 8  # enough to tell versions apart, and --version takes the beginning of one


class ValueLine(msgspec.Struct, frozen=True):
    """A stored value as people and programs are told of it; see `StoredVersion`.

    Attributes:
        used_by_runs: how many runs of the instance stored it or found it.
    """

    step_key: str
    output_name: str
    mapping_key: str | None
    version: str
    address: str
    size_bytes: int
    stored_at: datetime
    used_by_runs: int

    @staticmethod
    def of(stored: StoredVersion, used_by_runs: int) -> ValueLine:
        """The line of a value."""
        return ValueLine(**msgspec.structs.asdict(stored), used_by_runs=used_by_runs)


def show_values(lines: Sequence[ValueLine]) -> None:
    """Prints a table on a terminal; elsewhere a JSON object a line, and the total to stderr."""
    for_people = sys.stdout.isatty()
    if for_people and lines:
        Console().print(_table(lines))
    elif not for_people:
        for line in lines:
            click.echo(to_json(line, replace_surrogates=True))
    click.echo(f"{counted(line.size_bytes for line in lines)}.", err=not for_people)


def counted(sizes_bytes: Iterable[int]) -> str:
    """How many values there are, and how large."""
    sizes = list(sizes_bytes)
    return f"{_values(len(sizes))}, {human_bytes(sum(sizes))}"


def note_kept(selection: Selection, criteria: Criteria) -> None:
    """Says on stderr what was not selected though it was asked for, and how to have it selected."""
    reasons = {
        Kept.USED: "runs of this instance used them; --used deletes them too",
        Kept.IN_PROGRESS: "a run in progress uses them, or may; "
        "if its process is gone, say so with `cloudstore runs cancel`",
        Kept.YOUNG: "they were stored within the last day, and may be of another machine's run; "
        "--older-than 0h deletes them too",
    }
    for reason, count in sorted(selection.kept.items(), key=lambda item: item[0].value):
        click.echo(f"Kept: {_values(count)}: {reasons[reason]}.", err=True)
    if criteria.most_bytes is not None and selection.left_bytes > criteria.most_bytes:
        left, wanted = human_bytes(selection.left_bytes), human_bytes(criteria.most_bytes)
        click.echo(f"{left} is left, which is more than {wanted}.", err=True)


def note_unknown_steps(held: Iterable[Held], step_keys: Iterable[str]) -> None:
    """Says on stderr which of some steps have no value at all, and which steps have."""
    known = {each.stored.step_key for each in held}
    for step_key in sorted(set(step_keys) - known):
        steps = ", ".join(sorted(map(printable, known))) or "no step"
        click.echo(f"No value of a step {step_key!r} is stored; there are values of {steps}.", err=True)


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _table(lines: Sequence[ValueLine]) -> Table:
    table = Table()
    for name in ("step", "output"):
        table.add_column(name, overflow="fold")
    table.add_column("version", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("stored", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    for line in lines:
        output = line.output_name if line.mapping_key is None else f"{line.output_name}[{line.mapping_key}]"
        stored_at = line.stored_at.astimezone().strftime("%Y-%m-%d %H:%M")
        cells = line.version[:_SHORT_VERSION], human_bytes(line.size_bytes), stored_at, str(line.used_by_runs)
        table.add_row(Text(printable(line.step_key)), Text(printable(output)), *cells)
    return table

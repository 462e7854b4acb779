"""What `cloudstore memo` prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.cli.output.text import SHORT_ID, human_bytes, printable
from core.retention.wipe import KeepReason, ManagedVersion, Selection, WipeCriteria
from core.serdes import to_json
from core.views.values import ValueReport

_REASONS = {
    KeepReason.USED: "runs of this instance used them; --used deletes them too",
    KeepReason.IN_PROGRESS: "a run in progress uses them, or may; "
    "if its process has died, mark the run with `cloudstore runs cancel`",
    KeepReason.RECENT: "they were stored within the last day and may belong to a run on another machine; "
    "--older-than 0h deletes them too",
}


def show_values(values: Sequence[ValueReport]) -> None:
    """Prints a table on a terminal; elsewhere one JSON object per line, and the total to stderr."""
    on_terminal = sys.stdout.isatty()
    if on_terminal and values:
        Console().print(_table(values))
    elif not on_terminal:
        for value in values:
            click.echo(to_json(value, replace_surrogates=True))
    click.echo(f"{count_and_size(value.size_bytes for value in values)}.", err=not on_terminal)


def count_and_size(sizes_bytes: Iterable[int]) -> str:
    """How many values there are, and their total size."""
    sizes = list(sizes_bytes)
    return f"{_values(len(sizes))}, {human_bytes(sum(sizes))}"


def note_kept(selection: Selection, criteria: WipeCriteria) -> None:
    """Says on stderr which values are kept although they meet the criteria, and how to delete them too."""
    for reason, count in sorted(selection.kept.items(), key=lambda item: item[0].value):
        click.echo(f"Kept: {_values(count)}: {_REASONS[reason]}.", err=True)
    if criteria.max_bytes is not None and selection.bytes_left > criteria.max_bytes:
        left, wanted = human_bytes(selection.bytes_left), human_bytes(criteria.max_bytes)
        click.echo(f"{left} is left, which is more than {wanted}.", err=True)


def note_unknown_steps(versions: Iterable[ManagedVersion], step_keys: Iterable[str]) -> None:
    """Says on stderr which of some steps have no stored value, and which steps have one."""
    known = {each.stored.handle.step_key for each in versions}
    for step_key in sorted(set(step_keys) - known):
        stored = f"Steps with stored values: {', '.join(sorted(map(printable, known))) or 'none'}."
        click.echo(f"No value of step {step_key!r} is stored. {stored}", err=True)


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _table(values: Sequence[ValueReport]) -> Table:
    table = Table()
    for name in ("step", "output"):
        table.add_column(name, overflow="fold")
    table.add_column("version", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("stored", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    for value in values:
        output = value.output_name if value.mapping_key is None else f"{value.output_name}[{value.mapping_key}]"
        stored_at = value.stored_at.astimezone().strftime("%Y-%m-%d %H:%M")
        cells = value.version[:SHORT_ID], human_bytes(value.size_bytes), stored_at, str(value.used_by_runs)
        table.add_row(Text(printable(value.step_key)), Text(printable(output)), *cells)
    return table

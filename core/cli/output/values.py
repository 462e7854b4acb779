"""What `cloudstore memo` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.cli.output.grid import Column, Grid
from core.cli.output.terminal import cell, draw, is_terminal, say, say_json, table
from core.cli.output.text import SHORT_ID, human_bytes
from core.printable import printable
from core.retention.wipe import KeepReason, ManagedVersion, Selection, WipeCriteria
from core.views.values import ValueReport

_REASONS = {
    KeepReason.USED: "runs of this instance used them; --used deletes them too",
    KeepReason.IN_PROGRESS: "a run in progress uses them, or may; "
    "if its process has died, mark the run with `cloudstore runs cancel --force`",
    KeepReason.RECENT: "they were stored within the last day and may belong to a run on another machine; "
    "--older-than 0h deletes them too",
}


def show_values(values: Sequence[ValueReport], is_verbose: bool = False) -> None:
    """Prints a table on a terminal; elsewhere one JSON object per line, and the total to stderr.

    Args:
        values: the values.
        is_verbose: whether the table has whole versions, and addresses.
    """
    on_terminal = is_terminal()
    if on_terminal and values:
        draw(_table(values, is_verbose))
    elif not on_terminal:
        for value in values:
            say_json(value)
    say(f"{count_and_size(value.size_bytes for value in values)}.", err=not on_terminal)


def count_and_size(sizes_bytes: Iterable[int]) -> str:
    """How many values there are, and their total size."""
    sizes = list(sizes_bytes)
    return f"{_values(len(sizes))}, {human_bytes(sum(sizes))}"


def note_kept(selection: Selection, criteria: WipeCriteria) -> None:
    """Says on stderr which values are kept although they meet the criteria, and how to delete them too."""
    for reason, count in sorted(selection.kept.items(), key=lambda item: item[0].value):
        say(f"Kept: {_values(count)}: {_REASONS[reason]}.", err=True)
    if criteria.max_bytes is not None and selection.bytes_left > criteria.max_bytes:
        left, wanted = human_bytes(selection.bytes_left), human_bytes(criteria.max_bytes)
        say(f"{left} is left, which is more than {wanted}.", err=True)


def note_unknown_steps(versions: Iterable[ManagedVersion], step_keys: Iterable[str]) -> None:
    """Says on stderr which of some steps have no stored value, and which steps have one."""
    known = {each.stored.handle.step_key for each in versions}
    for step_key in sorted(set(step_keys) - known):
        stored = f"Steps with stored values: {', '.join(sorted(map(printable, known))) or 'none'}."
        say(f"No value of step {step_key!r} is stored. {stored}", err=True)


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _table(values: Sequence[ValueReport], is_verbose: bool) -> Grid:
    numbers = Column("size", is_number=True, rank=1), Column("runs", is_number=True, rank=2)
    columns = [
        Column("step"),
        Column("output"),
        Column("version", rank=4),
        numbers[0],
        Column("stored", rank=3),
        numbers[1],
    ]
    drawn = table([*columns, Column("address")] if is_verbose else columns)
    for value in values:
        output = value.output_name if value.mapping_key is None else f"{value.output_name}[{value.mapping_key}]"
        stored_at = value.stored_at.astimezone().strftime("%Y-%m-%d %H:%M")
        version = value.version if is_verbose else value.version[:SHORT_ID]
        cells = version, human_bytes(value.size_bytes), stored_at, str(value.used_by_runs), value.address
        drawn.add_row(cell(value.step_key), cell(output), *map(cell, cells[: len(drawn.columns) - 2]))
    return drawn

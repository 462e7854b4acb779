"""What was deleted."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from core.cli.output.text import human_bytes, printable
from core.records.removal import Removal
from core.serdes import to_json


def show_removals(removals: Iterable[Removal], dry_run: bool) -> None:
    """Prints a line for each thing when it is deleted, and at the end their number and total size.

    On a terminal a line has kind, name and size. Elsewhere it is a JSON object with the fields of `Removal`, and the
    total goes to stderr.

    Args:
        removals: the deleted things; they may be deleted only as this is iterated.
        dry_run: whether they only would be deleted.
    """
    on_terminal = sys.stdout.isatty()
    count = size_bytes = 0
    for removal in removals:
        click.echo(_line(removal) if on_terminal else to_json(removal, replace_surrogates=True))
        count += 1
        size_bytes += removal.size_bytes or 0
    things = "1 thing" if count == 1 else f"{count} things"
    happens = "would be deleted" if dry_run else "deleted"
    click.echo(f"{things} {happens}, {human_bytes(size_bytes)}.", err=not on_terminal)


def _line(removal: Removal) -> str:
    size = "" if removal.size_bytes is None else f"  {human_bytes(removal.size_bytes)}"
    return f"{removal.kind:<11}  {printable(removal.name)}{size}"

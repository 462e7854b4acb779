"""Telling what was deleted."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from core.cli.output.report import human_bytes
from core.records.removal import Removal
from core.serdes import to_json


def show_removals(removals: Iterable[Removal], dry_run: bool) -> None:
    """Tells each thing as it goes, a line each, and at the end how many and how large they were.

    On a terminal a line has kind, name and size. Elsewhere it is a JSON object with the fields of `Removal`, and the
    total goes to stderr.

    Args:
        removals: what goes, perhaps only as it is iterated.
        dry_run: it would go.
    """
    for_people = sys.stdout.isatty()
    count = size_bytes = 0
    for removal in removals:
        click.echo(_line(removal) if for_people else to_json(removal, replace_surrogates=True))
        count += 1
        size_bytes += removal.size_bytes or 0
    things = "1 thing" if count == 1 else f"{count} things"
    happens = "would be deleted" if dry_run else "deleted"
    click.echo(f"{things} {happens}, {human_bytes(size_bytes)}.", err=not for_people)


def _line(removal: Removal) -> str:
    size = "" if removal.size_bytes is None else f"  {human_bytes(removal.size_bytes)}"
    return f"{removal.kind:<11}  {printable(removal.name)}{size}"


def printable(name: str) -> str:
    """A name for a terminal, with escapes in place of what would move its cursor."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)

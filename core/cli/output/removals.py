"""What was deleted."""

from __future__ import annotations

from collections.abc import Iterable

from core.cli.output.terminal import is_terminal, say, say_json
from core.cli.output.text import human_bytes
from core.printable import printable
from core.records.removal import Removal


def show_removals(removals: Iterable[Removal], dry_run: bool) -> None:
    """Prints a line for each thing when it is deleted, and at the end their number and total size.

    On a terminal a line has kind, name and size. Elsewhere it is a JSON object with the fields of `Removal`, and the
    total goes to stderr.

    Args:
        removals: the deleted things; they may be deleted only as this is iterated.
        dry_run: whether they only would be deleted.
    """
    on_terminal = is_terminal()
    count = size_bytes = 0
    for removal in removals:
        if on_terminal:
            say(_line(removal))
        else:
            say_json(removal)
        count += 1
        size_bytes += removal.size_bytes or 0
    things = "1 thing" if count == 1 else f"{count} things"
    happens = "would be deleted" if dry_run else "deleted"
    say(f"{things} {happens}, {human_bytes(size_bytes)}.", err=not on_terminal)


def _line(removal: Removal) -> str:
    size = "" if removal.size_bytes is None else f"  {human_bytes(removal.size_bytes)}"
    return f"{removal.kind:<11}  {printable(removal.name)}{size}"

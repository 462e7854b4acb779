"""The outcome of checks."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.cli.checks import Check

_STYLES = {"ok": "green", "missing": "bold red", "not tried": "yellow"}


def show_checks(checks: Sequence[Check]) -> None:
    """Prints a table on a terminal; elsewhere one line per check: state, part, what and detail, separated by tabs."""
    if not sys.stdout.isatty():
        for check in checks:
            click.echo(
                "\t".join(" ".join(cell.split()) for cell in (check.state, check.part, check.what, check.detail))
            )
        return
    table = Table()
    for name in ("part", "what", "state", "found, or how to fix it"):
        table.add_column(name, overflow="fold")
    part = ""
    for check in checks:
        if check.part != part:
            table.add_section()
        shown = "" if check.part == part else check.part
        table.add_row(Text(shown), Text(check.what), Text(check.state, _STYLES[check.state]), Text(check.detail))
        part = check.part
    Console().print(table)

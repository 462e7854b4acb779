"""The outcome of checks."""

from __future__ import annotations

from collections.abc import Sequence

from core.cli.checks import Check
from core.cli.output.grid import Column
from core.cli.output.terminal import cell, draw, is_terminal, say_fields, table

_STYLES = {"ok": "green", "missing": "bold red", "not tried": "yellow"}


def show_checks(checks: Sequence[Check]) -> None:
    """Prints a table on a terminal; elsewhere one line per check: state, part, what and detail, separated by tabs."""
    if not is_terminal():
        for check in checks:
            say_fields((check.state, check.part, check.what, check.detail))
        return
    drawn = table([Column("part"), Column("what"), Column("state"), Column("found, or how to fix it", is_prose=True)])
    part = ""
    for check in checks:
        if check.part != part:
            drawn.add_section()
        shown = "" if check.part == part else check.part
        state = cell(check.state, style=_STYLES[check.state])
        drawn.add_row(cell(shown), cell(check.what), state, cell(*check.detail.splitlines()))
        part = check.part
    draw(drawn)

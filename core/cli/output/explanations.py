"""Showing why steps were executed, or were not."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.serdes import to_json
from core.versions.explain import Explanation

_STYLES = {
    "hit": "cyan",
    "executed": "green",
    "refreshed": "green",
    "would run": "green",
    "failed": "red",
    "begun": "yellow",
    "skipped": "yellow",
    "would be skipped": "yellow",
    "not executed": "dim",
}
_SHORT_ID = 8


def show_explanations(title: str, explanations: Iterable[Explanation], as_json: bool) -> None:
    """A table on a terminal; elsewhere a line a step: step, outcome, reasons and the other run, with tabs between.

    Args:
        title: above the table.
        explanations: one a step.
        as_json: a JSON object a line instead, with the fields of `Explanation`.
    """
    listed = list(explanations)
    if as_json:
        for each in listed:
            click.echo(to_json(each, replace_surrogates=True))
    elif sys.stdout.isatty():
        _show_table(title, listed)
    else:
        for each in listed:
            against = [f"compared with run {each.compared_with}"] if each.compared_with else []
            cells = (each.step_key, each.outcome, "; ".join(each.reasons), *against)
            click.echo("\t".join(" ".join(_printable(cell).split()) for cell in cells))


def _show_table(title: str, explanations: Sequence[Explanation]) -> None:
    console, counts = Console(), Counter(each.outcome for each in explanations)
    console.print(Text(_printable(title), "bold"))
    console.print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    table = Table()
    # Folded where they do not fit: an address that is cut says nothing.
    table.add_column("step", overflow="fold", max_width=24)
    table.add_column("outcome", no_wrap=True)
    table.add_column("why", overflow="fold")
    for each in explanations:
        why = Text("\n".join(map(_printable, each.reasons)))
        if each.compared_with:
            why.append(f"\n(compared with run {each.compared_with[:_SHORT_ID]})", "dim")
        table.add_row(Text(_printable(each.step_key)), Text(each.outcome, _STYLES[each.outcome]), why)
    console.print(table)


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)

"""Why steps were executed or not."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.cli.output.text import SHORT_ID, printable
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


def show_explanations(title: str, explanations: Iterable[Explanation], as_json: bool) -> None:
    """Prints a table on a terminal; elsewhere one line per step: step, outcome, reasons, the other run, tab-separated.

    Args:
        title: shown above the table.
        explanations: one for each step.
        as_json: prints one JSON object per line instead, with the fields of `Explanation`.
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
            click.echo("\t".join(" ".join(printable(cell).split()) for cell in cells))


def _show_table(title: str, explanations: Sequence[Explanation]) -> None:
    console, counts = Console(), Counter(each.outcome for each in explanations)
    console.print(Text(printable(title), "bold"))
    console.print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    table = Table()
    # Folded where they do not fit, since an address that is cut off is useless.
    table.add_column("step", overflow="fold", max_width=24)
    table.add_column("outcome", no_wrap=True)
    table.add_column("why", overflow="fold")
    for each in explanations:
        why = Text("\n".join(map(printable, each.reasons)))
        if each.compared_with:
            why.append(f"\n(compared with run {each.compared_with[:SHORT_ID]})", "dim")
        table.add_row(Text(printable(each.step_key)), Text(each.outcome, _STYLES[each.outcome]), why)
    console.print(table)

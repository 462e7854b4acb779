"""Why steps were executed or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from core.cli.output.grid import Column
from core.cli.output.terminal import cell, draw, is_terminal, say_fields, table
from core.cli.output.text import SHORT_ID
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


def show_explanations(title: str, explanations: Iterable[Explanation], is_verbose: bool = False) -> None:
    """Prints a table on a terminal; elsewhere one line per step: step, outcome, reasons, the other run, tab-separated.

    Args:
        title: shown above the table.
        explanations: one for each step.
        is_verbose: whether hashes and ids are shown whole, and addresses at all.
    """
    listed = [each if is_verbose else each.in_short() for each in explanations]
    if is_terminal():
        _show_table(title, listed, None if is_verbose else SHORT_ID)
    else:
        for each in listed:
            against = [f"compared with run {each.compared_with}"] if each.compared_with else []
            say_fields((each.step_key, each.outcome, "; ".join(each.reasons), *against))


def _show_table(title: str, explanations: Sequence[Explanation], id_digits: int | None) -> None:
    counts = Counter(each.outcome for each in explanations)
    draw(cell(title, style="bold"))
    draw(cell(", ".join(f"{count} {outcome}" for outcome, count in counts.items())))
    drawn = table([Column("step"), Column("outcome"), Column("why", is_prose=True)])
    for each in explanations:
        why = cell(*each.reasons)
        if each.compared_with:
            why.append("\n").append(cell(f"(compared with run {each.compared_with[:id_digits]})", style="dim"))
        drawn.add_row(cell(each.step_key), cell(each.outcome, style=_STYLES[each.outcome]), why)
    draw(drawn)

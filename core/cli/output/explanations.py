"""Why steps were executed or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from core.cli.output.terminal import cell, draw, is_terminal, say_fields, say_json, table
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
            say_json(each)
    elif is_terminal():
        _show_table(title, listed)
    else:
        for each in listed:
            against = [f"compared with run {each.compared_with}"] if each.compared_with else []
            say_fields((each.step_key, each.outcome, "; ".join(each.reasons), *against))


def _show_table(title: str, explanations: Sequence[Explanation]) -> None:
    counts = Counter(each.outcome for each in explanations)
    draw(cell(title, style="bold"))
    draw(cell(", ".join(f"{count} {outcome}" for outcome, count in counts.items())))
    # Folded where they do not fit, since an address that is cut off is useless.
    drawn = table(
        [("step", {"overflow": "fold", "max_width": 24}), ("outcome", {"no_wrap": True}), ("why", {"overflow": "fold"})]
    )
    for each in explanations:
        why = cell(*each.reasons)
        if each.compared_with:
            why.append("\n").append(cell(f"(compared with run {each.compared_with[:SHORT_ID]})", style="dim"))
        drawn.add_row(cell(each.step_key), cell(each.outcome, style=_STYLES[each.outcome]), why)
    draw(drawn)

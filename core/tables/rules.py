"""Holding a table against its columns: which rules fail, in how many rows, and which are the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from core.config import hide_passwords, names_secret
from core.printable import printable
from core.tables.columns import Check, Column
from core.tables.frames import Frames
from core.wording import a_kind_of

MOST_ROWS = 5
"""Rows that a failing rule names."""

_LONGEST_VALUE = 40
_MOST_NAMES = 20


class Broken(msgspec.Struct, frozen=True):
    """A rule that does not hold.

    Attributes:
        rule: the rule, in words.
        column: of which column; None of the table.
        count: the number of rows that break it; None where it is not about rows.
        rows: position, counted from 0, and value of the first of them; a value is text, cut and printable.
        found: what is there instead, in words; may be empty.
    """

    rule: str
    column: str | None = None
    count: int | None = None
    rows: tuple[tuple[int, str], ...] = ()
    found: str = ""

    def said(self, height: int) -> str:
        """The rule and what breaks it.

        Args:
            height: the number of rows of the table.
        """
        where = f"column {self.column!r} {self.rule}" if self.column is not None else f"the table {self.rule}"
        if self.count is None:
            return f"{where}: {self.found}" if self.found else where
        shown = ", ".join(f"row {row}: {value}" if value else f"row {row}" for row, value in self.rows)
        more = ", ..." if self.count > len(self.rows) else ""
        return f"{where}: not in {self.count} of {height} {'row' if height == 1 else 'rows'} ({shown}{more})"


class TableRules(msgspec.Struct, frozen=True):
    """What is said of a whole table.

    Attributes:
        columns: its columns.
        checks: rules of the whole table.
        min_rows: the least number of rows.
        max_rows: the largest; None for no limit.
        other_columns: whether it may have columns that `columns` does not name.
        in_order: whether its columns stand in the order of `columns`.
    """

    columns: tuple[Column, ...] = ()
    checks: tuple[Check, ...] = ()
    min_rows: int = 0
    max_rows: int | None = None
    other_columns: bool = True
    in_order: bool = False


def broken_rules(frames: Frames, frame: Any, rules: TableRules) -> list[Broken]:
    """All rules that a table breaks, those of the table first.

    Args:
        frames: the library of the table.
        frame: the table.
        rules: what it should keep.
    """
    names = frames.names(frame)
    found = [*_of_shape(frames.height(frame), names, rules)]
    for column in rules.columns:
        found += _of_column(frames, frame, names, column)
    if not found:  # a rule of the whole table may count on its columns
        for check in rules.checks:
            found += _of_check(frames, frame, check, None)
    return found


def _of_shape(height: int, names: Sequence[Any], rules: TableRules) -> Iterator[Broken]:
    if height < rules.min_rows:
        yield Broken(f"has at least {rules.min_rows} rows", found=f"it has {height}")
    if rules.max_rows is not None and height > rules.max_rows:
        yield Broken(f"has at most {rules.max_rows} rows", found=f"it has {height}")
    known = [column.name for column in rules.columns]
    others = [name for name in names if name not in known]
    if others and not rules.other_columns:
        yield Broken(f"has no other columns than {_listed(known)}", found=f"it has {_listed(others)}")
    there = [name for name in names if name in known]
    expected = [name for name in known if name in there]
    if rules.in_order and there != expected:
        yield Broken(f"has its columns in the order {_listed(expected)}", found=f"they stand as {_listed(there)}")


def _of_column(frames: Frames, frame: Any, names: Sequence[Any], column: Column) -> Iterator[Broken]:
    count = sum(1 for name in names if name == column.name)
    if count != 1:
        if count or column.is_required:
            found = f"it stands there {count} times" if count else f"there are only {_listed(names)}" if names else ""
            yield Broken("is there" if not count else "is there once", column.name, found=found)
        return
    series = frames.column(frame, column.name)
    if not _is_of_dtype(frames, series, column):
        yield Broken(f"is of type {column.dtype_text}", column.name, found=f"it is {series.dtype}")
        return  # the rules below say little of other values
    for rule, breaks in _value_rules(frames, series, column):
        yield from _of_rows(frames, series, rule, breaks, column.name)
    for check in column.checks:
        yield from _of_check(frames, series, check, column.name)


def _is_of_dtype(frames: Frames, series: Any, column: Column) -> bool:
    if column.kind is not None:
        return frames.is_of_kind(series, column.kind)
    try:
        return column.exact_dtype is None or bool(series.dtype == column.exact_dtype)
    except TypeError:  # pandas, of a name that is no dtype
        return False


def _value_rules(frames: Frames, series: Any, column: Column) -> Iterator[tuple[str, Callable[[], Any]]]:
    missing = frames.missing(series)
    if not column.nullable:
        yield "has no missing values", lambda: missing
    if column.unique:
        yield "has unique values", lambda: frames.repeated(series) & ~missing
    if column.at_least is not None:
        yield f"is at least {column.at_least}", lambda: (series < column.at_least) & ~missing
    if column.at_most is not None:
        yield f"is at most {column.at_most}", lambda: (series > column.at_most) & ~missing
    if column.one_of is not None:
        values = column.one_of
        yield f"is one of {_listed(values)}", lambda: ~frames.among(series, values) & ~missing


def _of_check(frames: Frames, checked: Any, check: Check, column: str | None) -> Iterator[Broken]:
    """A rule of the user's own, of a column or of the whole table."""
    rule = f"keeps the rule {check.name!r}"
    answer = check.holds(checked)
    holds = frames.as_mask(checked, answer)
    if holds is None:
        is_truth = type(answer).__name__ in ("bool", "bool_") or (isinstance(answer, int) and answer in (0, 1))
        if not is_truth:
            why = f"it gave {a_kind_of(answer)} and must give True or False, or one for each row"
            yield Broken(rule, column, found=f"it cannot be checked ({why})")
        elif not answer:
            yield Broken(rule, column)
    elif len(holds) != len(checked):
        yield Broken(
            rule, column, found=f"it cannot be checked (it was answered for {len(holds)} of {len(checked)} rows)"
        )
    elif column is not None:
        yield from _of_rows(frames, checked, rule, lambda: frames.is_false(holds) & ~frames.missing(checked), column)
    else:
        yield from _of_rows(frames, None, rule, lambda: frames.is_false(holds), None)


def _of_rows(frames: Frames, series: Any, rule: str, breaks: Callable[[], Any], column: str | None) -> Iterator[Broken]:
    try:
        count, first = frames.positions(breaks(), MOST_ROWS)
    except Exception as error:  # noqa: BLE001  of the library: values that cannot be compared, say
        yield Broken(rule, column, found=f"it cannot be checked ({type(error).__name__}: {printable(str(error)):.100})")
        return
    if count:
        is_secret = column is not None and names_secret((column,))
        rows = tuple(
            (row, "" if series is None or is_secret else _shown(frames.value_at(series, row))) for row in first
        )
        yield Broken(rule, column, count, rows)


def _shown(value: Any) -> str:
    text = printable(hide_passwords(repr(value.item() if hasattr(value, "item") else value)))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _listed(values: Sequence[Any]) -> str:
    shown = [_shown(value) for value in values[:_MOST_NAMES]]
    more = [f"{len(values) - len(shown)} more"] if len(values) > len(shown) else []
    return ", ".join([*shown, *more]) or "none"

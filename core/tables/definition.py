"""Types of tables: what their values are held against, what is told of them, and the files that they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from core.arguments import checked_arguments
from core.errors import DagsterInvalidDefinitionError
from core.events.metadata import EventMetadataEntry, as_metadata_entries
from core.events.user_events import TypeCheck
from core.tables.columns import Check, Column, as_checks
from core.tables.files import table_loader, table_materializer
from core.tables.frames import Frames
from core.tables.libraries import frames_of
from core.tables.rules import Broken, TableRules, broken_rules
from core.tables.statistics import table_statistics
from core.types.dagster_type import DagsterType
from core.types.loaders import DagsterTypeLoader, DagsterTypeMaterializer

StatisticsFn = Callable[[Any], Mapping[str, Any] | Sequence[EventMetadataEntry]]

_MOST_BROKEN = 10
_TIMES = ("datetime", "date")


@checked_arguments("table type")
def table_type(
    name: str,
    columns: Sequence[Column] = (),
    *,
    library: Literal["pandas", "polars"] = "pandas",
    min_rows: int = 0,
    max_rows: int | None = None,
    other_columns: bool = True,
    in_order: bool = False,
    checks: Sequence[Check | Callable[[Any], Any]] = (),
    statistics: StatisticsFn | None = table_statistics,
    description: str | None = None,
    loader: DagsterTypeLoader | None = None,
    materializer: DagsterTypeMaterializer | None = None,
) -> DagsterType:
    """A type whose values are data frames that keep rules.

    A value that breaks some fails its step, with a message that names the column, the rule, how many rows break it and
    the first of them. What the statistics say is kept with the event of the value.

    Args:
        name: of the type.
        columns: what is said of its columns.
        library: "pandas" or "polars"; it is imported when a value of the type is made or checked.
        min_rows: the least number of rows.
        max_rows: the largest number of rows; None for no limit.
        other_columns: whether there may be columns that `columns` does not name.
        in_order: whether the columns stand in the order of `columns`.
        checks: rules of the whole table, asked when the columns are right.
        statistics: gets the table; returns metadata, as label to value or as entries. None says nothing.
        description: for people.
        loader: makes tables from a run config; by default from the files that `{csv: {path: ...}}`, `{table: {path:
            ...}}` (separated by tabs) and `{parquet: {path: ...}}` name.
        materializer: writes tables to where a run config says; by default to such files.

    Raises:
        DagsterInvalidDefinitionError: an argument is not what it has to be.

    Example:
        >>> import pandas
        >>> Orders = table_type("Orders", [Column("id", int, unique=True), Column("paid", float, at_least=0)])
        >>> Orders.type_check(None, pandas.DataFrame({"id": [1, 2], "paid": [0.5, -1.0]})).description
        "not kept: column 'paid' is at least 0: not in 1 of 2 rows (row 1: -1.0)"
    """
    names = [each.name for each in columns]
    repeated = next((each for each in names if names.count(each) > 1), None)
    if repeated is not None:
        raise DagsterInvalidDefinitionError(f"Table type {name!r} says of the column {repeated!r} twice what it is.")
    own = as_checks(checks)
    rules = TableRules(tuple(columns), own, min_rows, max_rows, other_columns, in_order)
    frames, times = frames_of(library), {each.name: each.kind for each in columns if each.kind in _TIMES}
    return DagsterType(
        lambda _context, value: _checked(frames, value, rules, statistics),
        name,
        description or _described(library, rules),
        f"{library}.DataFrame",
        loader=loader or table_loader(frames, times),
        materializer=materializer or table_materializer(frames),
    )


def _checked(frames: Frames, value: Any, rules: TableRules, statistics: StatisticsFn | None) -> TypeCheck:
    if not frames.owns(value):
        cls = type(value)
        module = "" if cls.__module__ == "builtins" else f"{cls.__module__.partition('.')[0]}."
        return TypeCheck(False, f"expected a {frames.library}.DataFrame, got a {module}{cls.__name__}")
    broken = broken_rules(frames, value, rules)
    if broken:
        return TypeCheck(False, _said(broken, frames.height(value)), metadata={"broken": _as_json(broken)})
    if statistics is None:
        return TypeCheck(True)
    told = statistics(value)
    entries = as_metadata_entries(told) if isinstance(told, Mapping) else tuple(told)
    return TypeCheck(True, metadata_entries=entries)


def _said(broken: Sequence[Broken], height: int) -> str:
    said = [each.said(height) for each in broken[:_MOST_BROKEN]]
    more = [f"and {len(broken) - len(said)} more rules"] if len(broken) > len(said) else []
    return "; ".join(["not kept: " + said[0], *said[1:], *more])


def _as_json(broken: Sequence[Broken]) -> list[dict[str, Any]]:
    return [
        {**msgspec.structs.asdict(each), "rows": [list(row) for row in each.rows]} for each in broken[:_MOST_BROKEN]
    ]


def _described(library: str, rules: TableRules) -> str:
    said = [
        f"`{each.name}`" + (f" ({each.dtype_text})" if each.kind or each.exact_dtype is not None else "")
        + (f": {each.description}" if each.description else "")
        for each in rules.columns
    ]  # fmt: skip
    return f"A {library}.DataFrame" + (f" with the columns {', '.join(said)}." if said else ".")


PandasDataFrame = table_type("PandasDataFrame", library="pandas")
"""Any data frame of pandas.

Example:
    >>> import pandas
    >>> from core import InputDefinition, execute_solid, solid
    >>> from core.tables import PandasDataFrame
    >>> @solid(input_defs=[InputDefinition("orders", PandasDataFrame)])
    ... def count(orders):
    ...     return len(orders)
    >>> execute_solid(count, input_values={"orders": pandas.DataFrame({"id": [17, 42]})}).output_value()
    2
"""

PolarsDataFrame = table_type("PolarsDataFrame", library="polars")
"""Any data frame of Polars.

Example:
    >>> import polars
    >>> from core import check_dagster_type
    >>> from core.tables import PolarsDataFrame
    >>> check_dagster_type(PolarsDataFrame, polars.DataFrame({"id": [17, 42]})).success
    True
"""

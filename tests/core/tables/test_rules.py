"""The rules of tables, each with tables of both libraries that keep it and that break it."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import DagsterInvalidDefinitionError, DagsterType, check_dagster_type
from core.tables import Check, Column, PandasDataFrame, PolarsDataFrame, table_statistics, table_type

LIBRARIES = ("pandas", "polars")
DAY = datetime.datetime(2026, 1, 2)


def frame(library: str, **columns: Any) -> Any:
    return pd.DataFrame(columns) if library == "pandas" else pl.DataFrame(columns, strict=False)


def said(of_type: DagsterType, value: Any) -> str | None:
    answer = check_dagster_type(of_type, value)
    assert answer.success == (answer.description is None)
    return answer.description


KEPT_AND_BROKEN: dict[str, tuple[Column, list[Any], list[Any], str]] = {
    "not nullable": (
        Column("x", nullable=False), [1, 2], [1, None, 3, None],
        "has no missing values: not in 2 of 4 rows (row 1: MISSING, row 3: MISSING)",
    ),
    "NaN is missing": (
        Column("x", nullable=False), [1.5], [1.5, float("nan")],
        "has no missing values: not in 1 of 2 rows (row 1: nan)",
    ),
    "unique": (
        Column("x", unique=True), [1, 2, None, None], ["a", "b", "a"],
        "has unique values: not in 2 of 3 rows (row 0: 'a', row 2: 'a')",
    ),
    "at least": (
        Column("x", at_least=1), [1, None, 2], [0, 1, -1], "is at least 1: not in 2 of 3 rows (row 0: 0, row 2: -1)",
    ),
    "at most": (
        Column("x", at_most=12), [12, 1], [13], "is at most 12: not in 1 of 1 row (row 0: 13)",
    ),
    "at most, with NaN": (
        Column("x", at_most=1.0), [1.0, float("nan")], [2.0], "is at most 1.0: not in 1 of 1 row (row 0: 2.0)",
    ),
    "bounds of times": (
        Column("x", at_least=DAY), [DAY], [DAY - datetime.timedelta(1)],
        "is at least 2026-01-02 00:00:00: not in 1 of 1 row",
    ),
    "one of": (
        Column("x", one_of=["a", "b"]), ["a", None, "b"], ["a", "c"],
        "is one of 'a', 'b': not in 1 of 2 rows (row 1: 'c')",
    ),
    "a check by rows": (
        Column("x", checks=[Check("is even", lambda column: column % 2 == 0)]), [2, None, 4], [2, 3],
        "keeps the rule 'is even': not in 1 of 2 rows (row 1: 3)",
    ),
    "a check of all": (
        Column("x", checks=[Check("sums up", lambda column: bool(column.sum() == 3))]), [1, 2], [1],
        "keeps the rule 'sums up'",
    ),
    "many rows": (
        Column("x", at_least=0), [0], list(range(-9, 1)),
        "not in 9 of 10 rows (row 0: -9, row 1: -8, row 2: -7, row 3: -6, row 4: -5, ...)",
    ),
    "long values": (Column("x", one_of=["a"]), ["a"], ["b" * 1000], f"(row 0: '{'b' * 38}…)"),
    "what a terminal acts on": (Column("x", one_of=["a"]), ["a"], ["\x1b[31m"], r"(row 0: '\x1b[31m')"),
    "passwords": (Column("x", one_of=["a"]), ["a"], ["http://u:secret@h/"], "(row 0: 'http://u:…@h/')"),
    "what cannot be compared": (Column("x", at_least="a"), [], [1], "is at least a: it cannot be checked ("),
}  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("column", "kept", "broken", "expected"), KEPT_AND_BROKEN.values(), ids=KEPT_AND_BROKEN)
def test_a_rule_of_a_column(library: str, column: Column, kept: list[Any], broken: list[Any], expected: str) -> None:
    of_type = table_type("T", [column], library=library)
    if kept:
        assert said(of_type, frame(library, x=kept)) is None
    told = said(of_type, frame(library, x=broken))
    missing = "None" if library == "polars" else "nan"
    assert told is not None
    assert told.startswith("not kept: column 'x' ")
    assert expected.replace("MISSING", missing).replace("row 0: 0,", "row 0: 0,") in told
    assert told.isprintable()
    assert len(told) < 400


OF_KIND: dict[str, list[Any]] = {
    "bool": [True, False],
    "int": [1, 2],
    "float": [1.5, None],
    "string": ["a", None],
    "datetime": [DAY, None],
    "date": [DAY.date(), None],
    "duration": [datetime.timedelta(1), None],
}
PYTHON = {
    "bool": bool, "int": int, "float": float, "string": str, "datetime": datetime.datetime, "date": datetime.date,
    "duration": datetime.timedelta,
}  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", OF_KIND)
def test_a_column_is_of_its_kind_and_of_no_other(library: str, kind: str) -> None:
    for other, values in OF_KIND.items():
        for dtype in (kind, PYTHON[kind]):
            told = said(table_type("T", [Column("x", dtype)], library=library), frame(library, x=values))
            assert (told is None) == (kind == other), (kind, other, told)
            assert told is None or f"column 'x' is of type {kind}: it is " in told
    for values, fits in (([1], True), ([1.5], True), (["a"], False), ([True], False)):
        number = table_type("T", [Column("x", "number")], library=library)
        assert (said(number, frame(library, x=values)) is None) == fits


def test_dtypes_of_the_libraries_themselves() -> None:
    assert said(table_type("T", [Column("x", "float32")]), pd.DataFrame({"x": [1.0]}).astype("float32")) is None
    assert said(table_type("T", [Column("x", "float32")]), pd.DataFrame({"x": [1.0]})) == (
        "not kept: column 'x' is of type float32: it is float64"
    )
    assert "is of type no-such-type" in str(
        said(table_type("T", [Column("x", "no-such-type")]), pd.DataFrame({"x": [1.0]}))
    )
    exact = table_type("T", [Column("x", pl.Int8)], library="polars")
    assert said(exact, pl.DataFrame({"x": [1]}, schema={"x": pl.Int8})) is None
    assert said(exact, pl.DataFrame({"x": [1]})) == "not kept: column 'x' is of type Int8: it is Int64"
    category = table_type("T", [Column("x", "category")])
    assert said(category, pd.DataFrame({"x": ["a"]}, dtype="category")) is None
    assert said(category, pd.DataFrame({"x": ["a"]})) is not None
    assert said(table_type("T", [Column("x", int)]), pd.DataFrame({"x": [1, None]}, dtype="Int64")) is None
    assert said(table_type("T", [Column("x", str)]), pd.DataFrame({"x": ["a", None]}, dtype=object)) is None
    assert said(table_type("T", [Column("x", str)]), pd.DataFrame({"x": ["a", 1]}, dtype=object)) is not None


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_rules_of_a_whole_table(library: str) -> None:
    columns = [Column("a", int), Column("b", is_required=False)]
    one = frame(library, a=[1])
    assert said(table_type("T", columns, library=library), one) is None
    assert said(table_type("T", columns, library=library), frame(library, c=[1])) == (
        "not kept: column 'a' is there: there are only 'c'"
    )
    assert (
        said(table_type("T", min_rows=2, library=library), one) == "not kept: the table has at least 2 rows: it has 1"
    )
    assert said(table_type("T", max_rows=0, library=library), one) == "not kept: the table has at most 0 rows: it has 1"
    strict = table_type("T", columns, library=library, other_columns=False, in_order=True)
    assert said(strict, frame(library, a=[1], b=[1])) is None
    assert said(strict, frame(library, b=[1], a=[1])) == (
        "not kept: the table has its columns in the order 'a', 'b': they stand as 'b', 'a'"
    )
    assert said(strict, frame(library, a=[1], z=[1])) == (
        "not kept: the table has no other columns than 'a', 'b': it has 'z'"
    )

    def a_is_below_b(table: Any) -> Any:
        return table["a"] < table["b"]

    ordered = table_type("T", columns, library=library, checks=[a_is_below_b])
    assert said(ordered, frame(library, a=[1, 5], b=[2, 3])) == (
        "not kept: the table keeps the rule 'a_is_below_b': not in 1 of 2 rows (row 1)"
    )
    assert "column 'a' is of type int" in str(said(ordered, frame(library, a=["x"]))), "and the rule is not asked"


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_check_may_answer(library: str) -> None:
    def told(answer: Any) -> str | None:
        of_column = table_type("T", [Column("x", checks=[Check("c", lambda _: answer)])], library=library)
        of_table = table_type("T", checks=[Check("c", lambda _: answer)], library=library)
        both = [said(each, frame(library, x=[1, 2])) for each in (of_column, of_table)]
        assert (both[0] is None) == (both[1] is None)
        return both[0]

    for right in (True, 1, np.True_, [True, True], np.array([True, True]), frame(library, x=[True, True])["x"]):
        assert told(right) is None
    for wrong in (False, 0, np.False_):
        assert told(wrong) == "not kept: column 'x' keeps the rule 'c'"
    for by_row in ([True, False], (True, False), np.array([True, False]), frame(library, x=[True, False])["x"]):
        assert told(by_row) == "not kept: column 'x' keeps the rule 'c': not in 1 of 2 rows (row 1: 2)"
    if library == "polars":
        assert told(pl.col("x") < 3) is None
        assert "(row 1: 2)" in str(told(pl.col("x") < 2))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("of", ["column", "table"])
def test_a_check_that_does_not_answer_for_each_row_is_not_kept(library: str, of: str) -> None:
    def told(holds: Any) -> str | None:
        checks = [Check("c", holds)]
        type_ = table_type("T", [Column("x", checks=checks)] if of == "column" else [], library=library)
        if of == "table":
            type_ = table_type("T", library=library, checks=checks)
        return said(type_, frame(library, x=[3, 1, 2]))

    for holds in (lambda _: [True], lambda _: np.array([True] * 4), lambda _: []):
        assert "it cannot be checked (it was answered for" in str(told(holds))


def test_a_series_of_pandas_is_of_the_rows_that_its_index_says() -> None:
    def told(holds: Any) -> str | None:
        rows = pd.DataFrame({"x": [None, 3.0, -1.0, 2.0]}, index=[7, 5, 3, 1])
        of_table = said(table_type("T", checks=[Check("c", lambda table: holds(table["x"]))]), rows)
        of_column = said(table_type("T", [Column("x", checks=[Check("c", holds)])]), rows)
        assert (of_table is None) == (of_column is None)
        return of_column

    at_row = "not kept: column 'x' keeps the rule 'c': not in 1 of 4 rows (row 2: -1.0)"
    assert told(lambda x: x.dropna() > 0) == at_row
    assert told(lambda x: x.sort_values() > 0) == at_row
    assert told(lambda x: x.dropna() > -2) is None


def test_an_expression_of_polars_may_be_of_all_rows_together() -> None:
    for least, kept in ((0, True), (1, False)):
        smallest = Check("c", lambda _, least=least: pl.col("x").min() > least)
        assert (
            said(table_type("T", [Column("x", checks=[smallest])], library="polars"), pl.DataFrame({"x": [2, 1]}))
            is None
        ) is kept
    shorter = Check("c", lambda column: column.drop_nulls() > 0)
    told = said(table_type("T", [Column("x", checks=[shorter])], library="polars"), pl.DataFrame({"x": [None, -1, 1]}))
    assert "it cannot be checked (it was answered for 2 of 3 rows)" in str(told)


@pytest.mark.parametrize("library", LIBRARIES)
def test_all_rules_that_are_broken_are_told_up_to_ten(library: str) -> None:
    columns = [Column(f"c{number}", at_least=1, unique=True) for number in range(8)]
    broken = frame(library, **{f"c{number}": [0, 0] for number in range(8)})
    answer = check_dagster_type(table_type("T", columns, library=library), broken)
    assert answer.description is not None
    assert answer.description.count("column 'c") == 10
    assert answer.description.endswith("; and 6 more rules")
    [entry] = answer.metadata_entries
    assert entry.label == "broken"
    assert entry.entry_data.data[0] == {  # type: ignore[union-attr]
        "rule": "has unique values", "column": "c0", "count": 2, "rows": [[0, "0"], [1, "0"]], "found": "",
    }  # fmt: skip


def test_odd_tables() -> None:
    twice = pd.DataFrame([[1, 2]], columns=["x", "x"])
    assert said(table_type("T", [Column("x")]), twice) == "not kept: column 'x' is there once: it stands there 2 times"
    assert said(table_type("T", [Column("x", int)]), pd.DataFrame({1: [1], "x": [1]}, index=[7])) is None
    labelled = pd.DataFrame({"x": [1, 0, 1]}, index=["a", "a", "b"])
    assert "(row 1: 0)" in str(said(table_type("T", [Column("x", at_least=1)]), labelled))
    lists = pd.DataFrame({"x": [[1], [1]]})
    assert "(row 0: [1], row 1: [1])" in str(said(table_type("T", [Column("x", unique=True)]), lists))
    secret = pd.DataFrame({"password": ["hunter2"]})
    assert said(table_type("T", [Column("password", one_of=["x"])]), secret) == (
        "not kept: column 'password' is one of 'x': not in 1 of 1 row (row 0)"
    )


def test_what_is_no_table_of_the_library() -> None:
    assert said(PandasDataFrame, pl.DataFrame()) == "expected a pandas.DataFrame, got a polars.DataFrame"
    assert said(PolarsDataFrame, [1]) == "expected a polars.DataFrame, got a list"
    assert said(PolarsDataFrame, pl.DataFrame()) is None
    assert said(PandasDataFrame, pd.DataFrame()) is None


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: table_type("T", library="arrow"), "must be 'pandas' or 'polars'; it is a str"),
        (lambda: table_type("T", ["x"]), "columns of table type 'T' holds a str, which is not a Column"),  # type: ignore[list-item]
        (lambda: table_type("T", [Column("x"), Column("x")]), "says of the column 'x' twice"),
        (lambda: Column(1), "name of a column must be a str; it is an int"),  # type: ignore[arg-type]
        (lambda: Column("x", one_of="ab"), r"must be a set or list; it is a str; write \['ab'\]"),
        (lambda: Column("x", checks=[3]), "holds an int, which is not a Check or a function"),  # type: ignore[list-item]
        (lambda: Column("x", checks=len), r"must be a list of Check or function; it is a function"),  # type: ignore[arg-type]
    ],
)
def test_definitions_that_are_wrong(make: Any, expected: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=expected):
        make()


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_table_holds_is_told(library: str) -> None:
    table = frame(library, n=[1, None, 3], t=["a", "b", None], d=[DAY, DAY, None])
    found = table_statistics(table)
    assert found["rows"] == 3
    assert {name: about["missing"] for name, about in found["columns"].items()} == {"n": 1, "t": 1, "d": 1}
    assert (found["columns"]["n"]["min"], found["columns"]["n"]["max"]) == (1, 3)
    assert found["columns"]["d"]["min"].startswith("2026-01-02 00:00:00")
    assert "min" not in found["columns"]["t"]
    assert table_statistics(frame(library, api_token=[1]))["columns"]["api_token"].keys() == {"dtype", "missing"}
    assert table_statistics(frame(library, n=[None, None]))["columns"]["n"]["missing"] == 2
    answer = check_dagster_type(table_type("T", library=library), table)
    assert [entry.label for entry in answer.metadata_entries] == ["rows", "columns"]
    own = table_type("T", library=library, statistics=lambda given: {"height": len(given)})
    assert [entry.label for entry in check_dagster_type(own, table).metadata_entries] == ["height"]
    assert check_dagster_type(table_type("T", library=library, statistics=None), table).metadata_entries == ()
    with pytest.raises(TypeError, match="was given a list"):
        table_statistics([1])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.none() | st.integers(-3, 3), min_size=1, max_size=8),
    st.tuples(st.booleans(), st.booleans(), st.none() | st.integers(-2, 2), st.none() | st.integers(-2, 2)),
    st.none() | st.lists(st.integers(-3, 3), max_size=4),
)
def test_both_libraries_break_the_rules_that_the_values_break(
    values: list[int | None], options: tuple[bool, bool, int | None, int | None], one_of: list[int] | None
) -> None:
    nullable, unique, low, high = options
    column = Column("x", nullable=nullable, unique=unique, at_least=low, at_most=high, one_of=one_of)
    there = [value for value in values if value is not None]
    expected = {
        "has no missing values": 0 if nullable else values.count(None),
        "has unique values": sum(there.count(value) > 1 for value in there) if unique else 0,
        f"is at least {low}": 0 if low is None else sum(value < low for value in there),
        f"is at most {high}": 0 if high is None else sum(value > high for value in there),
    }
    if one_of is not None:
        expected["is one of "] = sum(value not in one_of for value in there)
    tables = [
        pd.DataFrame({"x": pd.array(values, dtype="Int64")}),
        pl.DataFrame({"x": values}, schema={"x": pl.Int64}),
    ]
    for library, table in zip(LIBRARIES, tables, strict=True):
        answer = check_dagster_type(table_type("T", [column], library=library), table)
        entries = answer.metadata_entries if not answer.success else ()
        told = {each["rule"]: each["count"] for entry in entries for each in entry.entry_data.data}  # type: ignore[union-attr]
        counts = {rule: next((count for each, count in told.items() if each.startswith(rule)), 0) for rule in expected}
        assert counts == expected


@pytest.mark.parametrize("answer", ["no", "", 3, None, object(), {"a": 1}])
@pytest.mark.parametrize("of", ["column", "table"])
def test_a_check_that_gives_no_truth_is_told_and_not_kept(answer: Any, of: str) -> None:
    ok = Check("ok", lambda _: answer)
    rows = table_type("T", [Column("x", checks=[ok])]) if of == "column" else table_type("T", checks=[ok])
    told = str(said(rows, pd.DataFrame({"x": [1]})))
    assert "keeps the rule 'ok'" in told
    assert "must give True or False, or one for each row" in told

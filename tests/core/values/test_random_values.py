"""Codecs on random tables and arrays: what comes back is what was given, or it is refused and nothing is written."""

from __future__ import annotations

import io
import math
import os
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.types import resolve_dagster_type
from core.values.codecs import ValueNotKeptError, codec_for, codec_named
from tests.core.values.tables import arrow_tables, pandas_frames, polars_frames

EXAMPLES = 1500 if "CLOUDSTORE_TEST_FAULTS" in os.environ else 60


def back_from(name: str, value: Any) -> Any:
    """The value that a codec gives back; None where it refuses it."""
    stream = io.BytesIO()
    try:
        codec_named(name).encode(value, stream)
    except ValueNotKeptError:
        assert stream.getvalue() == b""
        return None
    stream.seek(0)
    return codec_named(name).decode(stream)


def assert_same_pandas(frame: pd.DataFrame, back: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(back, frame, check_exact=True, check_freq=True, check_flags=True)
    assert back.attrs == frame.attrs
    assert [*map(type, back.columns)] == [*map(type, frame.columns)]
    assert [*map(type, back.index.names)] == [*map(type, frame.index.names)]


def plain(value: Any) -> Any:
    """A value of Arrow's as lists, where NaN equals itself."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return "nan" if isinstance(value, float) and math.isnan(value) else value


@settings(max_examples=EXAMPLES)
@given(arrow_tables())
def test_an_arrow_table_comes_back_or_is_refused(table: Any) -> None:
    back = back_from("parquet", table)
    if back is not None:
        assert type(back) is arrow.Table
        assert back.schema.equals(table.schema, check_metadata=True)
        assert back.num_rows == table.num_rows
        for column, other in zip(table.columns, back.columns, strict=True):
            assert plain(other.to_pylist()) == plain(column.to_pylist())


@settings(max_examples=EXAMPLES)
@given(polars_frames())
def test_a_polars_frame_comes_back_or_is_refused(frame: Any) -> None:
    back = back_from("parquet", frame)
    if back is not None:
        assert type(back) is type(frame)
        assert back.schema == frame.schema
        assert back.height == frame.height
        assert back.equals(frame)


@settings(max_examples=EXAMPLES)
@given(pandas_frames())
@pytest.mark.filterwarnings("ignore")  # pandas has a warning for many of these frames
def test_a_pandas_frame_comes_back_or_is_refused(frame: pd.DataFrame) -> None:
    back = back_from("parquet", frame)
    if back is not None:
        assert_same_pandas(frame, back)


LEAVES = st.sampled_from(
    [
        "b1",
        "i1",
        "u2",
        ">i4",
        "i8",
        "f2",
        "f4",
        ">f8",
        "g",
        "c8",
        "G",
        "S3",
        "U2",
        "V3",
        "M8[ns]",
        "m8[s]",
        "M8[D]",
        ">M8[us]",
        "M8",
        "O",
    ]
)


@st.composite
def dtypes(draw: Any) -> Any:
    """A dtype: plain, or of fields that may be nested, out of order, overlapping, aligned, titled, or with gaps."""
    if draw(st.booleans()):
        return np.dtype(draw(LEAVES))
    inner = st.one_of(
        LEAVES, LEAVES.map(lambda each: [("x", each), ("é", "i1")]), LEAVES.map(lambda each: (each, (2,)))
    )
    made = np.dtype([(name, draw(inner)) for name in "abc"[: draw(st.integers(1, 3))]])
    names, formats = list(made.names or ()), [made[name] for name in made.names or ()]
    offsets: list[int] = [made.fields[name][1] for name in names] if made.fields else []
    kinds = ["as it is", "out of order", "gaps", "aligned", "titled", "record", "a part", "metadata"]
    match draw(st.sampled_from(kinds if made.hasobject else [*kinds, "overlapping"])):
        case "out of order":
            return np.dtype({"names": names[::-1], "formats": formats[::-1], "offsets": offsets[::-1]})
        case "gaps":
            return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": made.itemsize + 3})
        case "overlapping":
            return np.dtype({"names": names, "formats": formats, "offsets": [0] * len(names)})
        case "aligned":
            return np.dtype(list(zip(names, formats, strict=True)), align=True)
        case "titled":
            return np.dtype([((name + " title", name), kind) for name, kind in zip(names, formats, strict=True)])
        case "record":
            return np.dtype((np.record, made))
        case "a part":
            return np.zeros(1, made)[names[-1:]].dtype
        case "metadata":
            return np.dtype(made.descr, metadata={"unit": "m"})
    return made


@st.composite
def arrays(draw: Any) -> Any:
    """An array of up to two dimensions, in any order in memory."""
    dtype = draw(dtypes())
    shape = draw(st.lists(st.integers(0, 3), max_size=2).map(tuple))
    array = np.zeros(shape, dtype)
    if not dtype.hasobject and dtype.kind in "iufcSMmV" and array.nbytes and dtype.names is None:
        array = np.frombuffer(draw(st.binary(min_size=array.nbytes, max_size=array.nbytes)), dtype).reshape(shape)
    views = [lambda: array, lambda: np.asfortranarray(array), lambda: array.T, lambda: array[::-1]]
    return draw(st.sampled_from(views if shape else views[:3]))()


@settings(max_examples=EXAMPLES * 5)
@given(arrays())
def test_an_array_comes_back_or_is_refused(array: Any) -> None:
    back = back_from("npy", array)
    if back is not None:
        assert type(back) is type(array)
        assert back.dtype.__reduce__() == array.dtype.__reduce__()
        assert back.shape == array.shape
        assert _content_of(back) == _content_of(array)


def _content_of(array: Any) -> Any:
    """The bytes of each field; between fields there may be some that belong to none."""
    names = array.dtype.names
    return [_content_of(array[name]) for name in names] if names else array.tobytes()


HARD: dict[str, Any] = {
    "an int8 dictionary in chunks": lambda: arrow.table(
        {
            "a": arrow.chunked_array(
                [
                    arrow.DictionaryArray.from_arrays(
                        arrow.array(range(65), arrow.int8()), arrow.array([f"{part} {number}" for number in range(65)])
                    )
                    for part in "ab"
                ]
            )
        }
    ),
    "nulls where none may be": lambda: arrow.Table.from_arrays(
        [arrow.array([None, 1])], schema=arrow.schema([arrow.field("a", arrow.int64(), nullable=False)])
    ),
    "levels of one name": lambda: pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)], names=["i", "i"])),
    "a lone surrogate as the name of an index": lambda: pd.DataFrame({"a": [1]}, index=pd.Index([1], name="\ud800")),
    "lone surrogates in a column": lambda: pd.DataFrame({"a": pd.array(["\ud800"], dtype="string[python]")}),
    "attributes without a truth": lambda: _with_attrs(pd.DataFrame({"a": [1]}), {"a": np.arange(2)}),
    "rows without columns": lambda: pd.DataFrame(index=range(3), columns=pd.Index([], dtype=object)),
    "fields out of order": lambda: np.zeros(2, {"names": ["b", "a"], "formats": ["i4", "i4"], "offsets": [4, 0]}),
    "objects": lambda: pd.DataFrame({"a": pd.Series([object, 1], dtype=object)}),
}


def _with_attrs(frame: pd.DataFrame, attrs: dict[Any, Any]) -> pd.DataFrame:
    frame.attrs = attrs
    return frame


@pytest.mark.parametrize("name", HARD)
def test_a_hard_value_is_stored_by_the_codec_of_its_type_or_pickled(name: str) -> None:
    value = HARD[name]()
    codec, stream = codec_for({}, resolve_dagster_type(type(value)), value), io.BytesIO()
    codec.encode(value, stream)
    assert codec.name == ("parquet" if name == "levels of one name" else "pickle")
    stream.seek(0)
    back = codec.decode(stream)
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_lists_of_arrow_come_back() -> None:
    nan = float("nan")
    table = arrow.table({"a": [[1.5, nan], None, []], "b": [{"x": [nan]}, None, {"x": None}]})
    back = back_from("parquet", table)
    assert back.schema.equals(table.schema, check_metadata=True)
    assert plain(back.to_pylist()) == plain(table.to_pylist())

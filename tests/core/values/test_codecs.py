"""Codecs: what comes back is what was given, or the value is refused by name."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
import polars
import pyarrow as arrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.builtins import Int, String
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError, DagsterMissingExtraError
from core.types import DagsterType, Optional, resolve_dagster_type
from core.values.codecs import Codec, ValueNotKeptError, codec_for, codec_named, register_codec

BUILT_IN = ["pickle", "json", "text", "bytes", "npy", "parquet"]


class OneWay(io.BufferedIOBase):
    """A stream that goes one way: it does not seek, and does not tell its position."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__()
        self.inner = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self.inner.read(size)

    def readinto(self, buffer: Any) -> int:
        return self.inner.readinto(buffer)

    def write(self, chunk: Any) -> int:
        return self.inner.write(chunk)


def encoded(codec: Codec, value: object) -> bytes:
    sink = OneWay()
    codec.encode(value, cast("IO[bytes]", sink))
    return sink.inner.getvalue()


def round_trip(name: str, value: object) -> Any:
    return codec_named(name).decode(cast("IO[bytes]", OneWay(encoded(codec_named(name), value))))


class Colour(IntEnum):
    RED = 1


class Text(str):
    __slots__ = ()


class Holder:
    def __init__(self, inner: object) -> None:
        self.inner = inner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Holder) and self.inner == other.inner

    __hash__ = None  # type: ignore[assignment]


def circular() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


KEPT = [
    ("pickle", None),
    ("pickle", {"a": [(1, 2), {3}], 4: Colour.RED}),
    ("pickle", b"x" * 3_000_000),
    ("json", None),
    ("json", {"a": [1, -2.5, True, None, "é🦆\0"], "": {}, "b": []}),
    ("json", -0.0),
    ("json", 10**4000),
    ("text", ""),
    ("text", "é🦆\0\r\n\ufeff" * 300_000),
    ("bytes", b""),
    ("bytes", bytes(range(256)) * 10_000),
]


def numbered(cases: list[Any]) -> list[str]:
    """Names of test cases; some values cannot be written."""
    return [f"{case[0]}-{number}" for number, case in enumerate(cases)]


@pytest.mark.parametrize(("name", "value"), KEPT, ids=numbered(KEPT))
def test_values_come_back(name: str, value: object) -> None:
    back = round_trip(name, value)
    assert back == value
    assert type(back) is type(value)
    assert math.copysign(1, back) == -1 if name == "json" and value == 0 else True


REFUSED = [
    ("json", (1, 2), "the tuple"),
    ("json", {"a": [1, (2,)]}, r"the tuple at value\['a'\]\[1\]"),
    ("json", [float("nan")], r"the float nan at value\[0\]"),
    ("json", float("-inf"), "the float -inf"),
    ("json", {"a": {1: 2}}, r"the int key 1 at value\['a'\]"),
    ("json", {None: 2}, "the NoneType key None"),
    ("json", {1, 2}, "the set"),
    ("json", b"x", "the bytes"),
    ("json", Colour.RED, "Colour"),
    ("json", [OrderedDict(a=1)], "collections.OrderedDict"),
    ("json", Text("x"), "Text"),
    ("json", [True, np.float64(1.0)], r"numpy.float64 at value\[1\]"),
    ("json", "\ud800", "the lone surrogate"),
    ("json", ["\ud83e\udd86"], "the lone surrogate"),
    ("json", {"\udc00": 1}, "the lone surrogate in the key"),
    ("json", 1 << 20_000, "the int of 20001 bits"),
    ("json", circular(), "contain themselves"),
    ("text", b"x", "a bytes, only str"),
    ("text", None, "a NoneType, only str"),
    ("text", Text("x"), "Text"),
    ("text", "a\udce9", "a lone surrogate"),
    ("bytes", "x", "a str, only bytes"),
    ("bytes", bytearray(b"x"), "a bytearray"),
    ("npy", [1, 2], "a list"),
    ("npy", np.float64(1), "numpy.float64"),
    ("npy", np.array([None, 1]), "an array of Python objects"),
    ("npy", np.array([(1, None)], dtype=[("a", "i4"), ("b", "O")]), "an array of Python objects"),
    ("npy", np.ma.array([1, 2]), "MaskedArray"),
    ("npy", np.array([1], dtype=np.dtype("i4", metadata={"unit": "m"})), "the metadata of dtype int32"),
    ("npy", np.zeros(1, dtype=[(f"field_{number}", "i4") for number in range(600)]), "more than 9000 characters"),
    ("parquet", {"a": [1]}, "a dict, only pandas.DataFrame"),
    ("parquet", pd.Series([1]), "Series, only pandas.DataFrame"),
]


@pytest.mark.parametrize(("name", "value", "what"), REFUSED, ids=numbered(REFUSED))
def test_what_would_change_is_refused_by_name(name: str, value: object, what: str) -> None:
    sink = OneWay()
    with pytest.raises(ValueNotKeptError, match=f"Codec '{name}' does not keep .*{what}"):
        codec_named(name).encode(value, cast("IO[bytes]", sink))
    assert sink.inner.getvalue() == b""


def same(one: object, other: object) -> bool:
    """Whether two values of JSON are equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(cast("dict[Any, Any]", other)) and all(
            same(item, cast("dict[Any, Any]", other)[key]) for key, item in one.items()
        )
    if isinstance(one, list | tuple):
        items = cast("list[Any]", other)
        return len(one) == len(items) and all(map(same, one, items))
    return one == other


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5) | st.binary()
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(st.text(st.characters(), max_size=3) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(TREES)
def test_json_keeps_a_value_or_says_no(value: object) -> None:
    try:
        content = encoded(codec_named("json"), value)
    except ValueNotKeptError:
        return
    assert same(codec_named("json").decode(io.BytesIO(content)), value)


ARRAYS = [
    np.arange(12).reshape(3, 4),
    np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    np.arange(20)[::-3],
    np.zeros((0, 3)),
    np.array(2.5),
    np.array([True, False]),
    np.array(["é", "🦆"]),
    np.array([b"a", b""]),
    np.array([1, 2], dtype=">u2"),
    np.array(["2020-01-01", "NaT"], dtype="M8[ns]"),
    np.array([1 + 2j]),
    np.array([(1, "x")], dtype=[("é", "<i4"), ("b", "<U3")]),
    np.full(3_000_000, np.nan),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_back(array: Any) -> None:
    back = round_trip("npy", array)
    assert type(back) is np.ndarray
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.flags.f_contiguous or not array.flags.f_contiguous
    assert back.tobytes() == array.tobytes()


# --- tables --------------------------------------------------------------------------------------------------


def a_frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "plain": lambda: a_frame(a=[1, 2], b=[1.5, float("nan")], c=pd.array(["x", None], dtype="string")),
    "times": lambda: a_frame(a=pd.to_datetime(["2020-01-01", None]), b=pd.to_timedelta([1, 2], unit="ns")),
    "zone": lambda: a_frame(a=pd.to_datetime(["2020-01-01"]).tz_localize("Europe/Berlin")),
    "categories": lambda: a_frame(a=pd.Categorical(["y", "x"], categories=["z", "y", "x"], ordered=True)),
    "nullable": lambda: a_frame(a=pd.array([1, None], dtype="Int64"), b=pd.array([True, None], dtype="boolean")),
    "range": lambda: pd.DataFrame({"a": [1, 2, 3]}, index=pd.RangeIndex(3, 9, 2, name="i")),
    "two indexes": lambda: pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, 2), (2, 1)], names=["i", "j"])
    ),
    "no rows": lambda: pd.DataFrame({"a": pd.Series([], dtype="int8"), "b": pd.Series([], dtype="string")}),
    "zone by offset": lambda: a_frame(a=pd.to_datetime(["2020-01-01"]).tz_localize("+05:30").as_unit("ns")),
    "zones in the index": lambda: pd.DataFrame({"a": [1]}, index=pd.DatetimeIndex(["2020"], tz="Asia/Tokyo", name="t")),
    "categories not used": lambda: a_frame(a=pd.Categorical(["b"], categories=["c", "b", "a"])),
    "Arrow-backed": lambda: a_frame(
        a=pd.array([1, None], dtype="int64[pyarrow]"),
        b=pd.array(["x", None], dtype="string[pyarrow]"),
        c=pd.array([None, None], dtype=pd.ArrowDtype(arrow.timestamp("us", "UTC"))),
    ),
    "nan beside nothing": lambda: a_frame(a=pd.array([float("nan"), None], dtype="Float64")),
    "periods and intervals": lambda: a_frame(a=pd.period_range("2020", periods=2, freq="M"), b=pd.interval_range(0, 2)),
    "two levels of labels": lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "an index by a column's name": lambda: pd.DataFrame({"i": [1, 2]}, index=pd.Index([3, 4], name="i")),
}


@pytest.mark.parametrize("name", FRAMES)
def test_pandas_frames_come_back(name: str) -> None:
    frame = FRAMES[name]()
    pd.testing.assert_frame_equal(round_trip("parquet", frame), frame, check_exact=True, check_freq=True)


CHANGING_FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "mixed column": lambda: a_frame(a=pd.Series([1, "x"], dtype=object)),
    "true and one": lambda: a_frame(a=pd.Series([True, 1], dtype=object)),
    "lists": lambda: a_frame(a=pd.Series([[1], (2,)], dtype=object)),
    "unit of seconds": lambda: a_frame(a=np.array(["2020-01-01"], dtype="M8[s]")),
    "frequency": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020", periods=2, freq="D")),
    "labels": lambda: pd.DataFrame([[1, 2]]),
    "the same label twice": lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "complex": lambda: a_frame(a=[1j]),
    "sparse": lambda: a_frame(a=pd.arrays.SparseArray([0, 1])),
    "days": lambda: a_frame(a=[pd.Timestamp("2020").date()]),
    "nothing": pd.DataFrame,
    "mixed index": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.Index([1, "x"], dtype=object)),
}


@pytest.mark.parametrize("name", CHANGING_FRAMES)
def test_pandas_frames_that_parquet_would_change_are_refused_and_pickled(name: str) -> None:
    frame = CHANGING_FRAMES[name]()
    with pytest.raises(ValueNotKeptError, match="Codec 'parquet' does not keep the pandas table"):
        encoded(codec_named("parquet"), frame)
    assert codec_for({}, resolve_dagster_type(pd.DataFrame), frame).name == "pickle"


POLARS: dict[str, Callable[[], polars.DataFrame]] = {
    "plain": lambda: polars.DataFrame({"a": [1, None], "b": ["x", "é"], "c": [[1], []], "d": [float("nan"), None]}),
    "enum": lambda: polars.DataFrame({"a": polars.Series(["x", None], dtype=polars.Enum(["y", "x"]))}),
    "lists of an enum": lambda: polars.DataFrame({"a": [["x"]]}, schema={"a": polars.List(polars.Enum(["x"]))}),
    "categories": lambda: polars.DataFrame({"a": polars.Series(["x", "y"], dtype=polars.Categorical)}),
    "large integers": lambda: polars.DataFrame({"a": polars.Series([1, 2], dtype=polars.Int128)}),
    "no rows": lambda: polars.DataFrame(
        schema={
            "a": polars.Datetime("ms", "Europe/Berlin"),
            "b": polars.Struct({"x": polars.Time}),
            "c": polars.Enum([]),
        }
    ),
    "nothing": polars.DataFrame,
}


@pytest.mark.parametrize("name", POLARS)
def test_polars_frames_come_back(name: str) -> None:
    frame = POLARS[name]()
    back = round_trip("parquet", frame)
    assert type(back) is polars.DataFrame
    assert back.schema == frame.schema
    assert back.equals(frame)


def test_a_polars_frame_that_parquet_has_no_type_for_is_refused() -> None:
    with pytest.raises(ValueNotKeptError, match="does not keep the polars table"):
        round_trip("parquet", polars.DataFrame({"a": polars.Series([object()], dtype=polars.Object)}))


ARROW: dict[str, Callable[[], arrow.Table]] = {
    "plain": lambda: arrow.table({"a": [1, None], "b": arrow.array(["x", "y"]).dictionary_encode()}),
    "metadata": lambda: arrow.table({"a": [1]}).replace_schema_metadata({"unit": "m"}),
    "no rows": lambda: arrow.table({"a": arrow.array([], arrow.timestamp("ns", "Asia/Tokyo"))}),
    "nothing": lambda: arrow.table({}),
    "the same label twice": lambda: arrow.table([[1], [2]], names=["a", "a"]),
    "views": lambda: arrow.table({"a": arrow.array(["x"], arrow.string_view()), "b": arrow.nulls(1)}),
    "never null": lambda: arrow.Table.from_arrays(
        [[1]], schema=arrow.schema([arrow.field("a", arrow.int64(), nullable=False, metadata={"k": "v"})])
    ),
}


@pytest.mark.parametrize("name", ARROW)
def test_arrow_tables_come_back(name: str) -> None:
    table = ARROW[name]()
    back = round_trip("parquet", table)
    assert type(back) is arrow.Table
    assert back.equals(table, check_metadata=True)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (arrow.table({"a": arrow.array([1], arrow.timestamp("s"))}), "its schema would change"),
        (arrow.table({"a": arrow.array([1], arrow.time32("s"))}), "its schema would change"),
        (arrow.table({"a": [1, 2]}).select([]), "its number of rows would change"),
    ],
)
def test_arrow_tables_that_parquet_would_change_are_refused(table: arrow.Table, what: str) -> None:
    with pytest.raises(ValueNotKeptError, match=what):
        round_trip("parquet", table)


def test_a_label_that_is_there_twice_is_named() -> None:
    with pytest.raises(ValueNotKeptError, match=r"Duplicate column names found: \['a', 'a'\]"):
        round_trip("parquet", pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_table_larger_than_what_is_held_in_memory_comes_back(kind: str) -> None:
    columns = {"a": np.random.default_rng(1).random(2_500_000), "b": np.arange(2_500_000)}  # 24 MiB of Parquet
    table = {"pandas": pd.DataFrame, "polars": polars.DataFrame, "pyarrow": arrow.table}[kind](columns)
    content = encoded(codec_named("parquet"), table)
    assert len(content) > 17 << 20
    back = codec_named("parquet").decode(cast("IO[bytes]", OneWay(content)))
    assert type(back) is type(table)
    assert back.equals(table)


MEASURE = """
import io, sys
from core.values.codecs import codec_named
import numpy, pandas, polars, pyarrow
kind, path = sys.argv[1:3]
make = {"pandas": pandas.DataFrame, "polars": polars.DataFrame, "pyarrow": pyarrow.table}[kind]
codec, small = codec_named("parquet"), io.BytesIO()
if len(sys.argv) > 3:
    dice = numpy.random.default_rng(1)
    with open(path, "wb") as file:
        codec.encode(make({str(number): dice.random(2 << 20) for number in range(4)}), file)
    sys.exit()
codec.encode(make({"a": [1.5]}), small)
small.seek(0)
codec.decode(small)
def peak():  # of this program; ru_maxrss begins with that of its parent
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
before = peak()
with open(path, "rb") as file:
    table = codec.decode(file)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("kind", "times"), [("pandas", 3.0), ("polars", 1.5), ("pyarrow", 2.0)])
def test_the_content_of_a_large_table_does_not_stand_in_memory_beside_it(
    kind: str, times: float, tmp_path: Path
) -> None:
    path = tmp_path / "table"
    subprocess.run([sys.executable, "-c", MEASURE, kind, str(path), "write"], check=True)
    peak = subprocess.run([sys.executable, "-c", MEASURE, kind, str(path)], check=True, capture_output=True).stdout
    assert int(peak) <= times * (64 << 20)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails, as where it is not installed
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(DagsterMissingExtraError, match=r"Codec 'parquet' needs pyarrow.* pip install pyarrow"):
        encoded(codec_named("parquet"), frame)
    assert codec_for({}, resolve_dagster_type(pd.DataFrame), frame).name == "pickle"


# --- choosing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "value", "chosen"),
    [
        (str, "x", "text"),
        (String, "x", "text"),
        (bytes, b"x", "bytes"),
        (np.ndarray, np.arange(3), "npy"),
        (None, "x", "pickle"),
        (Any, b"x", "pickle"),
        (Optional[str], "x", "pickle"),
        (str, Text("x"), "pickle"),
        (str, "\udce9", "pickle"),
        (np.ndarray, np.array([None]), "pickle"),
        (np.ndarray, np.ma.array([1]), "pickle"),
        (Int, 1, "pickle"),
        (dict, {"a": 1}, "pickle"),
        (DagsterType(lambda _context, _value: True, "mine"), "x", "pickle"),
    ],
)
def test_by_the_declared_type_where_the_value_is_exactly_of_it(declared: Any, value: object, chosen: str) -> None:
    codec = codec_for({}, resolve_dagster_type(declared), value)
    assert codec.name == chosen
    assert np.array_equal(round_trip(codec.name, value), cast("Any", value))


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_metadata_comes_first(name: str) -> None:
    assert codec_for({"codec": name}, resolve_dagster_type(str), "x").name == name
    assert codec_named(name).content_type.count("/") == 1


@pytest.mark.parametrize("name", ["yaml", "", None, 3, ["json"], "Pickle"])
def test_an_unknown_codec_is_named_with_those_there_are(name: Any) -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"There is no codec .*\. Known: .*json, .*npy, .*pickle"):
        codec_for({"codec": name}, resolve_dagster_type(None), 1)


class HolderCodec(Codec):
    name = "test-holder"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        codec_named("json").encode(value.inner, stream)

    def decode(self, stream: IO[bytes]) -> Any:
        return Holder(codec_named("json").decode(stream))


def test_a_codec_of_the_users_own() -> None:
    register_codec(HolderCodec(), Holder)
    register_codec(HolderCodec(), Holder)  # the module was imported again
    assert codec_for({}, resolve_dagster_type(Holder), Holder(1)).name == "test-holder"
    assert codec_for({}, resolve_dagster_type(None), Holder(1)).name == "pickle"
    assert codec_for({"codec": "test-holder"}, resolve_dagster_type(None), Holder(1)).name == "test-holder"
    assert round_trip("test-holder", Holder([1])) == Holder([1])


def test_codecs_that_cannot_be_registered() -> None:
    taken = type("Other", (HolderCodec,), {"name": "json"})
    with pytest.raises(DagsterInvalidDefinitionError, match="A codec 'json' exists already, of class JsonCodec"):
        register_codec(taken())
    for name in ("", "Big", "with space", "x" * 65, "é"):
        with pytest.raises(DagsterInvalidDefinitionError, match="is not a valid codec name"):
            register_codec(type("Other", (HolderCodec,), {"name": name})())
    for no_name in (3, None):
        with pytest.raises(DagsterInvalidDefinitionError, match="is not a valid codec name"):
            register_codec(type("Other", (HolderCodec,), {"name": no_name})())
    with pytest.raises(DagsterInvalidDefinitionError, match="is not a codec"):
        register_codec(cast("Any", HolderCodec))
    for no_class in ("list", list[int], None):
        with pytest.raises(DagsterInvalidDefinitionError, match=r"'test-holder' is registered for .* is not a class"):
            register_codec(HolderCodec(), cast("Any", no_class))


def test_no_heavy_library_is_imported_before_it_is_needed() -> None:
    script = "import sys, core.values.codecs; print({'numpy', 'pandas', 'pyarrow', 'polars'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "set()\n"
    )

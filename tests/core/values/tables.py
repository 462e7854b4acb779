"""Random tables of Arrow, Polars and pandas, of any types, in any chunks, with any index."""

from __future__ import annotations

import datetime
import decimal
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pandas as pd
import polars
import pyarrow as arrow
from hypothesis import reject
from hypothesis import strategies as st

UNITS = ["s", "ms", "us", "ns"]
NAMES = st.sampled_from(["a", "b", "i", "", "é", "index", "__index_level_0__", "None", "0"])

# --- Arrow ---------------------------------------------------------------------------------------------------

_INTEGERS = [arrow.int8(), arrow.int16(), arrow.int32(), arrow.int64()]
_UNSIGNED = [arrow.uint8(), arrow.uint16(), arrow.uint32(), arrow.uint64()]
ARROW_LEAVES: list[Any] = [
    *_INTEGERS,
    *_UNSIGNED,
    *(arrow.float16(), arrow.float32(), arrow.float64(), arrow.bool_(), arrow.null()),
    *(arrow.string(), arrow.large_string(), arrow.string_view()),
    *(arrow.binary(), arrow.large_binary(), arrow.binary_view(), arrow.binary(3)),
    *(arrow.date32(), arrow.date64(), arrow.time32("s"), arrow.time32("ms"), arrow.time64("us"), arrow.time64("ns")),
    *(arrow.timestamp(unit) for unit in UNITS),
    *(arrow.timestamp(unit, "Asia/Tokyo") for unit in UNITS),
    *(arrow.duration(unit) for unit in UNITS),
    *(arrow.decimal128(7, 2), arrow.decimal128(38, -3), arrow.decimal256(60, 4)),
    *(arrow.month_day_nano_interval(), arrow.uuid(), arrow.json_(), arrow.bool8()),
]
DICTIONARIES: list[Any] = [
    arrow.dictionary(index, value, ordered)
    for index in (arrow.int8(), arrow.uint16(), arrow.int32(), arrow.int64())
    for value in (arrow.string(), arrow.int64(), arrow.float64(), arrow.large_binary())
    for ordered in (False, True)
]


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.lists(st.tuples(NAMES, inner, st.booleans()), min_size=1, max_size=3, unique_by=lambda each: each[0])
    return (
        inner.map(arrow.list_)
        | inner.map(arrow.large_list)
        | inner.map(arrow.list_view)
        | inner.map(lambda each: arrow.list_(each, 2))
        | inner.map(lambda each: arrow.map_(arrow.string(), each))
        | st.sampled_from(_INTEGERS).map(lambda each: arrow.run_end_encoded(arrow.int32(), each))
        | fields.map(lambda each: arrow.struct([arrow.field(name, kind) for name, kind, _ in each]))
    )


ARROW_TYPES = st.recursive(st.sampled_from(ARROW_LEAVES + DICTIONARIES), _nested, max_leaves=3)


def _integers(bits: int, signed: bool = True) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if signed else st.integers(0, (1 << bits) - 1)


def _arrow_values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type that is no nested one, as Arrow takes them from Python."""
    types = arrow.types
    if types.is_null(kind):
        return st.none()
    if types.is_boolean(kind):
        return st.booleans()
    if types.is_integer(kind):
        return _integers(kind.bit_width, types.is_signed_integer(kind))
    if types.is_floating(kind):
        return st.floats(width=kind.bit_width)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return st.text(max_size=3)
    if types.is_fixed_size_binary(kind):
        return st.binary(min_size=kind.byte_width, max_size=kind.byte_width)
    if types.is_decimal(kind):
        digits = min(kind.precision, 20)
        return st.integers(-(10**digits) + 1, 10**digits - 1).map(lambda n: decimal.Decimal(n).scaleb(-kind.scale))
    if types.is_interval(kind):
        return st.tuples(*[st.integers(-99, 99)] * 3)
    return st.binary(max_size=3)


def _arrow_array(draw: Any, kind: Any, length: int, nulls: bool = True) -> Any:
    """An array of a type and length."""
    types = arrow.types

    def lengths(fixed: int | None = None) -> list[int]:
        return [fixed if fixed is not None else draw(st.integers(0, 2)) for _ in range(length)]

    def mask() -> Any:
        return arrow.array([nulls and draw(st.integers(0, 4)) == 0 for _ in range(length)], arrow.bool_())

    def offsets(sizes: list[int], offset_type: Any) -> Any:
        return arrow.array([0, *np.cumsum(sizes, dtype="int64").tolist()], offset_type)

    if isinstance(kind, arrow.BaseExtensionType):
        return kind.wrap_array(_arrow_array(draw, kind.storage_type, length, nulls))
    if types.is_dictionary(kind):
        entries = draw(st.lists(_arrow_values(kind.value_type), min_size=1, max_size=100, unique_by=repr))
        indices = [draw(st.none() | st.integers(0, len(entries) - 1)) for _ in range(length)]
        return arrow.DictionaryArray.from_arrays(
            arrow.array(indices, kind.index_type), arrow.array(entries, kind.value_type), ordered=kind.ordered
        )
    if types.is_struct(kind):
        children = [_arrow_array(draw, field.type, length) for field in kind]
        return arrow.StructArray.from_arrays(children, fields=list(kind), mask=mask())
    if types.is_fixed_size_list(kind):
        inner = _arrow_array(draw, kind.value_type, length * kind.list_size)
        return arrow.FixedSizeListArray.from_arrays(inner, type=kind, mask=mask())
    if types.is_map(kind):
        sizes = lengths()
        keys = _arrow_array(draw, kind.key_type, sum(sizes), nulls=False)
        items = _arrow_array(draw, kind.item_type, sum(sizes))
        return arrow.MapArray.from_arrays(offsets(sizes, arrow.int32()), keys, items, type=kind)
    if types.is_list(kind) or types.is_large_list(kind):
        sizes = lengths()
        cls, width = (arrow.ListArray, arrow.int32()) if types.is_list(kind) else (arrow.LargeListArray, arrow.int64())
        inner = _arrow_array(draw, kind.value_type, sum(sizes))
        return cls.from_arrays(offsets(sizes, width), inner, type=kind, mask=mask())
    if types.is_list_view(kind):
        sizes = lengths()
        starts = offsets(sizes, arrow.int32())[:-1]
        inner = _arrow_array(draw, kind.value_type, sum(sizes))
        return arrow.ListViewArray.from_arrays(starts, arrow.array(sizes, arrow.int32()), inner, type=kind, mask=mask())
    if types.is_run_end_encoded(kind):
        runs = _arrow_array(draw, kind.value_type, length)
        return arrow.RunEndEncodedArray.from_arrays(
            arrow.array(range(1, length + 1), kind.run_end_type), runs, type=kind
        )
    optional = st.none() | _arrow_values(kind) if nulls else _arrow_values(kind)
    if types.is_temporal(kind) and not types.is_interval(kind):
        width = arrow.int32() if kind.bit_width == 32 else arrow.int64()
        numbers = st.none() | st.integers(0, 86_399)
        if not types.is_time(kind):
            numbers |= st.integers(-(10**9), 10**9)
        return arrow.array([draw(numbers) for _ in range(length)], width).view(kind)
    return arrow.array([draw(optional) for _ in range(length)], kind)


@st.composite
def arrow_tables(draw: Any, types: st.SearchStrategy[Any] = ARROW_TYPES) -> Any:
    """An Arrow table of up to three columns in up to three chunks, some declared never to be null, some sliced."""
    kinds = draw(st.lists(types, max_size=3))
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    fields = [
        arrow.field(draw(NAMES), kind, nullable=arrow.types.is_null(kind) or draw(st.integers(0, 5)) > 0)
        for kind in kinds
    ]
    metadata = draw(st.none() | st.just({"unit": "m"}))
    columns = [arrow.chunked_array([_arrow_array(draw, kind, n) for n in lengths], kind) for kind in kinds]
    table = arrow.Table.from_arrays(columns, schema=arrow.schema(fields, metadata))
    return table[draw(st.integers(0, 2)) :]


# --- Polars --------------------------------------------------------------------------------------------------

POLARS_LEAVES: list[Any] = [
    *(polars.Int8, polars.Int64, polars.Int128, polars.UInt8, polars.UInt64, polars.Float32, polars.Float64),
    *(polars.Boolean, polars.String, polars.Binary, polars.Null, polars.Date, polars.Time, polars.Categorical),
    *(polars.Datetime(unit, zone) for unit in ("ms", "us", "ns") for zone in (None, "Asia/Tokyo")),
    *(polars.Duration(unit) for unit in ("ms", "us", "ns")),
    *(polars.Decimal(10, 2), polars.Decimal(38, 0), polars.Enum(["x", "y"]), polars.Enum([])),
]


def _polars_nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        inner.map(polars.List)
        | inner.map(lambda each: polars.Array(each, 2))
        | st.dictionaries(NAMES, inner, max_size=2).map(polars.Struct)
    )


POLARS_TYPES = st.recursive(st.sampled_from(POLARS_LEAVES), _polars_nested, max_leaves=3)


def _polars_values(dtype: Any) -> st.SearchStrategy[Any]:
    base = dtype.base_type() if hasattr(dtype, "base_type") else dtype
    moments = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1))
    values: st.SearchStrategy[Any]
    if dtype.is_integer():
        values = st.integers(0, 127)
    elif dtype.is_float():
        values = st.floats(width=32)
    elif base is polars.Array:
        values = st.lists(_polars_values(dtype.inner), min_size=2, max_size=2)
    elif base is polars.List:
        values = st.lists(_polars_values(dtype.inner), max_size=2)
    elif base is polars.Struct:
        values = st.fixed_dictionaries({field.name: _polars_values(field.dtype) for field in dtype.fields})
    else:
        values = {
            polars.Boolean: st.booleans(),
            polars.Binary: st.binary(max_size=3),
            polars.Null: st.none(),
            polars.Date: moments.map(lambda each: each.date()),
            polars.Time: st.times(),
            polars.Datetime: moments,
            polars.Duration: st.timedeltas(datetime.timedelta(-99), datetime.timedelta(99)),
            polars.Decimal: st.integers(-99, 99).map(decimal.Decimal),
            polars.Enum: st.sampled_from(["x", "y"]) if base is polars.Enum and len(dtype.categories) else st.none(),
        }.get(base, st.text(max_size=3))
    return st.none() | values


@st.composite
def polars_frames(draw: Any) -> Any:
    """A Polars frame of up to three columns, in one chunk or two."""
    length = draw(st.integers(0, 4))
    kinds = draw(st.dictionaries(NAMES, POLARS_TYPES, max_size=3))

    def frame() -> Any:
        rows = {
            name: draw(st.lists(_polars_values(kind), min_size=length, max_size=length)) for name, kind in kinds.items()
        }
        return polars.DataFrame(
            [polars.Series(name, values, dtype=kinds[name], strict=False) for name, values in rows.items()]
        )

    if draw(st.integers(0, 20)) == 0:
        return polars.DataFrame({"a": polars.Series([object()], dtype=polars.Object)})
    one = frame()
    return polars.concat([one, frame()], rechunk=False) if kinds and draw(st.booleans()) else one


# --- pandas --------------------------------------------------------------------------------------------------

LABELS = NAMES | st.sampled_from([0, 1, True, 1.5, None, ("a", 1), b"x", "\ud800", np.int64(3)])


def _pandas_column(draw: Any, length: int) -> Any:
    def items(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=length, max_size=length))

    texts = st.none() | st.sampled_from(["", "x", "é", "\ud800"])
    kind = draw(st.sampled_from(["numpy", "object", "extension", "category", "interval", "period", "sparse", "arrow"]))
    if kind == "numpy":
        dtype = draw(
            st.sampled_from(
                ["b1", "i1", "i2", "i4", "i8", "u1", "u4", "u8", "f2", "f4", "f8", "g", "c8", ">i4", ">f8", "S2", "U2"]
            )
            | _time_types()
        )
        return _numpy_array(draw, dtype, length)
    if kind == "object":
        pools = [texts, texts | st.integers(0, 1), st.booleans() | st.integers(0, 1), st.lists(st.just(1)), st.binary()]
        pools += [
            st.sampled_from([None, float("nan"), pd.NA, pd.NaT]),
            st.dates(),
            st.decimals(),
            st.just(pd.Series([1])),
        ]
        return pd.Series(items(draw(st.sampled_from(pools))), dtype=object)
    if kind == "extension":
        dtype = draw(
            st.sampled_from(["Int8", "UInt64", "Float32", "Float64", "boolean", "string", "str", "string[python]"])
        )
        pool = st.none() | (
            texts.filter(lambda each: each != "\ud800") if dtype.startswith("str") else st.integers(0, 1)
        )
        if dtype == "string[python]":
            pool = texts
        return pd.array(items(pool), dtype=cast("Any", dtype))
    if kind == "category":
        pool = draw(st.sampled_from([st.sampled_from(["x", "y"]), st.integers(0, 2), st.dates(), st.floats(0, 1)]))
        values = items(st.none() | pool)
        categories = draw(st.permutations(list(dict.fromkeys(v for v in values if v is not None))))
        unused = ["z"] if all(isinstance(v, str) for v in categories) and draw(st.booleans()) else []
        return pd.Categorical(values, categories=[*categories, *unused], ordered=draw(st.booleans()))
    if kind == "interval":
        return pd.interval_range(0, periods=length, closed=draw(st.sampled_from(["left", "right", "both", "neither"])))
    if kind == "period":
        return pd.period_range("2020", periods=length, freq=draw(st.sampled_from(["M", "D", "Q-NOV"])))
    if kind == "sparse":
        return pd.arrays.SparseArray(items(st.integers(0, 1)))
    dtype = draw(st.sampled_from(ARROW_LEAVES + DICTIONARIES))
    return pd.array(_arrow_array(draw, dtype, length), dtype=pd.ArrowDtype(dtype))


def _time_types() -> st.SearchStrategy[str]:
    return st.builds("{}8[{}]".format, st.sampled_from("mM"), st.sampled_from(UNITS))


def _numpy_array(draw: Any, dtype: str, length: int) -> Any:
    kind = np.dtype(dtype)
    raw = draw(st.binary(min_size=8 * length, max_size=8 * length))
    numbers = np.frombuffer(raw, "u1", 8 * length).reshape(length, 8)
    if kind.kind in "mM":
        return (numbers[:, :4].copy().view("i4").ravel().astype("i8")).view(dtype)
    if kind.kind in "SU":
        return numbers[:, 0].astype(kind)
    if kind.kind in "f" and kind.itemsize in (2, 4, 8):
        return numbers[:, : kind.itemsize].copy().view(kind).ravel()
    return numbers[:, 0].astype(kind)


def _pandas_index(draw: Any, length: int) -> Any:
    name = draw(st.none() | NAMES if draw(st.integers(0, 4)) else LABELS)
    kind = draw(st.sampled_from(["range", "plain", "column", "levels", "dates", "zone", "mixed"]))
    if kind == "range":
        start, step = draw(st.integers(-3, 3)), draw(st.sampled_from([1, 2, -1]))
        return pd.RangeIndex(start, start + step * length, step, name=name)
    if kind == "levels":
        columns = [_pandas_column(draw, length) for _ in range(draw(st.integers(1, 2)))]
        return pd.MultiIndex.from_arrays(
            [*columns, range(length)], names=[draw(NAMES) for _ in range(len(columns) + 1)]
        )
    if kind == "dates":
        return pd.date_range("2020", periods=length, freq=draw(st.sampled_from(["D", "MS"])), name=name)
    if kind == "zone":
        zone = draw(st.sampled_from(["Asia/Tokyo", "UTC", "+05:30", "dateutil/Europe/Berlin"]))
        return pd.DatetimeIndex(_numpy_array(draw, "M8[ns]", length), tz=zone, name=name)
    if kind == "mixed":
        return pd.Index([*range(length - 1), "x"][:length], dtype=object, name=name)
    return pd.Index(_pandas_column(draw, length), name=name)


def _set_labels(draw: Any, frame: Any, labels: list[Any]) -> None:
    index = pd.Index(labels, dtype=draw(st.sampled_from([None, object])) if "\ud800" not in labels else object)
    if draw(st.integers(0, 9)) == 0:
        frame.columns = pd.MultiIndex.from_arrays([index, range(len(labels))], names=[draw(LABELS), "n"])
    else:
        frame.columns = index.rename(draw(st.sampled_from([None, None, None, "n", 1])))


@st.composite
def pandas_frames(draw: Any) -> Any:
    """A pandas frame of up to three columns of any type, with any index, labels and attributes."""
    length, width = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    frame = pd.DataFrame({number: _pandas_column(draw, length) for number in range(width)}, index=range(length))
    is_odd = draw(st.integers(0, 4)) == 0
    labels = draw(
        st.lists(LABELS if is_odd else NAMES, min_size=width, max_size=width, unique_by=None if is_odd else str)
    )
    try:
        frame.index = _pandas_index(draw, length)
        _set_labels(draw, frame, labels)
    except (ValueError, TypeError, NotImplementedError):  # of labels that pandas does not take
        reject()
    frame.attrs = draw(
        st.sampled_from([{}, {}, {}, {}, {}, {}, {"unit": "m"}, {"pair": (1, 2)}, {1: 2}, {"n": np.int64(1)}])
    )
    if draw(st.integers(0, 9)) == 0:
        with suppress(
            Exception
        ):  # pandas raises this and that of labels that it cannot compare; the flag stays as it was
            frame = frame.set_flags(allows_duplicate_labels=False)
    return frame

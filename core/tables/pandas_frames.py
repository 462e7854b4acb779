"""Data frames of pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from core.tables.frames import Frames, is_row_by_row


class PandasFrames(Frames):
    """`pandas.DataFrame`."""

    library = "pandas"

    def height(self, frame: Any) -> int:
        return len(frame)

    def names(self, frame: Any) -> list[Any]:
        return list(frame.columns)

    def column(self, frame: Any, name: str) -> Any:
        return frame[name].reset_index(drop=True)

    def is_of_kind(self, column: Any, kind: str) -> bool:
        types, dtype = self.imported("pandas.api.types"), column.dtype
        is_bool = types.is_bool_dtype(dtype)
        inferred = types.infer_dtype(column, skipna=True) if str(dtype) == "object" else ""
        match kind:
            case "bool":
                return is_bool or inferred == "boolean"
            case "int":
                return bool(types.is_integer_dtype(dtype))
            case "float":
                return bool(types.is_float_dtype(dtype))
            case "number":
                return bool(types.is_numeric_dtype(dtype)) and not is_bool
            case "string":
                is_text = types.is_string_dtype(dtype) and str(dtype) != "object"
                return is_text or inferred in ("string", "empty")
            case "datetime":
                return bool(types.is_datetime64_any_dtype(dtype))
            case "date":
                return inferred in ("date", "empty") or str(dtype).startswith("date32")
            case "duration":
                return bool(types.is_timedelta64_dtype(dtype))
        return isinstance(dtype, self.imported().CategoricalDtype)

    def missing(self, column: Any) -> Any:
        return column.isna()

    def repeated(self, column: Any) -> Any:
        return column.duplicated(keep=False)

    def among(self, column: Any, values: list[Any]) -> Any:
        return column.isin(values)

    def as_mask(self, checked: Any, answer: Any) -> Any:
        series = self.imported().Series
        if isinstance(answer, series):
            labels = checked.index
            if answer.index.is_unique and labels.is_unique and answer.index.isin(labels).all():
                answer = answer.reindex(labels)  # it may be sorted, or be of some rows, as after dropna()
            return answer.reset_index(drop=True)
        return series(list(answer)) if is_row_by_row(answer) else None

    def is_false(self, mask: Any) -> Any:
        return ~mask.astype("boolean").fillna(True).astype(bool)

    def positions(self, mask: Any, most: int) -> tuple[int, list[int]]:
        rows = mask.astype("boolean").fillna(False).astype(bool).to_numpy().nonzero()[0]
        return len(rows), [int(row) for row in rows[:most]]

    def value_at(self, column: Any, position: int) -> Any:
        return column.iloc[position]

    def read(self, kind: str, path: str, separator: str, times: Mapping[str, str]) -> Any:
        pandas = self.imported()
        if kind == "parquet":
            self.imported("pyarrow")
            return pandas.read_parquet(path)
        frame = pandas.read_csv(path, sep=separator)
        for name, of_kind in times.items():
            if name in frame.columns:
                parsed = pandas.to_datetime(frame[name])
                frame[name] = parsed if of_kind == "datetime" else parsed.dt.date.astype(object)
        return frame

    def write(self, kind: str, frame: Any, stream: IO[bytes], separator: str) -> None:
        if kind == "parquet":
            self.imported("pyarrow")
            frame.to_parquet(stream)
        else:
            frame.to_csv(stream, sep=separator, index=False, mode="wb")

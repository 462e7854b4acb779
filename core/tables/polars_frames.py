"""Data frames of Polars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from core.tables.frames import Frames, is_row_by_row


class PolarsFrames(Frames):
    """`polars.DataFrame`."""

    library = "polars"

    def height(self, frame: Any) -> int:
        return int(frame.height)

    def names(self, frame: Any) -> list[Any]:
        return list(frame.columns)

    def column(self, frame: Any, name: str) -> Any:
        return frame.get_column(name)

    def is_of_kind(self, column: Any, kind: str) -> bool:
        polars, dtype = self.imported(), column.dtype
        match kind:
            case "int":
                return bool(dtype.is_integer())
            case "float":
                return bool(dtype.is_float())
            case "number":
                return bool(dtype.is_numeric())
            case "category":
                return dtype in (polars.Categorical, polars.Enum)
        own = {"bool": "Boolean", "string": "String", "datetime": "Datetime", "date": "Date", "duration": "Duration"}
        return bool(dtype == getattr(polars, own[kind]))

    def missing(self, column: Any) -> Any:
        missing = column.is_null()
        return missing | column.is_nan().fill_null(False) if column.dtype.is_float() else missing

    def repeated(self, column: Any) -> Any:
        return column.is_duplicated()

    def among(self, column: Any, values: list[Any]) -> Any:
        return column.is_in(values)

    def as_mask(self, checked: Any, answer: Any) -> Any:
        polars = self.imported()
        if isinstance(answer, polars.Expr):
            frame = checked.to_frame() if isinstance(checked, polars.Series) else checked
            of_rows = frame.select(answer).to_series()
            return of_rows.new_from_index(0, frame.height) if len(of_rows) == 1 else of_rows  # of all rows together
        if isinstance(answer, polars.Series):
            return answer
        return polars.Series(list(answer)) if is_row_by_row(answer) else None

    def is_false(self, mask: Any) -> Any:
        return ~mask.cast(self.imported().Boolean).fill_null(True)

    def positions(self, mask: Any, most: int) -> tuple[int, list[int]]:
        rows = mask.cast(self.imported().Boolean).fill_null(False).arg_true()
        return len(rows), rows.head(most).to_list()

    def value_at(self, column: Any, position: int) -> Any:
        return column[position]

    def read(self, kind: str, path: str, separator: str, times: Mapping[str, str]) -> Any:
        polars = self.imported()
        if kind == "parquet":
            return polars.read_parquet(path)
        frame = polars.read_csv(path, separator=separator, try_parse_dates=bool(times))
        datetimes = [name for name in frame.columns if times.get(name) == "datetime"]
        return frame.with_columns(polars.col(datetimes).cast(polars.Datetime)) if datetimes else frame

    def write(self, kind: str, frame: Any, stream: IO[bytes], separator: str) -> None:
        if kind == "parquet":
            frame.write_parquet(stream)
        else:
            frame.write_csv(stream, separator=separator)

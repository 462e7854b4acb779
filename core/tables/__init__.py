"""Types of tables: data frames of pandas or Polars whose columns keep rules, and that say what is in them."""

from core.tables.columns import Check, Column
from core.tables.definition import PandasDataFrame, PolarsDataFrame, table_type
from core.tables.statistics import table_statistics

__all__ = ["Check", "Column", "PandasDataFrame", "PolarsDataFrame", "table_statistics", "table_type"]

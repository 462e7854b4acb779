"""Data frames whose columns are checked."""
import dagster_pandas as dp
import pandas as pd
from dagster import InputDefinition, OutputDefinition, pipeline, solid
from dagster_pandas import DataFrame

Orders = dp.create_dagster_pandas_dataframe_type(
    name="Orders", columns=[dp.PandasColumn.integer_column("id", unique=True)]
)


@solid(output_defs=[OutputDefinition(DataFrame)])
def load(_):
    return pd.DataFrame({"id": [1, 2]})


@solid(input_defs=[InputDefinition("orders", Orders)])
def count(_, orders):
    print("counted", len(orders))


@pipeline
def frames():
    count(load())

"""Tables in SQLite by an IO manager of its own, and files by a file manager."""
import sqlite3

import dagster
from dagster import (
    AssetKey,
    AssetMaterialization,
    EventMetadataEntry,
    InputDefinition,
    IOManager,
    ModeDefinition,
    Nothing,
    OutputDefinition,
    io_manager,
    local_file_manager,
    pipeline,
    solid,
)
from dagster.core.storage.file_manager import LocalFileHandle


class SqliteIOManager(IOManager):
    def __init__(self, path):
        self._path = path

    def handle_output(self, context, obj):
        table = context.metadata["table"]
        with sqlite3.connect(self._path) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {table}")
            connection.execute(f"CREATE TABLE {table} (name TEXT, amount INTEGER)")
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", obj)
        connection.close()
        yield AssetMaterialization(
            asset_key=AssetKey(["sqlite", table]), metadata_entries=[EventMetadataEntry.int(len(obj), "rows")]
        )

    def load_input(self, context):
        table = context.upstream_output.metadata["table"]
        connection = sqlite3.connect(self._path)
        try:
            return connection.execute(f"SELECT name, amount FROM {table}").fetchall()
        finally:
            connection.close()


@io_manager(config_schema={"path": dagster.Field(dagster.StringSource, default_value="orders.db")})
def sqlite_io_manager(init_context):
    return SqliteIOManager(init_context.resource_config["path"])


@solid(output_defs=[OutputDefinition(io_manager_key="sqlite", metadata={"table": "orders"})])
def load_orders(_):
    return [("a", 3), ("b", 4)]


@solid(required_resource_keys={"file_manager"}, output_defs=[OutputDefinition(LocalFileHandle)])
def write_file(context, orders):
    return context.resources.file_manager.write_data(repr(sorted(orders)).encode(), ext="txt")


@solid(
    input_defs=[InputDefinition("handle", LocalFileHandle), InputDefinition("after", Nothing)],
    required_resource_keys={"file_manager"},
)
def read_file(context, handle):
    print("read", context.resources.file_manager.read_data(handle).decode())


@dagster.lambda_solid
def wait() -> Nothing:
    pass


@pipeline(
    mode_defs=[ModeDefinition(resource_defs={"sqlite": sqlite_io_manager, "file_manager": local_file_manager})]
)
def orders():
    read_file(write_file(load_orders()), after=wait())

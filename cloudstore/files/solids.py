"""Solids and types for files in buckets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudstore import transfer
from cloudstore.client.option_types import BUCKET
from cloudstore.files.manager import S3FileHandle
from core.config import Field, StringSource
from core.definitions.parts.input_output import InputDefinition, OutputDefinition
from core.definitions.solid import solid
from core.events import AssetMaterialization, EventMetadataEntry, Output
from core.files.manager import FileHandle
from core.types import DagsterType
from core.types.value_loaders import ValueLoader

_COORDINATE = {
    "bucket": Field(BUCKET, description="The bucket."),
    "key": Field(StringSource, description="The object's exact key."),
}


def _is_coordinate(_context: object, value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == _COORDINATE.keys()
        and all(isinstance(part, str) for part in value.values())
    )


S3Coordinate = DagsterType(
    _is_coordinate,
    "S3Coordinate",
    "Where an object is: a dict with the strings `bucket` and `key`. A run config may give one.",
    typing_type=dict,
    loader=ValueLoader(_COORDINATE),
)
"""Where an object is: a dict with the strings `bucket` and `key`. A run config may give one.

Example:
    >>> from cloudstore import S3Coordinate
    >>> from core import InputDefinition, execute_solid, solid
    >>> @solid(input_defs=[InputDefinition("source", S3Coordinate)])
    ... def name(source):
    ...     return source["key"].rpartition("/")[2]
    >>> run_config = {"solids": {"name": {"inputs": {"source": {"bucket": "my-bucket", "key": "data/orders.csv"}}}}}
    >>> execute_solid(name, run_config=run_config).output_value()
    'orders.csv'
"""


@solid(
    config_schema={
        "Bucket": Field(BUCKET, description="The bucket to store the file in."),
        "Key": Field(StringSource, description="The exact key to store it under; an object that is there is replaced."),
    },
    input_defs=[InputDefinition("file_handle", FileHandle, description="The file.")],
    output_defs=[OutputDefinition(S3FileHandle, "s3_file_handle", description="The file in the bucket.")],
    required_resource_keys={"s3", "file_manager"},
    version="1",
)
def file_handle_to_s3(context: Any, file_handle: Any) -> Iterator[AssetMaterialization | Output]:
    """Stores a file of the resource `file_manager` in a bucket, with the client `s3`. It is streamed.

    Example:
        >>> from cloudstore import file_handle_to_s3, s3_resource
        >>> from core import ModeDefinition, execute_pipeline, local_file_manager, pipeline, solid
        >>> @solid(required_resource_keys={"file_manager"})
        ... def save(context):
        ...     return context.resources.file_manager.write_data(b"id,total", ext="csv")
        >>> files = local_file_manager.configured({"base_dir": "files"})
        >>> mode = ModeDefinition(resource_defs={"s3": s3_resource, "file_manager": files})
        >>> @pipeline(mode_defs=[mode])
        ... def report():
        ...     file_handle_to_s3(save())
        >>> place = {"Bucket": "my-bucket", "Key": "reports/orders.csv"}
        >>> result = execute_pipeline(report, {"solids": {"file_handle_to_s3": {"config": place}}})
        >>> result.output_for_solid("file_handle_to_s3", "s3_file_handle").s3_path
        's3://my-bucket/reports/orders.csv'
    """
    bucket, key = context.solid_config["Bucket"], context.solid_config["Key"]
    with context.resources.file_manager.read(file_handle, "rb") as stream:
        transfer.put_stream(context.resources.s3, bucket, key, stream)
    stored = S3FileHandle(bucket, key)
    yield AssetMaterialization(
        asset_key=stored.s3_path,
        description=f"Stored {file_handle.path_desc} as {stored.s3_path}.",
        metadata_entries=[EventMetadataEntry.path(stored.s3_path, label=key.rpartition("/")[2] or key)],
    )
    yield Output(stored, "s3_file_handle")

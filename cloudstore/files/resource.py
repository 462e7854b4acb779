"""The file manager of a bucket as a resource."""

from __future__ import annotations

from cloudstore.client import S3_OPTIONS, make_client
from cloudstore.client.options import BUCKET_OPTIONS
from cloudstore.files.manager import S3FileManager
from cloudstore.s3.bucket import check_bucket
from core.definitions.resource import InitResourceContext, resource


@resource(config_schema={**BUCKET_OPTIONS, **S3_OPTIONS}, version="1")
def s3_file_manager(init_context: InitResourceContext) -> S3FileManager:
    """File manager that keeps files in a bucket.

    Raises:
        DagsterResourceUnavailableError: the bucket cannot be used; the run is refused.

    Example:
        >>> from cloudstore import s3_file_manager
        >>> from core import ModeDefinition, execute_solid, solid
        >>> @solid(required_resource_keys={"file_manager"})
        ... def save(context):
        ...     return context.resources.file_manager.write_data(b"id,total", ext="csv")
        >>> files = s3_file_manager.configured({"s3_bucket": "my-bucket", "s3_prefix": "teams/data"})
        >>> execute_solid(save, ModeDefinition(resource_defs={"file_manager": files})).output_value()
        S3FileHandle('my-bucket', 'teams/data/...csv')
    """
    config = init_context.resource_config
    client = make_client(config, init_context.usage, init_context.leftovers)
    check_bucket(client, config["s3_bucket"], config["s3_prefix"])
    return S3FileManager(client, config["s3_bucket"], config["s3_prefix"])

"""The client as a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudstore.client.make import make_client
from cloudstore.client.options import S3_OPTIONS
from core.definitions.resource import InitResourceContext, resource

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@resource(config_schema=S3_OPTIONS, version="1")
def s3_resource(init_context: InitResourceContext) -> S3Client:
    """A boto3 S3 client; what it sends is counted as the run's and the step's use of remote storage.

    Example:
        >>> from cloudstore import s3_resource
        >>> from core import ModeDefinition, execute_solid, solid
        >>> @solid(required_resource_keys={"s3"})
        ... def save(context):
        ...     context.resources.s3.put_object(Bucket="my-bucket", Key="orders.csv", Body=b"id,total")
        ...     return context.resources.s3.head_object(Bucket="my-bucket", Key="orders.csv")["ContentLength"]
        >>> s3 = s3_resource.configured({"max_attempts": 5})  # region_name, endpoint_url, profile_name ... too
        >>> execute_solid(save, ModeDefinition(resource_defs={"s3": s3})).output_value()
        8
    """
    return make_client(init_context.resource_config, init_context.usage, init_context.leftovers)

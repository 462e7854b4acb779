"""S3 as resources: the client itself, and the file manager on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudstore.client import S3_OPTIONS, make_client
from cloudstore.client.option_types import BUCKET, PREFIX
from cloudstore.file_manager import S3FileManager
from cloudstore.s3.errors import check_bucket
from core.config import Field
from core.definitions.resource import InitResourceContext, resource

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUCKET_OPTIONS = {
    "s3_bucket": Field(BUCKET, description="The bucket."),
    "s3_prefix": Field(PREFIX, default_value="dagster", description="Where in the bucket, as a path."),
}


@resource(config_schema=S3_OPTIONS, version="1")
def s3_resource(init_context: InitResourceContext) -> S3Client:
    """A boto3 S3 client; what it sends is counted as the run's and the step's use of remote storage."""
    return make_client(init_context.resource_config, init_context.usage, init_context.leftovers)


@resource(config_schema={**BUCKET_OPTIONS, **S3_OPTIONS}, version="1")
def s3_file_manager(init_context: InitResourceContext) -> S3FileManager:
    """File manager that keeps files in a bucket.

    Raises:
        DagsterResourceUnavailableError: the bucket cannot be used; the run is refused.
    """
    config = init_context.resource_config
    client = make_client(config, init_context.usage, init_context.leftovers)
    check_bucket(client, config["s3_bucket"], config["s3_prefix"])
    return S3FileManager(client, config["s3_bucket"], config["s3_prefix"])

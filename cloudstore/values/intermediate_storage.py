"""Intermediate storage in a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudstore.s3.bucket import check_bucket
from cloudstore.s3.keys import join_key
from cloudstore.values.object_store import S3ObjectStore
from cloudstore.values.options import VALUE_OPTIONS
from core.definitions.intermediate_storage import InitIntermediateStorageContext, intermediate_storage
from core.resources.intermediate_storages import default_intermediate_storage_defs
from core.values.intermediate_storage import TypeStoragePluginRegistry
from core.values.object_intermediate_storage import ObjectStoreIntermediateStorage

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3IntermediateStorage(ObjectStoreIntermediateStorage):
    """Values of one run at `{s3_prefix}/storage/{run_id}/intermediates/{step_key}/{output_name}` in a bucket.

    Args:
        s3_bucket: the bucket.
        run_id: the run.
        s3_session: a boto3 S3 client; by default one with the settings that every AWS tool takes.
        s3_prefix: where in the bucket, as a path; "dagster" by default.
        type_storage_plugin_registry: plugins by type; none by default.
        signing_key: signs values, and refuses those without a signature; by default CLOUDSTORE_SIGNING_KEY's.
        former_signing_key: its signatures are accepted too; by default CLOUDSTORE_FORMER_SIGNING_KEY's.

    Raises:
        DagsterInvalidConfigError: a signing key is too short to be one.

    Example:
        >>> from cloudstore import S3IntermediateStorage
        >>> from core import StepOutputHandle
        >>> from core.types import resolve_dagster_type
        >>> storage = S3IntermediateStorage("my-bucket", run_id="a-run", s3_prefix="teams/data")
        >>> stored = storage.set_intermediate(None, resolve_dagster_type(list), StepOutputHandle("load"), [17, 42])
        >>> storage.get_address(StepOutputHandle("load"))
        's3://my-bucket/teams/data/storage/a-run/intermediates/load/result'
        >>> storage.get_intermediate(None, resolve_dagster_type(list), StepOutputHandle("load"))
        [17, 42]
    """

    def __init__(
        self,
        s3_bucket: str,
        run_id: str,
        s3_session: S3Client | None = None,
        s3_prefix: str | None = None,
        type_storage_plugin_registry: TypeStoragePluginRegistry | None = None,
        signing_key: str | None = None,
        former_signing_key: str | None = None,
    ) -> None:
        self.s3_bucket = s3_bucket
        self.s3_prefix = join_key("dagster" if s3_prefix is None else s3_prefix)
        super().__init__(
            S3ObjectStore(s3_bucket, s3_session, run_id, signing_key, former_signing_key),
            run_id,
            lambda of_run_id: join_key(self.s3_prefix, "storage", of_run_id),
            type_storage_plugin_registry,
        )


@intermediate_storage(name="s3", is_persistent=True, required_resource_keys={"s3"}, config_schema=VALUE_OPTIONS)
def s3_intermediate_storage(init_context: InitIntermediateStorageContext) -> S3IntermediateStorage:
    """Keeps the values of each run in a bucket, with the client under the resource key `s3`.

    Raises:
        DagsterResourceUnavailableError: the bucket cannot be used; the run is refused.

    Example:
        >>> from cloudstore import s3_intermediate_storage, s3_resource
        >>> from core import ModeDefinition, execute_pipeline, lambda_solid, pipeline
        >>> load = lambda_solid(name="load")(lambda: [17, 42])
        >>> mode = ModeDefinition(
        ...     resource_defs={"s3": s3_resource}, intermediate_storage_defs=[s3_intermediate_storage]
        ... )
        >>> loads = pipeline(name="loads", mode_defs=[mode])(lambda: load())
        >>> run_config = {"intermediate_storage": {"s3": {"config": {"s3_bucket": "my-bucket"}}}}
        >>> execute_pipeline(loads, run_config).output_for_solid("load")
        [17, 42]
    """
    config, client = init_context.intermediate_storage_config, init_context.resources.s3
    check_bucket(client, config["s3_bucket"], config["s3_prefix"])
    return S3IntermediateStorage(
        config["s3_bucket"],
        init_context.pipeline_run.run_id,
        client,
        config["s3_prefix"],
        init_context.type_storage_plugin_registry,
        config.get("signing_key"),
        config.get("former_signing_key"),
    )


s3_plus_default_intermediate_storage_defs = [*default_intermediate_storage_defs, s3_intermediate_storage]
"""Those that every mode offers, and the one in a bucket, for `intermediate_storage_defs`.

Example:
    >>> from cloudstore import s3_plus_default_intermediate_storage_defs, s3_resource
    >>> from core import ModeDefinition
    >>> mode = ModeDefinition(
    ...     resource_defs={"s3": s3_resource}, intermediate_storage_defs=s3_plus_default_intermediate_storage_defs
    ... )
    >>> [each.name for each in s3_plus_default_intermediate_storage_defs]
    ['in_memory', 'filesystem', 's3']
"""

"""Names of Dagster 0.11 that may not be here, with what to use in their place.

What is here is asked of the packages themselves: a name that appears there needs no change in this table.
"""

from __future__ import annotations

import importlib

_CONTAINERS = "Runs are launched in processes: have `cloudstore daemon run` in a container, or write a RunLauncher."

_OF_DAGSTER = {
    "DefaultRunCoordinator": "Import it from core.run_coordinator.",
    "DynamicOutput": "Import it from core.experimental.",
    "DynamicOutputDefinition": "Import it from core.experimental.",
    "QueuedRunCoordinator": "Import it from core.run_coordinator.",
    "check": "Use assert, or raise an error of your own.",
    "pipeline_failure_sensor": "Ask the instance for runs that failed, in a @sensor.",
}

_ERRORS = {
    "DagsterBackfillFailedError": "Ask DagsterInstance.get_backfill for the error of a backfill.",
    "DagsterImportError": "Catch ImportError, or DagsterError of what loads files.",
    "DagsterInstanceMigrationRequired": "Catch DagsterSchemaError.",
    "DagsterInvalidAssetKey": "Catch DagsterInvalidDefinitionError.",
    "DagsterMaxRetriesExceededError": "A step that fails after its last retry raises the error of its function.",
    "DagsterScheduleWipeRequired": "Catch DagsterSchemaError.",
    "DagsterSnapshotDoesNotExist": "A run is executed from its pipeline, so no snapshot is asked for.",
    "DagsterTypeLoadingError": "Catch DagsterExecutionLoadInputError.",
    "DagsterUnknownStepStateError": "Ask the PipelineExecutionResult how a step ended.",
    "JobError": "Catch ScheduleExecutionError or SensorExecutionError.",
    "PartitionScheduleExecutionError": "Catch ScheduleExecutionError.",
    "RunStatusSensorExecutionError": "Catch SensorExecutionError.",
}
_LATER = {
    "AssetIn": "Say which assets an output is by OutputDefinition(asset_key=...).",
    "AssetOut": "Say which assets an output is by OutputDefinition(asset_key=...).",
    "Config": "Give a dict of fields, or a pydantic model, as config_schema.",
    "ConfigurableResource": "Use @resource, with a config_schema.",
    "Definitions": "Use @repository.",
    "DynamicOut": "Use DynamicOutputDefinition of core.experimental.",
    "GraphIn": "Use InputDefinition.",
    "GraphOut": "Use OutputDefinition.",
    "MetadataValue": "Use EventMetadata.",
    "OpExecutionContext": "Use SolidExecutionContext.",
    "asset": "Say which assets an output is by OutputDefinition(asset_key=...).",
    "build_asset_context": "Use build_solid_context.",
    "define_asset_job": "Use @pipeline.",
    "get_dagster_logger": "Use context.log, or logging.getLogger.",
    "job": "Use @pipeline, or @graph and its to_job.",
    "load_assets_from_modules": "Use @repository.",
    "materialize": "Use execute_pipeline.",
    "multi_asset": "Say which assets an output is by OutputDefinition(asset_key=...).",
    "run_status_sensor": "Ask the instance for runs of that status, in a @sensor.",
}
_FAKE = "Test with cloudstore.testing.embedded_s3_server(), which is a real one on this machine."
_OF_S3 = {
    "S3Callback": "Give boto3's own Callback a function.",
    "S3FakeSession": _FAKE,
    "create_s3_fake_resource": _FAKE,
    "construct_s3_client": "Use s3_resource, or make_client of cloudstore.client.",
    "dagster_s3_types": "Use S3FileHandle.",
    "get_s3_keys": "Call client.list_objects_v2 of boto3.",
}

_OF_PACKAGES = {
    "dagit": "There is no web page; `cloudstore runs`, `logs`, `explain` and `value` tell what it showed.",
    "dagster_cron": "Name core.scheduler.SystemCronScheduler in dagster.yaml.",
    "dagster_celery": "Choose multiprocess_executor, or dask_executor of core.executors.dask.",
    "dagster_dask": "Import dask_executor from core.executors.dask.",
    "dagster_docker": _CONTAINERS,
    "dagster_k8s": _CONTAINERS,
    "dagster_graphql": "Ask a DagsterInstance, or read what `cloudstore runs --json` prints.",
    "dagster_mysql": "Use PostgreSQL (core.storage.postgres) or SQLite.",
    "dagster_pandas": "Use table_type and Column of core.tables; docs/types.md has a table of both.",
    "dagster_shell": "Call subprocess.run in a solid; what it prints is in the step's log.",
    "dagster_slack": "Call slack_sdk in a solid, or in a resource of your own.",
    "dagster_azure": "Write an @io_manager or a @resource around its client.",
    "dagster_gcp": "Write an @io_manager or a @resource around its client.",
    "dagster_aws": "Only S3 is here. Write a @resource around boto3.client for other services of AWS.",
}
_OTHER_PACKAGE = "Write a @resource around the client of that service."


def advice_on_name(module: str, name: str) -> str | None:
    """What to use in the place of a name of Dagster 0.11 that is not here; None for a name that it did not have.

    Args:
        module: where it was, such as "dagster" or "dagster_aws.s3".
        name: the name.

    >>> advice_on_name("dagster", "check")
    'Use assert, or raise an error of your own.'
    """
    if module.startswith("dagster_aws.s3"):
        return _OF_S3.get(name)
    return _OF_DAGSTER.get(name) or _ERRORS.get(name)


def advice_on_import(package: str, name: str, stands_for: str) -> str | None:
    """Why a name cannot be imported from a package of ours, and what to do instead; None for one that nobody knows.

    Args:
        package: ours.
        name: the name.
        stands_for: the module of Dagster 0.11 whose names are there.

    >>> advice_on_import("core", "job", "dagster")
    "'job' of a later Dagster is not in 'core'. Use @pipeline, or @graph and its to_job."
    """
    instead = advice_on_name(stands_for, name)
    if instead is not None:
        return f"{name!r} of Dagster 0.11 is not in {package!r}. {instead}"
    if not stands_for.startswith("dagster_") and name in _LATER:
        return f"{name!r} of a later Dagster is not in {package!r}. {_LATER[name]}"
    for module in ("core.errors", "core.experimental", "core.tables"):
        if module != package and name in vars(importlib.import_module(module)) and not name.startswith("_"):
            return f"{name!r} is not in {package!r}. Write: from {module} import {name}."
    return None


def advice_on_package(package: str) -> str | None:
    """What to use in the place of a package that belonged to Dagster 0.11; None for one that did not.

    >>> advice_on_package("dagster_shell")
    "Call subprocess.run in a solid; what it prints is in the step's log."
    """
    known = _OF_PACKAGES.get(package)
    return known or (_OTHER_PACKAGE if package.startswith(("dagster_", "dagstermill")) else None)

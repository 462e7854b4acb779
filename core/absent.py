"""Names of Dagster 0.11 that may not be here, with what to use in their place.

What is here is asked of the packages themselves: a name that appears there needs no change in this table.
"""

from __future__ import annotations

_EXECUTION = "A run executes its steps one after another in its process. Leave it out; start several runs for more."
_LAUNCHING = "Runs are executed where they are started. Leave it out, and start runs with `cloudstore run`."
_METADATA = "Write EventMetadataEntry.{}(value, label), or EventMetadata.{}(value) as a value of `metadata`."
_NO_COMPOSITION = "Call its solids in the pipeline's function, or in a plain Python function that this one calls."
_NO_HOOKS = "Do it in a last solid, in the solid itself with try and except, or in a generator resource's teardown."
_NO_RETRIES = "Raise RetryRequested(max_retries, seconds_to_wait) in the solid."
_NO_LOADERS = "Take the value from solid config, and load it in a solid."
_ONE_SOLID = "Execute a pipeline of that one solid with execute_pipeline."

_OF_DAGSTER = {
    "Backoff": _NO_RETRIES,
    "CompositeSolidDefinition": _NO_COMPOSITION,
    "CompositeSolidExecutionResult": _NO_COMPOSITION,
    "ConfigMapping": _NO_COMPOSITION,
    "DagsterDaemonScheduler": _LAUNCHING,
    "DagsterEventLogInvalidForRun": "Catch DagsterStorageError of core.errors.",
    "DagsterSubprocessError": _EXECUTION,
    "DagsterTypeLoader": _NO_LOADERS,
    "DagsterTypeMaterializer": "Yield an AssetMaterialization in a solid.",
    "DefaultRunCoordinator": _LAUNCHING,
    "DefaultRunLauncher": _LAUNCHING,
    "DynamicOutput": "Yield one list, and go through it in the next solid.",
    "DynamicOutputDefinition": "Yield one list, and go through it in the next solid.",
    "ExperimentalWarning": "Nothing here warns of being experimental; leave the filter out.",
    "FloatMetadataEntryData": _METADATA.format("float", "float"),
    "HookContext": _NO_HOOKS,
    "HookDefinition": _NO_HOOKS,
    "In": "Use InputDefinition, with @solid.",
    "InputMapping": _NO_COMPOSITION,
    "IntMetadataEntryData": _METADATA.format("int", "int"),
    "Jitter": _NO_RETRIES,
    "JsonMetadataEntryData": _METADATA.format("json", "json"),
    "MarkdownMetadataEntryData": _METADATA.format("md", "md"),
    "Materialization": "Use AssetMaterialization.",
    "MultiOut": "Use several OutputDefinitions, with @solid.",
    "Out": "Use OutputDefinition, with @solid.",
    "OutputMapping": _NO_COMPOSITION,
    "PathMetadataEntryData": _METADATA.format("path", "path"),
    "PresetDefinition": "Keep its config in a YAML file, and run with `cloudstore run --mode MODE -c FILE`.",
    "PythonArtifactMetadataEntryData": "Give the name of the module by EventMetadataEntry.text(name, label).",
    "QueuedRunCoordinator": _LAUNCHING,
    "RetryPolicy": _NO_RETRIES,
    "RootInputManager": _NO_LOADERS,
    "RootInputManagerDefinition": _NO_LOADERS,
    "SystemCronScheduler": _LAUNCHING,
    "TextMetadataEntryData": _METADATA.format("text", "text"),
    "TypeCheckContext": "The function of a type check may leave the annotation out.",
    "UrlMetadataEntryData": _METADATA.format("url", "url"),
    "build_hook_context": _NO_HOOKS,
    "build_init_logger_context": "Call the logger's function with a context of your own.",
    "build_op_context": _ONE_SOLID,
    "build_solid_context": _ONE_SOLID,
    "check_dagster_type": "Call the type's own check: dagster_type.type_check(None, value).",
    "composite_solid": _NO_COMPOSITION,
    "custom_path_fs_io_manager": "Use fs_io_manager, or an @io_manager of your own that reads the path from metadata.",
    "dagster_type_loader": _NO_LOADERS,
    "dagster_type_materializer": "Yield an AssetMaterialization in a solid.",
    "default_executors": _EXECUTION,
    "execute_pipeline_iterator": "Use execute_pipeline, with on_event=function to be told of each event.",
    "execute_solid": _ONE_SOLID,
    "execute_solid_within_pipeline": "Use reexecute_pipeline with step_selection.",
    "execute_solids_within_pipeline": "Use reexecute_pipeline with step_selection.",
    "failure_hook": _NO_HOOKS,
    "file_relative_path": "Write str(Path(__file__).parent / name).",
    "graph": "Use @pipeline.",
    "io_manager_from_intermediate_storage": "Write an @io_manager, or choose the storage in the run config.",
    "multiple_process_executor_requirements": "Give the list of ExecutorRequirement members that are needed.",
    "multiprocess_executor": _EXECUTION,
    "op": "Use @solid.",
    "reconstructable": "Give the pipeline itself; `cloudstore run -f FILE` knows where it can be loaded.",
    "reexecute_pipeline_iterator": "Use reexecute_pipeline, with on_event=function to be told of each event.",
    "root_input_manager": _NO_LOADERS,
    "success_hook": _NO_HOOKS,
    "validate_run_config": "Run `cloudstore plan`, which checks a run config and executes nothing.",
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
    "dagster_cron": _LAUNCHING,
    "dagster_celery": _EXECUTION,
    "dagster_dask": _EXECUTION,
    "dagster_docker": _LAUNCHING,
    "dagster_k8s": _LAUNCHING,
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

    >>> advice_on_name("dagster", "op")
    'Use @solid.'
    """
    return _OF_S3.get(name) if module.startswith("dagster_aws.s3") else _OF_DAGSTER.get(name)


def advice_on_package(package: str) -> str | None:
    """What to use in the place of a package that belonged to Dagster 0.11; None for one that did not.

    >>> advice_on_package("dagster_shell")
    "Call subprocess.run in a solid; what it prints is in the step's log."
    """
    known = _OF_PACKAGES.get(package)
    return known or (_OTHER_PACKAGE if package.startswith(("dagster_", "dagstermill")) else None)

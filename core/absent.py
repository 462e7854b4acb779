"""Names of Dagster 0.11 that may not be here, with what to use in their place.

What is here is asked of the packages themselves: a name that appears there needs no change in this table.
"""

from __future__ import annotations

_EXECUTION = "A run executes its steps one after another in its process. Leave it out; start several runs for more."
_LAUNCHING = "Runs are executed where they are started. Leave it out, and start runs with `cloudstore run`."

_OF_DAGSTER = {
    "DagsterDaemonScheduler": _LAUNCHING,
    "DagsterSubprocessError": _EXECUTION,
    "DefaultRunCoordinator": _LAUNCHING,
    "DefaultRunLauncher": _LAUNCHING,
    "DynamicOutput": "Import it from core.experimental.",
    "DynamicOutputDefinition": "Import it from core.experimental.",
    "QueuedRunCoordinator": _LAUNCHING,
    "SystemCronScheduler": _LAUNCHING,
    "check": "Use assert, or raise an error of your own.",
    "default_executors": _EXECUTION,
    "multiple_process_executor_requirements": "Give the list of ExecutorRequirement members that are needed.",
    "multiprocess_executor": _EXECUTION,
    "pipeline_failure_sensor": "Ask the instance for runs that failed, in a @sensor.",
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

    >>> advice_on_name("dagster", "check")
    'Use assert, or raise an error of your own.'
    """
    return _OF_S3.get(name) if module.startswith("dagster_aws.s3") else _OF_DAGSTER.get(name)


def advice_on_package(package: str) -> str | None:
    """What to use in the place of a package that belonged to Dagster 0.11; None for one that did not.

    >>> advice_on_package("dagster_shell")
    "Call subprocess.run in a solid; what it prints is in the step's log."
    """
    known = _OF_PACKAGES.get(package)
    return known or (_OTHER_PACKAGE if package.startswith(("dagster_", "dagstermill")) else None)

"""Steps whose values cannot be stored or loaded for a while are run again by their policy; hooks use the bucket too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore import s3_resource, versioned_s3_io_manager
from cloudstore.testing import Fault, FaultProxy
from core import (
    DagsterObjectAccessError,
    HookContext,
    ModeDefinition,
    PipelineExecutionResult,
    RetryPolicy,
    execute_pipeline,
    failure_hook,
    pipeline,
    solid,
    success_hook,
)

if TYPE_CHECKING:
    from conftest import Store


@pytest.fixture
def fault_proxy(embedded: Store) -> Iterator[FaultProxy]:
    with FaultProxy(embedded.options["endpoint_url"]) as proxy:
        yield proxy


@success_hook(required_resource_keys={"s3"})
def notes_success(context: HookContext) -> None:
    client, bucket = context.resources.s3, context.solid_output_values["result"]
    client.put_object(Bucket=bucket, Key=f"notes/{context.step_key}", Body=context.run_id.encode())


failures: list[BaseException | None] = []


@failure_hook
def notes_failure(context: HookContext) -> None:
    failures.append(context.solid_exception)


@solid(config_schema=str, version="1")
def gives(context: Any) -> str:
    return str(context.solid_config)


@solid(version="1")
def takes(bucket: str) -> str:
    return bucket


@pipeline(
    mode_defs=[ModeDefinition(resource_defs={"s3": s3_resource, "io_manager": versioned_s3_io_manager})],
    hook_defs={notes_success, notes_failure},
    solid_retry_policy=RetryPolicy(max_retries=2),
)
def in_bucket() -> None:
    takes(gives())


def run(proxy: FaultProxy, store: Store) -> PipelineExecutionResult:
    options = {**store.options, "endpoint_url": proxy.endpoint_url}
    resources = {"s3": {"config": options}, "io_manager": {"config": {"s3_bucket": store.bucket}}}
    config = {"resources": resources, "solids": {"gives": {"config": store.bucket}}}
    return execute_pipeline(in_bucket, config, memoize=True, raise_on_error=False)


def retries_of(result: PipelineExecutionResult) -> list[str | None]:
    return [event.step_key for event in result.event_list if event.event_type_value == "STEP_UP_FOR_RETRY"]


@pytest.mark.parametrize(("operation", "step_key"), [("PutObject", "gives"), ("GetObject", "takes")])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_step_is_run_again_while_the_bucket_refuses(
    fault_proxy: FaultProxy, embedded: Store, operation: str, step_key: str, times: int
) -> None:
    failures.clear()
    fault_proxy.inject(Fault.error("AccessDenied"), operations=operation, key="*gives*", times=times)
    result = run(fault_proxy, embedded)
    assert retries_of(result) == [step_key] * min(times, 2)
    assert result.success == (times < 3)
    notes = embedded.client.list_objects_v2(Bucket=embedded.bucket, Prefix="notes/").get("Contents", [])
    done = ["gives", "takes"] if times < 3 else ["gives"][: step_key == "takes"]
    assert [each["Key"] for each in notes] == [f"notes/{key}" for key in done]
    assert [type(error) for error in failures] == [DagsterObjectAccessError] * (times == 3)
    again = run(fault_proxy, embedded)
    assert again.executed_step_keys == [key for key in ("gives", "takes") if key not in done]
    assert again.output_for_solid("takes") == embedded.bucket

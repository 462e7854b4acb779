"""Sensors that look for new objects in a bucket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from cloudstore.client.make import make_client
from cloudstore.transfer.listing import list_objects
from core.arguments import checked_arguments
from core.schedules import RunRequest, SensorDefinition, SensorEvaluationContext, SkipReason

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

KeyFn = Callable[[SensorEvaluationContext, str], RunRequest | SkipReason | None]


def new_s3_keys(
    client: S3Client, bucket: str, prefix: str = "", since_key: str | None = None, limit: int = 1000
) -> list[str]:
    """The keys of a bucket that come after one, in the order in which the bucket lists them.

    Nothing before `since_key` is listed, so it takes one request for each 1000 new keys, however many there are. A key
    is found as long as it comes after those before it: begin it with the time, or a number of as many digits each.

    Args:
        client: for S3.
        bucket: its name.
        prefix: only keys that begin with it.
        since_key: the last one that is known; None for none.
        limit: how many at most.

    Raises:
        DagsterObjectStoreError: the bucket cannot be listed.

    Example:
        >>> import boto3
        >>> from cloudstore import new_s3_keys
        >>> client = boto3.client("s3")
        >>> for day in ("2021-05-01", "2021-05-02"):
        ...     answer = client.put_object(Bucket="my-bucket", Key=f"new_s3_keys/{day}.csv", Body=b"")
        >>> new_s3_keys(client, "my-bucket", "new_s3_keys/", since_key="new_s3_keys/2021-05-01.csv")
        ['new_s3_keys/2021-05-02.csv']
    """
    return [each.key for each in islice(list_objects(client, bucket, prefix, since_key), limit)]


@checked_arguments("sensor")
def s3_keys_sensor(
    bucket: str,
    pipeline_name: str | None = None,
    prefix: str = "",
    s3: Mapping[str, Any] | None = None,
    keys_at_once: int = 1000,
    name: str | None = None,
    solid_selection: list[str] | None = None,
    mode: str | None = None,
    minimum_interval_seconds: float | None = None,
    description: str | None = None,
    job: Any = None,
) -> Callable[[KeyFn], SensorDefinition]:
    """Decorator: a function from the context and a key becomes a sensor that is asked about each new key of a bucket.

    The function returns a RunRequest, or a SkipReason or None where the key is nothing to run for. The cursor of the
    sensor is the last key; see `new_s3_keys` about the order of keys. Where the function raises, nothing of this
    evaluation is kept, and all of its keys are asked about again.

    Args:
        bucket: its name.
        pipeline_name: the pipeline.
        prefix: only keys that begin with it.
        s3: options of the client, as of `s3_resource`.
        keys_at_once: how many keys an evaluation asks about at most; the next one goes on from there.
        name: see `sensor`; likewise the others.
        solid_selection: see there.
        mode: see there.
        minimum_interval_seconds: see there.
        description: see there.
        job: see there.

    Example:
        >>> import boto3
        >>> from cloudstore import s3_keys_sensor
        >>> from core import RunRequest, build_sensor_context
        >>> @s3_keys_sensor("my-bucket", pipeline_name="orders", prefix="orders_of/")
        ... def new_orders(context, key):
        ...     return RunRequest(key, {"solids": {"load": {"config": {"key": key}}}})
        >>> answer = boto3.client("s3").put_object(Bucket="my-bucket", Key="orders_of/2021-05-01.csv", Body=b"")
        >>> evaluation = new_orders.evaluate_tick(build_sensor_context())
        >>> [request.run_key for request in evaluation.run_requests], evaluation.cursor
        (['orders_of/2021-05-01.csv'], 'orders_of/2021-05-01.csv')
        >>> new_orders.evaluate_tick(build_sensor_context(cursor=evaluation.cursor)).skip_message
        'There is no new key in s3://my-bucket/orders_of/.'
    """

    def make(function: KeyFn) -> SensorDefinition:
        def evaluate(context: SensorEvaluationContext) -> list[RunRequest] | SkipReason:
            keys = new_s3_keys(make_client(s3 or {}), bucket, prefix, context.cursor, keys_at_once)
            if not keys:
                return SkipReason(f"There is no new key in s3://{bucket}/{prefix}.")
            answers = [function(context, key) for key in keys]
            context.update_cursor(keys[-1])
            requests = [each for each in answers if not isinstance(each, SkipReason) and each is not None]
            reasons = [each.skip_message for each in answers if isinstance(each, SkipReason) and each.skip_message]
            return requests or SkipReason(reasons[-1] if reasons else f"None of {len(keys)} new keys asks for a run.")

        return SensorDefinition(
            name or function.__name__,
            evaluate,
            pipeline_name,
            solid_selection,
            mode,
            minimum_interval_seconds,
            description or function.__doc__,
            job,
        )

    return make

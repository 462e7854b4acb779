"""The client: `s3_resource` gives solids a boto3 client with the options in run config, whose requests are counted."""

import os

from cloudstore import s3_resource
from core import ModeDefinition, SolidExecutionContext, execute_pipeline, pipeline, solid

BUCKET = os.environ.get("S3_BUCKET", "lab")


@solid(required_resource_keys={"s3"})
def store_greeting(context: SolidExecutionContext) -> str:
    key = f"examples/client/{context.run_id}.txt"
    context.resources.s3.put_object(Bucket=BUCKET, Key=key, Body=b"Good morning")
    return key


@solid(required_resource_keys={"s3"})
def read_greeting(context: SolidExecutionContext, key: str) -> str:
    answer = context.resources.s3.get_object(Bucket=BUCKET, Key=key)
    return str(answer["Body"].read().decode())


@pipeline(mode_defs=[ModeDefinition(resource_defs={"s3": s3_resource})])
def greetings() -> None:
    read_greeting(store_greeting())


def main() -> None:
    config = {"max_attempts": 3, "read_timeout_seconds": 20.0}
    result = execute_pipeline(greetings, {"resources": {"s3": {"config": config}}})
    print(f"{result.output_for_solid('read_greeting')}, from s3://{BUCKET}/{result.output_for_solid('store_greeting')}")


if __name__ == "__main__":
    main()

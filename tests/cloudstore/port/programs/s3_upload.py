"""Uploads a report to S3, tells of it by hooks, and has presets for each place it runs in."""
import csv
import io

from dagster import (
    Field,
    HookContext,
    InputDefinition,
    ModeDefinition,
    OutputDefinition,
    PresetDefinition,
    failure_hook,
    fs_io_manager,  # for tests
    pipeline,
    solid,
    success_hook,
)
from dagster_aws.s3 import s3_pickle_io_manager, s3_resource  # the bucket's


@success_hook
def tell_success(context: HookContext):
    print("hook: done", context.solid.name)


@failure_hook(required_resource_keys={"s3"})
def tell_failure(context):
    print("hook: failed", context.solid.name)


@solid(output_defs=[OutputDefinition(list, "rows")], config_schema={"count": Field(int, default_value=3)})
def read_rows(context):
    return [{"n": n, "square": n * n} for n in range(context.solid_config["count"])]


@solid(
    input_defs=[InputDefinition("rows", list)],
    config_schema={"bucket": str, "key": str},
    required_resource_keys={"s3"},
)
def upload(context, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, ["n", "square"])
    writer.writeheader()
    writer.writerows(rows)
    place = context.solid_config
    context.resources.s3.put_object(Bucket=place["bucket"], Key=place["key"], Body=text.getvalue().encode())
    context.log.info(f"uploaded {len(rows)} rows")
    return len(rows)


LOCAL = ModeDefinition("local", resource_defs={"s3": s3_resource, "io_manager": fs_io_manager})
PROD = ModeDefinition("prod", resource_defs={"s3": s3_resource, "io_manager": s3_pickle_io_manager})

S3 = {"config": {"endpoint_url": "STORE_URL"}}


@tell_success
@tell_failure
@pipeline(
    mode_defs=[LOCAL, PROD],
    preset_defs=[
        PresetDefinition(
            "local",
            mode="local",
            run_config={
                "resources": {"s3": S3},
                "solids": {"upload": {"config": {"bucket": "STORE_BUCKET", "key": "reports/squares.csv"}}},
            },
        ),
        PresetDefinition(
            "prod",
            mode="prod",
            run_config={
                "resources": {"s3": S3, "io_manager": {"config": {"s3_bucket": "STORE_BUCKET", "s3_prefix": "values"}}},
                "solids": {"upload": {"config": {"bucket": "STORE_BUCKET", "key": "reports/squares.csv"}}},
            },
        ),
    ],
)
def report():
    upload(read_rows())

"""A file cache: `s3_file_cache` keeps files under keys of your choice, so that later runs need not fetch them again."""

import os

from cloudstore import S3FileHandle, s3_file_cache
from core import ModeDefinition, SolidExecutionContext, execute_pipeline, pipeline, solid

BUCKET = os.environ.get("S3_BUCKET", "lab")


@solid(config_schema={"day": str}, required_resource_keys={"file_cache"})
def fetch_measurements(context: SolidExecutionContext) -> S3FileHandle:
    cache, key = context.resources.file_cache, f"measurements/{context.solid_config['day']}.csv"
    if cache.has_file_object(key):
        context.log.info(f"{key} was fetched before")
    else:
        context.log.info(f"{key} is fetched")
        cache.write_binary_data(key, b"9:00,17.5\n10:00,18.1\n")  # stands for a slow download
    handle = cache.get_file_handle(key)
    assert isinstance(handle, S3FileHandle)
    return handle


@pipeline(mode_defs=[ModeDefinition(resource_defs={"file_cache": s3_file_cache})])
def measurements() -> None:
    fetch_measurements()


def main() -> None:
    run_config = {
        "resources": {"file_cache": {"config": {"bucket": BUCKET, "key": "examples/cache"}}},
        "solids": {"fetch_measurements": {"config": {"day": "2024-05-01"}}},
    }
    for _ in range(2):
        result = execute_pipeline(measurements, run_config)
        print(result.output_for_solid("fetch_measurements").s3_path)


if __name__ == "__main__":
    main()

"""Files: `s3_file_manager` keeps them in a bucket, and solids pass handles. Reading and writing are streamed."""

import os

from cloudstore import S3FileHandle, file_handle_to_s3, s3_file_manager, s3_resource
from core import ModeDefinition, SolidExecutionContext, execute_pipeline, pipeline, solid

BUCKET = os.environ.get("S3_BUCKET", "lab")


@solid(required_resource_keys={"file_manager"})
def write_table(context: SolidExecutionContext) -> S3FileHandle:
    rows = "".join(f"{number},{number**2}\n" for number in range(100_000))
    handle = context.resources.file_manager.write_data(rows.encode(), ext="csv")
    assert isinstance(handle, S3FileHandle)
    return handle


@solid(required_resource_keys={"file_manager"})
def sum_squares(context: SolidExecutionContext, table: S3FileHandle) -> int:
    with context.resources.file_manager.read(table, "r") as lines:
        return sum(int(line.split(",")[1]) for line in lines)


@pipeline(mode_defs=[ModeDefinition(resource_defs={"s3": s3_resource, "file_manager": s3_file_manager})])
def squares() -> None:
    table = write_table()
    sum_squares(table)
    file_handle_to_s3(table)  # a copy under a key of our choice


def main() -> None:
    run_config = {
        "resources": {"file_manager": {"config": {"s3_bucket": BUCKET, "s3_prefix": "examples/files"}}},
        "solids": {"file_handle_to_s3": {"config": {"Bucket": BUCKET, "Key": "examples/squares.csv"}}},
    }
    result = execute_pipeline(squares, run_config)
    copy = result.output_for_solid("file_handle_to_s3", "s3_file_handle")
    print(f"The squares in {result.output_for_solid('write_table').s3_path} add up to", end=" ")
    print(f"{result.output_for_solid('sum_squares')}; a copy is at {copy.s3_path}")


if __name__ == "__main__":
    main()

"""A pipeline whose values are kept in a bucket, and whose steps write to their logs in every way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from cloudstore import s3_pickle_io_manager, s3_resource
from core import (
    InputDefinition,
    List,
    OutputDefinition,
    RetryRequested,
    fs_io_manager,
    pipeline,
    resource,
    solid,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition
from tests.contracts.executors.modes import mode


@solid
def rows() -> list:
    return list(range(1000))


@solid(output_defs=[DynamicOutputDefinition()])
def parts(rows: list) -> Iterator[DynamicOutput]:
    for number in range(3):
        yield DynamicOutput(rows[number::3], mapping_key=f"part_{number}")


@solid
def summed(part: Any) -> int:
    return sum(part)


@solid(input_defs=[InputDefinition("sums", List[int])], required_resource_keys={"s3"})
def total(context: Any, sums: Any) -> int:
    context.resources.s3.list_buckets()
    return sum(sums)


@pipeline(
    mode_defs=[
        mode("bucket", resource_defs={"s3": s3_resource, "io_manager": s3_pickle_io_manager}),
        mode("disk", resource_defs={"s3": s3_resource, "io_manager": fs_io_manager}),
    ]
)
def stored() -> None:
    total(parts(rows()).map(summed).collect())


# Logs


@resource
def talking() -> Iterator[str]:
    yield "talking"


@solid(config_schema={"password": str}, required_resource_keys={"talking"})
def talks(context: Any) -> None:
    print("printed")
    sys.stderr.write("written\n")
    os.write(1, b"to the descriptor\n")
    subprocess.run(["/bin/sh", "-c", "echo of a shell; echo its error >&2"], check=True)
    print("the password is " + context.solid_config["password"])
    print("\N{DUCK} é", b"\xff")
    os.write(1, b"\xff no text\n")


@solid
def talks_twice(context: Any) -> None:
    print(f"attempt {context.retry_number}")
    if not context.retry_number:
        raise RetryRequested


@solid
def is_quiet() -> None:
    pass


@solid(output_defs=[OutputDefinition(int)])
def talks_and_fails() -> int:
    print("before it fails")
    raise RuntimeError("as it must")


@pipeline(mode_defs=[mode(resource_defs={"talking": talking, "io_manager": fs_io_manager})])
def talkative() -> None:
    talks()
    talks_twice()
    is_quiet()
    talks_and_fails()

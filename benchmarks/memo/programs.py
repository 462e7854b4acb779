"""The programs that are measured, each in a process of its own; each prints seconds on its last line."""

from __future__ import annotations

# argv: "disk" or "s3"; the config of the resources as JSON; the instance's folder, "" for a new one; how many steps;
# how many of them are stored.
RUN = """
import json, sys, tempfile, time
from cloudstore import s3_resource, versioned_s3_io_manager
from core import (
    DagsterEventType, DagsterInstance, ModeDefinition, execute_pipeline, pipeline, solid,
    versioned_filesystem_io_manager,
)

kind, resources, folder = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
count, stored = int(sys.argv[4]), int(sys.argv[5])
modes = {
    "disk": ModeDefinition("disk", {"io_manager": versioned_filesystem_io_manager}),
    "s3": ModeDefinition("s3", {"io_manager": versioned_s3_io_manager, "s3": s3_resource}),
}

@solid(version="1")
def add_one(_, number: int = 0) -> int:
    return number + 1

@pipeline(mode_defs=[modes[kind]], tags={"dagster/is_memoized_run": "true"})
def chain():
    number = add_one()
    for _ in range(count - 1):
        number = add_one(number)

with tempfile.TemporaryDirectory() as new:
    instance = DagsterInstance.local_temp(folder or new)
    quiet = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
    began = time.perf_counter()
    result = execute_pipeline(chain, {"resources": resources, **quiet}, instance=instance)
    ended = time.perf_counter()
    assert result.success
    memoized = sum(event.event_type is DagsterEventType.STEP_MEMOIZED for event in result.event_list)
    assert memoized == stored, (memoized, stored)
    instance.dispose()
print(ended - began)
"""

# argv: the client's options as JSON, the bucket, a file with the keys, how many threads.
HEADS = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.config import Config

options, bucket, threads = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[4])
keys = Path(sys.argv[3]).read_text().splitlines()
config = Config(s3={"addressing_style": "path"}, max_pool_connections=threads)
client = boto3.client("s3", config=config, **options)

def head(key):
    return client.head_object(Bucket=bucket, Key=key)

client.list_buckets()  # the first request takes longer than the others
began = time.perf_counter()
if threads == 1:
    found = [head(key) for key in keys]
else:
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(head, keys))
ended = time.perf_counter()
assert len(found) == len(keys)
print(ended - began)
"""

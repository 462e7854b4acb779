"""A program that tests start: for each line of its input it forks a child, which uses S3 and is killed in the midst.

It has imported all that the children need, so a child begins at once, and is a process with a client of its own.

A line is a list: the name of a function here, and its keyword arguments. The answer is a line too: how the child ended
(0, or minus the signal that killed it), and what it had told.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3  # noqa: F401 - here once, not in each child
import s3transfer.manager  # noqa: F401 - as above

import cloudstore
from cloudstore.client import make_client
from cloudstore.transfer import parts, write
from core import DagsterInstance, ModeDefinition, execute_pipeline, pipeline, solid
from core.definitions.direct.io_contexts import build_output_context
from core.events.payloads import StepOutputHandle
from core.process.leftovers import Leftovers
from core.types import resolve_dagster_type

MIB = 1 << 20
LARGE = 40 * MIB
ENOUGH = 90 * MIB  # the sixth part is read when the first is stored
PLACE = {"event": str, "bucket": str}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# --- one run of a pipeline, killed at one moment ----------------------------------------------------------------------


class Deadly(io.RawIOBase):
    """A stream without an end; whoever reads more than `limit` bytes of it is killed."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self.left -= size
        if self.left < 0:
            die()
        return bytes(size)


def die_at(client: Any, event: str, count: int = 1) -> None:
    left = itertools.count(count, -1)

    def handler(**_: Any) -> None:
        if next(left) == 1:
            die()

    client.meta.events.register_last(event, handler)


@solid(config_schema=PLACE, required_resource_keys={"s3"}, version="1")
def value(context: Any) -> bytes:
    die_at(context.resources.s3, context.solid_config["event"])
    return bytes(LARGE)


@solid(config_schema=PLACE, required_resource_keys={"files"})
def file(context: Any) -> None:
    context.resources.files.write(Deadly(ENOUGH))


@solid(config_schema=PLACE, required_resource_keys={"cache"})
def cached(context: Any) -> None:
    context.resources.cache.write_file_object("big", Deadly(ENOUGH))


@solid(config_schema=PLACE, required_resource_keys={"s3"})
def upload(context: Any) -> None:
    die_at(context.resources.s3, context.solid_config["event"])
    context.resources.s3.upload_fileobj(io.BytesIO(bytes(LARGE)), context.solid_config["bucket"], "own/upload")


@solid(config_schema=PLACE, required_resource_keys={"s3"})
def abandoned(context: Any) -> None:
    """One that is aborted by its user, and killed while the answer is on its way."""
    client, place = context.resources.s3, {"Bucket": context.solid_config["bucket"], "Key": "own/upload"}
    die_at(client, context.solid_config["event"])
    client.abort_multipart_upload(**place, UploadId=client.create_multipart_upload(**place)["UploadId"])


def run(home: str, body: str, options: dict[str, Any], bucket: str, manager: str, event: str, telling: int) -> None:
    """A run of a pipeline of the solid named `body`, with an instance in `home`."""
    write.MAX_PART_BYTES = 16 * MIB  # so that conditional writes go by parts too
    config: dict[str, Any] = {"s3": {"config": options}}
    resource_defs: dict[str, Any] = {"s3": cloudstore.s3_resource}
    if body == "file":
        resource_defs["files"], config["files"] = (
            cloudstore.s3_file_manager,
            {"config": {"s3_bucket": bucket, **options}},
        )
    if body == "cached":
        resource_defs["cache"] = cloudstore.s3_file_cache
        config["cache"] = {"config": {"bucket": bucket, "key": "cache", **options}}
    if manager:
        resource_defs["io_manager"] = getattr(cloudstore, manager)
        config["io_manager"] = {"config": {"s3_bucket": bucket}}

    @pipeline(mode_defs=[ModeDefinition(resource_defs=resource_defs)])
    def killed() -> None:
        globals()[body]()

    with DagsterInstance.from_config(home) as instance:
        run_config = {"resources": config, "solids": {body: {"config": {"event": event, "bucket": bucket}}}}
        execute_pipeline(killed, run_config, instance=instance, memoize=manager.startswith("versioned"))


# --- writing for ever ------------------------------------------------------------------------------------------------

SIZES = (1000, 300_000, 12 * MIB)


def content(name: str, size: int) -> bytes:
    """What is stored under a name: every block of it tells which it is, and of what."""
    blocks = (hashlib.sha256(f"{name} {size} {n}".encode()).digest() * 2048 for n in range(size // 65536 + 1))
    return (f"{name} {size}\n".encode() + b"".join(blocks))[:size]


def writers(client: Any, bucket: str) -> dict[str, Callable[[str, bytes], str]]:
    """By the name of a part: stores under a name, and returns the key."""
    files = cloudstore.S3FileManager(client, bucket, "files")
    cache = cloudstore.S3FileCache(bucket, "cache", client)
    overwriting = cloudstore.S3FileCache(bucket, "overwritten", client, overwrite=True)
    objects = cloudstore.S3ObjectStore(bucket, client)
    intermediates = cloudstore.S3IntermediateStorage(bucket, "a-run", client)

    def by(manager: Any) -> Callable[[str, bytes], str]:
        def store(name: str, data: bytes) -> str:
            context = build_output_context(step_key=name, run_id="a-run", version="v")
            manager.handle_output(context, data)
            return str(manager.get_address(context)).removeprefix(f"s3://{bucket}/")

        return store

    def intermediate(name: str, data: bytes) -> str:
        uri: str = intermediates.set_intermediate(None, resolve_dagster_type(None), StepOutputHandle(name), data)
        return uri.removeprefix(f"s3://{bucket}/")

    return {
        "file manager": lambda name, data: files.write(io.BytesIO(data)).s3_key,
        "file cache": lambda name, data: cache.write_file_object(name, io.BytesIO(data)).s3_key,
        "overwriting file cache": lambda name, data: overwriting.write_file_object("one", io.BytesIO(data)).s3_key,
        "values of a run": by(cloudstore.PickledObjectS3IOManager(bucket, client)),
        "values by version": by(cloudstore.VersionedPickledObjectS3IOManager(bucket, client)),
        "object store": lambda name, data: objects.set_object(f"o/{name}", data).removeprefix(f"s3://{bucket}/"),
        "intermediate storage": intermediate,
    }


def write_for_ever(home: str, options: dict[str, Any], bucket: str, part: str, begin: str, telling: int) -> None:
    """Stores one thing after the other, and tells of each when it is stored: key, name and size."""
    parts.PART_BYTES = parts.MAX_PART_BYTES = write.MAX_PART_BYTES = 5 * MIB  # the least that stores take
    client = make_client(options, leftovers=Leftovers(Path(home, "leftovers")))
    store = writers(client, bucket)[part]
    sizes = itertools.islice(itertools.cycle(SIZES), int(begin) % len(SIZES), None)
    for number, size in enumerate(sizes):
        name = f"{begin}-{number}"
        key = store(name, content(name, size))
        os.write(telling, f"{json.dumps([key, name, size])}\n".encode())


# --- the parent ------------------------------------------------------------------------------------------------------


def told_until_killed(child: int, listening: int, seconds: float) -> Iterator[bytes]:
    """What a child tells within so many seconds after its first word; then it is killed."""
    deadline = math.inf
    while (left := deadline - time.monotonic()) > 0:
        if select.select([listening], [], [], None if math.isinf(left) else left)[0]:
            if not (word := os.read(listening, 65536)):
                break  # it ended by itself
            yield word
            deadline = min(deadline, time.monotonic() + seconds)
    else:
        os.kill(child, signal.SIGKILL)
    while word := os.read(listening, 65536):
        yield word


def forked(name: str, arguments: dict[str, Any], seconds: float | None) -> tuple[int, list[Any]]:
    """The exit code of a child that calls a function, killed after `seconds` unless they are None; what it told."""
    listening, telling = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            globals()[name](telling=telling, **arguments)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(telling)
    told = b"".join(told_until_killed(child, listening, math.inf if seconds is None else seconds))
    os.close(listening)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), [json.loads(line) for line in told.splitlines()]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(forked(*json.loads(line))), flush=True)

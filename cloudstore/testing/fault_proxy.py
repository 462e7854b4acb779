"""A proxy in front of an S3 store that fails as it is told, to see how a program copes.

    with faulty_s3_server(seed=1) as (server, proxy):
        bucket = server.create_bucket()
        client = server.client(endpoint_url=proxy.endpoint_url)
        proxy.inject(Fault.error("SlowDown"), operations="PutObject", times=2)
        client.put_object(Bucket=bucket, Key="greeting", Body=b"hello")
        assert [record.fault is None for record in proxy.records] == [False, False, True]

The store behind it is a real one, and `server.client()` without the proxy's URL asks it directly.
"""

from __future__ import annotations

import math
import select
import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from cloudstore.testing.fault_relay import Relay
from cloudstore.testing.faults import Fault, FaultPlan, FaultRecord
from cloudstore.testing.server import EmbeddedS3Server, embedded_s3_server

_HOST: Final = "127.0.0.1"
_POLL_SECONDS: Final = 0.02


class FaultProxy:
    """An HTTP proxy on 127.0.0.1, at a free port, that passes requests on to a store except where rules say otherwise.

    It runs while it is used as a context manager, in threads that end with the process. Bodies are streamed. The
    client's headers are passed on as they are, Host among them, so that its signature holds: the store has to verify
    the Host that the client named, as SeaweedFS and moto do, and addresses have to be path-style. Stores behind TLS,
    AWS among them, are out of its reach.

    Args:
        store_url: where the store is, as http://HOST:PORT.
        seed: what the rates and random places are drawn from. With one seed and one request at a time, the same
            requests meet the same faults.
        latency_seconds: how long every request is on its way to the store, however many there are at once.

    Attributes:
        latency_seconds: as given; may be changed while it runs.

    Example:
        >>> from cloudstore.testing import Fault, FaultProxy, embedded_s3_server
        >>> with embedded_s3_server() as server, FaultProxy(server.endpoint_url) as proxy:
        ...     bucket, client = server.create_bucket(), server.client(endpoint_url=proxy.endpoint_url)
        ...     proxy.inject(Fault.error("AccessDenied"), operations="PutObject", key="secret/*")
        ...     stored = client.put_object(Bucket=bucket, Key="orders.csv", Body=b"id,total")
        ...     print(len(proxy.records), len(proxy.faults))
        ...     client.close()
        1 0
    """

    def __init__(self, store_url: str, *, seed: int = 0, latency_seconds: float = 0.0) -> None:
        address = urlsplit(store_url)
        if address.scheme != "http" or not address.hostname:
            raise ValueError(f"The URL of a store behind a fault proxy is like http://HOST:PORT, not {store_url!r}.")
        self._store = address.hostname, address.port or 80
        self.latency_seconds = latency_seconds
        self._plan = FaultPlan(seed)
        self._listener = _bound(0)
        self._port = self._listener.getsockname()[1]
        self._closing, self._is_refusing = threading.Event(), threading.Event()
        self._refuse_until = 0.0
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, list[socket.socket]] = {}
        self._accepting = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)

    @property
    def endpoint_url(self) -> str:
        """str: what clients take as their endpoint_url."""
        return f"http://{_HOST}:{self._port}"

    @property
    def records(self) -> list[FaultRecord]:
        """list[FaultRecord]: the requests so far, in the order they came; refused connections are not among them."""
        return self._plan.records()

    @property
    def faults(self) -> list[FaultRecord]:
        """list[FaultRecord]: those of `records` that met a fault."""
        return [record for record in self.records if record.fault]

    def inject(
        self,
        fault: Fault,
        *,
        operations: str | Collection[str] | None = None,
        key: str = "*",
        rate: float = 1.0,
        times: int | None = None,
    ) -> None:
        """Adds a rule. Of several that fit a request, the first one added decides.

        Args:
            fault: what happens.
            operations: to which operations, by S3's names ("UploadPart"); None for all.
            key: to which keys, as a pattern of `fnmatch`; requests to a bucket have the key "".
            rate: the probability, from 0 to 1.
            times: maximum number of times; None for no limit.

        Raises:
            ValueError: the rate is out of range.
        """
        self._plan.add(fault, operations, key, rate, math.inf if times is None else times)

    def clear(self) -> None:
        """Removes all rules: every request passes. The records stay."""
        self._plan.clear()

    def __enter__(self) -> Self:
        self._listener.listen(128)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._accepting.join()
        self._listener.close()
        with self._lock:
            handlers = list(self._open)
            for connection in [each for sockets in self._open.values() for each in sockets]:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for handler in handlers:
            handler.join()

    def _accept(self) -> None:
        while not self._closing.is_set():
            if time.monotonic() < self._refuse_until:
                self._refuse()
            elif select.select([self._listener], [], [], _POLL_SECONDS)[0]:
                connection, _ = self._listener.accept()
                handler = threading.Thread(
                    target=self._handle, args=[connection], name="fault-proxy-connection", daemon=True
                )
                with self._lock:
                    self._open[handler] = [connection]
                handler.start()

    def _refuse(self) -> None:
        self._listener.close()
        self._listener = _bound(self._port)  # nobody else gets the port; a bound socket that does not listen refuses
        self._is_refusing.set()
        while (left := self._refuse_until - time.monotonic()) > 0 and not self._closing.wait(left):
            pass
        self._is_refusing.clear()
        self._listener.listen(128)

    def _handle(self, connection: socket.socket) -> None:
        sockets = self._open[threading.current_thread()]
        try:
            with connection, suppress(OSError, HTTPException):  # a side that went away ends this, as it should
                Relay(connection, self._plan, self._travel, lambda: self._connect(sockets), self._stop_listening)
        finally:
            with self._lock:
                del self._open[threading.current_thread()]

    def _travel(self, seconds: float | None = None) -> bool:
        """Waits, by default as long as a request is on its way; False when the proxy is closed meanwhile."""
        seconds = self.latency_seconds if seconds is None else seconds
        return not (seconds and self._closing.wait(seconds))

    def _connect(self, sockets: list[socket.socket]) -> HTTPConnection:
        store = HTTPConnection(*self._store)
        store.connect()
        with self._lock:
            sockets[1:] = [store.sock]
        if self._closing.is_set():  # it came too late to be closed with the others
            store.close()
        return store

    def _stop_listening(self, seconds: float) -> None:
        """Returns once connections are refused."""
        self._refuse_until = max(self._refuse_until, time.monotonic() + seconds)
        while not self._is_refusing.wait(_POLL_SECONDS) and time.monotonic() < self._refuse_until:
            pass


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # although connections to it are open
    bound.bind((_HOST, port))
    return bound


@contextmanager
def faulty_s3_server(
    *, seed: int = 0, latency_seconds: float = 0.0, **options: Any
) -> Iterator[tuple[EmbeddedS3Server, FaultProxy]]:
    """Runs an S3 server and a `FaultProxy` in front of it while the block runs.

    Args:
        seed: as `FaultProxy`.
        latency_seconds: as `FaultProxy`.
        options: arguments of `embedded_s3_server`.

    Returns:
        Iterator: the server, whose own clients ask it directly, and the proxy.

    Example:
        >>> from cloudstore.testing import Fault, faulty_s3_server
        >>> with faulty_s3_server(seed=7) as (server, proxy):
        ...     bucket, client = server.create_bucket(), server.client(endpoint_url=proxy.endpoint_url)
        ...     stored = client.put_object(Bucket=bucket, Key="orders.csv", Body=b"id,total")
        ...     proxy.inject(Fault.stall(seconds=0.01), operations="GetObject")
        ...     print(client.get_object(Bucket=bucket, Key="orders.csv")["Body"].read())
        ...     client.close()
        b'id,total'
    """
    with (
        embedded_s3_server(**options) as server,
        FaultProxy(server.endpoint_url, seed=seed, latency_seconds=latency_seconds) as proxy,
    ):
        yield server, proxy

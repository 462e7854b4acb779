"""Use of remote storage by a run: requests, bytes and seconds, counted by the clients."""

from __future__ import annotations

import msgspec

from core.forks import fork_safe_lock


class Usage(msgspec.Struct, frozen=True):
    """Totals of remote storage use.

    Attributes:
        requests: requests sent, retries included.
        write_requests: the requests among them that stores charge as writes: PUT, COPY, POST and LIST.
        bytes_sent: bytes of request bodies.
        bytes_received: bytes of response bodies.
        seconds: time from sending a request to receiving the headers of its response, summed over requests.
    """

    requests: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds: float = 0.0
    write_requests: int = 0

    def __sub__(self, earlier: Usage) -> Usage:
        return Usage(
            self.requests - earlier.requests,
            self.bytes_sent - earlier.bytes_sent,
            self.bytes_received - earlier.bytes_received,
            self.seconds - earlier.seconds,
            self.write_requests - earlier.write_requests,
        )

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.bytes_sent + other.bytes_sent,
            self.bytes_received + other.bytes_received,
            self.seconds + other.seconds,
            self.write_requests + other.write_requests,
        )


class UsageMeter:
    """Running totals of a run. Clients add to them from any thread; a step's use is the difference of two readings."""

    def __init__(self) -> None:
        self._lock = fork_safe_lock()
        self._requests = self._bytes_sent = self._bytes_received = self._write_requests = 0
        self._seconds = 0.0

    def add(
        self,
        requests: int = 0,
        bytes_sent: int = 0,
        bytes_received: int = 0,
        seconds: float = 0.0,
        write_requests: int = 0,
    ) -> None:
        """Adds to the totals."""
        with self._lock:
            self._requests += requests
            self._bytes_sent += bytes_sent
            self._bytes_received += bytes_received
            self._seconds += seconds
            self._write_requests += write_requests

    def read(self) -> Usage:
        """The current totals."""
        with self._lock:
            counts = (self._requests, self._bytes_sent, self._bytes_received)
            return Usage(*counts, self._seconds, self._write_requests)

    def add_all(self, usage: Usage) -> None:
        """Adds what another process has counted."""
        self.add(usage.requests, usage.bytes_sent, usage.bytes_received, usage.seconds, usage.write_requests)

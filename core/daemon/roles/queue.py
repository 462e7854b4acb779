"""The role that launches the runs that wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from core.daemon.role import Role
from core.instance import DagsterInstance
from core.records.claim import CLAIM_SECONDS, Claim
from core.records.queue import Dequeued
from core.run_coordinator.queued import QUEUE_DAEMON, QueuedRunCoordinator

AT_ONCE = 16
_RENEW_SECONDS = 5.0


class QueueRole(Role):
    """Takes runs out of the queue, as its limits allow, and has them launched, some at a time.

    While a run is launched it is renewed that it is: a code server may load code for a minute first.

    Args:
        instance: whose run coordinator has the queue.
        at_once: how many runs are launched at the same time.
    """

    daemon_type = QUEUE_DAEMON

    def __init__(self, instance: DagsterInstance, at_once: int = AT_ONCE) -> None:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        self._instance, self._coordinator = instance, instance.run_coordinator
        self._at_once = at_once
        self._threads = ThreadPoolExecutor(at_once, "launch")
        self._lock = threading.Lock()
        self._launching: set[Claim] = set()
        self._errors: list[Exception] = []
        self._renewed_at = time.monotonic()

    def turn(self, claim: Claim) -> float:
        self._renew()
        free = self._at_once - len(self._launching)
        if not free:
            return _RENEW_SECONDS  # it is woken when one was launched
        taken = self._instance.run_storage.dequeue(claim, self._coordinator.limits, free, CLAIM_SECONDS)
        for each in taken:
            with self._lock:
                self._launching.add(each.claim)
            self._threads.submit(self._launch, each)
        return min(self._coordinator.dequeue_interval_seconds, _RENEW_SECONDS)

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_at < _RENEW_SECONDS:
            return
        self._renewed_at = time.monotonic()
        with self._lock:
            launching = list(self._launching)
        for each in launching:
            self._instance.run_storage.renew_claim(each, CLAIM_SECONDS)

    def _launch(self, dequeued: Dequeued) -> None:
        try:
            self._instance.launch_dequeued_run(dequeued)
        except Exception as error:  # noqa: BLE001  of the launcher, which may be the user's
            with self._lock:
                self._errors.append(error)
        finally:
            with self._lock:
                self._launching.discard(dequeued.claim)
            self.wake()

    def take_errors(self) -> Sequence[Exception]:
        with self._lock:
            errors, self._errors = self._errors, []
        return errors

    def close(self) -> None:
        self._threads.shutdown()

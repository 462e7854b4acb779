"""The claims to runs that this process executes, which one thread of it renews."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from core.errors import DagsterRunConflict, DagsterStorageError
from core.forks import reset_in_forked_children
from core.records.claim import CLAIM_SECONDS, RENEWAL_SECONDS, Claim
from core.storage.runs import RunStorage

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # which goes on while the machine sleeps


def _now() -> float:
    return time.clock_gettime(_CLOCK)


class HeldClaim:
    """A claim to a run that this process executes.

    A process that was stopped for a while, or whose machine slept, asks before it goes on whether it still has the run.

    Args:
        storage: where the run is.
        claim: the claim.
        asked_at: when it was asked for, as `moment` tells; it is good for at least CLAIM_SECONDS from then on.

    Attributes:
        claim: the claim.
        is_lost: whether another has taken the run over, or it was ended from outside.
    """

    def __init__(self, storage: RunStorage, claim: Claim, asked_at: float) -> None:
        self._storage = storage
        self.claim, self.is_lost = claim, False
        self._good_until = asked_at + CLAIM_SECONDS

    @staticmethod
    def moment() -> float:
        """The time now, by a clock that nobody sets."""
        return _now()

    def renew(self) -> None:
        """Asks whether this process still has the run, and for more time.

        Raises:
            DagsterStorageError: the storage cannot be asked.
        """
        asked_at = _now()
        if self._storage.renew_claim(self.claim, CLAIM_SECONDS):
            self._good_until = asked_at + CLAIM_SECONDS
        else:
            self.is_lost = True

    def check(self) -> None:
        """Called before anything is begun.

        Raises:
            DagsterRunConflict: this process has the run no more.
            DagsterStorageError: it was not renewed in time, and the storage cannot be asked.
        """
        if not self.is_lost and _now() >= self._good_until:
            self.renew()
        if self.is_lost:
            raise DagsterRunConflict(
                f"Run {self.claim.key} is not this process's any more: it was ended from outside, or its claim expired "
                "while this process was stopped or cut off from the run database, and another took the run over. "
                "Nothing more of it is executed or recorded here."
            )


class _Renewal:
    """Renews what this process holds, from a thread that is there as long as it holds something."""

    def __init__(self) -> None:
        self.reset_after_fork()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """A forked child holds nothing: what happens in the run, its parent tells."""
        self._lock = threading.Lock()
        self._held: set[HeldClaim] = set()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()

    def begin(self, held: HeldClaim) -> None:
        with self._lock:
            self._held.add(held)
            if self._thread is None:
                self._ending = threading.Event()
                self._thread = threading.Thread(target=self._run, args=[self._ending], name="claims", daemon=True)
                self._thread.start()

    def end(self, held: HeldClaim) -> None:
        with self._lock:
            self._held.discard(held)
            thread = self._thread
            if thread is None or self._held:
                return
            self._thread = None
            self._ending.set()
        thread.join()

    def _run(self, ending: threading.Event) -> None:
        while not ending.wait(RENEWAL_SECONDS):
            for held in self._still_held():
                with suppress(DagsterStorageError):  # it is asked again soon; what is begun too late asks itself
                    held.renew()

    def _still_held(self) -> Iterable[HeldClaim]:
        with self._lock:
            return list(self._held)


_renewal = _Renewal()


def hold(held: HeldClaim) -> HeldClaim:
    """Keeps a claim good from now on, until `let_go`."""
    _renewal.begin(held)
    return held


def let_go(held: HeldClaim) -> None:
    """Renews a claim no more. It is good for some seconds yet, unless the run's end, which releases it, is stored."""
    _renewal.end(held)

"""The process of the daemon: a thread for each role, and one that says that they are alive."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from core.daemon.role import Role
from core.daemon.status import HEARTBEAT_SECONDS
from core.errors import DagsterError
from core.instance import DagsterInstance
from core.instance.holding import HeldClaim
from core.records.claim import CLAIM_SECONDS, Claim, make_new_owner
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.serdes import SerializableErrorInfo, error_info

ROLE_RENEWAL_SECONDS = 5.0
_ERROR_PAUSE_SECONDS = 5.0
_ERRORS_KEPT = 5
_ERRORS_KEPT_SECONDS = 300.0
_CHANGES_SECONDS = 5.0


class RoleThread:
    """A role with its thread. It has turns while this daemon has the role's claim, and stands by else.

    Args:
        instance: where claims are kept.
        role: the role.
        owner: this daemon.
        tell: takes sentences for the person who looks on.
    """

    def __init__(self, instance: DagsterInstance, role: Role, owner: str, tell: Callable[[str], None]) -> None:
        self._instance, self._role, self._owner, self._tell = instance, role, owner, tell
        self._storage = instance.run_storage
        self._woken, self._ending = threading.Event(), threading.Event()
        self._claim: Claim | None = None
        self._good_until = 0.0
        self._errors: list[tuple[float, SerializableErrorInfo]] = []
        self._beat_at: float | None = None
        self._stands_by = False
        role.wake = self._woken.set
        self._thread = threading.Thread(target=self._run, name=role.daemon_type)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def wake(self) -> None:
        """Something may have changed."""
        self._woken.set()

    def end(self) -> None:
        """Has it end when its turn has ended."""
        self._ending.set()
        self._woken.set()

    def join(self) -> None:
        """Waits until it has ended, and leaves the role to others."""
        self._thread.join()
        claim, self._claim = self._claim, None
        if claim is not None:
            with suppress(DagsterError):
                self._storage.release_role(claim)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._woken.clear()
            seconds = self._step()
            self._woken.wait(seconds)
        self._role.close()

    def _step(self) -> float:
        """A turn, or a try to get the role; the seconds until the next one."""
        try:
            if not self._has_role():
                return ROLE_RENEWAL_SECONDS
            claim = self._claim
            assert claim is not None
            seconds = self._role.turn(claim)
        except Exception as error:  # noqa: BLE001  the role goes on
            self._note(error)
            seconds = _ERROR_PAUSE_SECONDS
        for each in self._role.take_errors():
            self._note(each)
        return seconds

    def _has_role(self) -> bool:
        if self._claim is not None and HeldClaim.moment() >= self._good_until:
            self.renew()
        if self._claim is None:
            asked_at = HeldClaim.moment()
            self._claim = self._storage.claim_role(self._role.daemon_type, self._owner, CLAIM_SECONDS)
            self._good_until = asked_at + CLAIM_SECONDS
            if self._claim is not None:
                self._tell(f"{self._role.daemon_type}: this daemon does it from now on.")
                self._beat_at = None
                self.beat()
            elif not self._stands_by:
                self._tell(f"{self._role.daemon_type}: another daemon does it; this one stands by.")
            self._stands_by = self._claim is None
        return self._claim is not None

    def renew(self) -> None:
        """Makes the claim good for longer; where another has taken the role over, this daemon stands by."""
        claim, asked_at = self._claim, HeldClaim.moment()
        if claim is None:
            return
        if self._storage.renew_role(claim, CLAIM_SECONDS):
            self._good_until = asked_at + CLAIM_SECONDS
        else:
            self._claim = None

    def _note(self, error: Exception) -> None:
        self._errors = [*self._errors, (time.monotonic(), error_info(error))][-_ERRORS_KEPT:]
        self._beat_at = None
        self._tell(f"{self._role.daemon_type}: {error}")

    def beat(self) -> None:
        """Stores a heartbeat where one is due: there was none for a while, or an error has come since."""
        now = time.monotonic()
        if self._claim is None or (self._beat_at is not None and now - self._beat_at < HEARTBEAT_SECONDS):
            return
        self._beat_at = now
        errors = tuple(info for at, info in self._errors if now - at < _ERRORS_KEPT_SECONDS)
        self._instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), self._role.daemon_type, self._owner, errors))


class Daemon:
    """Has the roles of an instance done. Several daemons share them: each role is done by one.

    Args:
        instance: the instance.
        roles: what is to be done.
        tell: takes sentences for the person who looks on.
    """

    def __init__(
        self, instance: DagsterInstance, roles: Sequence[Role], tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._instance = instance
        self.owner = f"{socket.gethostname()}-{make_new_owner()[:8]}"
        self._threads = [RoleThread(instance, role, self.owner, tell) for role in roles]
        self._ending = threading.Event()
        self._changes = instance.run_storage.changes()
        self._others = [
            threading.Thread(target=self._keep, name="heartbeats"),
            threading.Thread(target=self._watch, name="changes"),
        ]

    def start(self) -> None:
        """Begins; `end` must be called."""
        for thread in self._threads:
            thread.start()
        for other in self._others:
            other.start()

    def end(self) -> None:
        """Ends when what is under way has ended, and leaves the roles to other daemons."""
        self._ending.set()
        self._changes.end()
        for thread in self._threads:
            thread.end()
        for thread in self._threads:
            thread.join()
        for other in self._others:
            other.join()

    def _keep(self) -> None:
        while not self._ending.wait(ROLE_RENEWAL_SECONDS):
            for thread in self._threads:
                with suppress(DagsterError):  # the database is away; a role that is not renewed in time asks again
                    thread.renew()
                    thread.beat()

    def _watch(self) -> None:
        try:
            while not self._ending.is_set():
                if self._changes.wait(_CHANGES_SECONDS):
                    for thread in self._threads:
                        thread.wake()
        finally:
            self._changes.close()

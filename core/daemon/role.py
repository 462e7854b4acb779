"""What one thread of the daemon does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from core.records.claim import Claim


class Role(ABC):
    """What one thread of the daemon does, while this daemon has the role's claim.

    Attributes:
        wake: asks for a turn at once; called by any thread. The daemon sets it.
    """

    daemon_type: ClassVar[str]
    wake: Callable[[], None] = staticmethod(lambda: None)

    @abstractmethod
    def turn(self, claim: Claim) -> float:
        """Does what is due.

        Args:
            claim: to the role; whoever has taken it over since does it instead.

        Returns:
            After how many seconds it wants its next turn at the latest; it also gets one when something may have
            changed.

        Raises:
            Exception: something was not done. It is recorded in the daemon's heartbeat, and the role goes on.
        """

    def take_errors(self) -> Sequence[Exception]:
        """What went wrong beside its turns since this was asked last."""
        return ()

    def close(self) -> None:  # noqa: B027  most have nothing to end
        """Ends what it has under way; it gets no more turns."""

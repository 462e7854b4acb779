"""Claims in the memory of this process, with a clock that can be set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.records.claim import Claim


@dataclass
class _Held:
    owner: str | None = None
    number: int = 0
    expires_at: float | None = None


class ClaimsInMemory:
    """Who holds what. The caller has a lock.

    Args:
        now: the time, in seconds of Unix time.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._held: dict[str, _Held] = {}

    def take(self, key: str, owner: str, seconds: float) -> Claim:
        """Takes it over, whoever has it."""
        held = self._held.setdefault(key, _Held())
        held.owner, held.number, held.expires_at = owner, held.number + 1, self._now() + seconds
        return Claim(key, owner, held.number)

    def get(self, key: str) -> Claim | None:
        """The claim to it, expired or not."""
        held = self._held.get(key)
        if held is None or held.owner is None or held.expires_at is None:
            return None
        return Claim(key, held.owner, held.number)

    def expires_at(self, key: str) -> float | None:
        """When the claim to it expires; None where nobody has it."""
        held = self._held.get(key)
        return None if held is None else held.expires_at

    def has_expired(self, key: str) -> bool:
        """Whether somebody had it who has not renewed the claim in time."""
        expires_at = self.expires_at(key)
        return expires_at is not None and expires_at <= self._now()

    def is_current(self, claim: Claim) -> bool:
        """Whether nobody has taken it over since, nor has it been given back."""
        found = self.get(claim.key)
        return found is not None and found.number == claim.number

    def is_good(self, claim: Claim) -> bool:
        """Whether it is current, and has not expired."""
        return self.is_current(claim) and not self.has_expired(claim.key)

    def number(self, key: str) -> int:
        """How often it was taken."""
        return self._held[key].number if key in self._held else 0

    def renew(self, claim: Claim, seconds: float) -> bool:
        """Makes a claim good from now on; False where it is not current."""
        if not self.is_current(claim):
            return False
        self._held[claim.key].expires_at = self._now() + seconds
        return True

    def release(self, key: str) -> None:
        """Nobody has it any more."""
        held = self._held.get(key)
        if held is not None:
            held.owner = held.expires_at = None

    def forget(self, key: str) -> None:
        """It is gone."""
        self._held.pop(key, None)

    def clear(self) -> None:
        """All are gone."""
        self._held.clear()

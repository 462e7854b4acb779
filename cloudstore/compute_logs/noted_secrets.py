"""The secrets of a run, noted on the disk without being there."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection, Mapping

import msgspec

from core.config import Secret


class NotedSecrets(msgspec.Struct, frozen=True):
    """Which secrets are masked in the logs of a run, for whoever ships those logs if the run's process is killed.

    A secret that came from the environment is noted by its variable's name and a salted hash: it is taken from the
    environment again, and known to be the same. Of one that was written out in the config there is the hash alone: it
    may be in any variable.

    Attributes:
        salt: makes the hashes unlike those of other runs.
        hashes: of the values of environment variables, by their names.
        written_out: the hashes of what was written out.
        texts: what was written out, in notes of release 0.2.
    """

    salt: str
    hashes: dict[str, str]
    written_out: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @classmethod
    def of(cls, masked: Collection[Secret], environment: Mapping[str, str] = os.environ) -> NotedSecrets:
        """The note of some secrets."""
        salt = secrets.token_hex(16)
        # The value as the variable has it comes last, and is noted: it may have been read as a number that is spelled
        # otherwise, and then both are masked.
        ordered = sorted(masked, key=lambda each: each.value == environment.get(each.variable or ""))
        hashes = {each.variable: _hash(salt, each.value) for each in ordered if each.variable}
        return cls(salt, hashes, tuple(sorted({_hash(salt, each.value) for each in masked if not each.variable})))

    def values(self, environment: Mapping[str, str] = os.environ) -> list[str] | None:
        """The secrets; None where the environment lacks one of them, or has another value for it."""
        found = {name: environment.get(name, "") for name in self.hashes}
        if any(_hash(self.salt, found[name]) != noted for name, noted in self.hashes.items()):
            return None
        known = {_hash(self.salt, value): value for value in environment.values()} if self.written_out else {}
        if any(noted not in known for noted in self.written_out):
            return None
        return [*self.texts, *(known[noted] for noted in self.written_out), *found.values()]


def _hash(salt: str, value: str) -> str:
    return hashlib.sha256(f"{salt}{value}".encode("utf-8", "surrogatepass")).hexdigest()

"""Secrets that must not be shipped, noted so that they are not on the disk because of that."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection, Mapping

import msgspec

from core.config import Secret


class HiddenTexts(msgspec.Struct, frozen=True):
    """The secrets of a run, as they are noted on the disk for whoever ships its logs if its process is killed.

    What came from the environment is noted by its name and a salted hash: it is taken from the environment again, and
    known to be the same. What was written out in the config is noted as it is, as the run's record has it too.

    Attributes:
        salt: makes the hashes unlike those of others.
        hashes: of the values of environment variables, by their names.
        texts: what was written out.
    """

    salt: str
    hashes: dict[str, str]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, hidden: Collection[Secret], environment: Mapping[str, str] = os.environ) -> HiddenTexts:
        """The note of secrets."""
        salt = secrets.token_hex(16)
        # One of a variable is hidden as it stands there too, where it was read as a number that is spelled otherwise.
        ordered = sorted(hidden, key=lambda each: each.value == environment.get(each.variable or ""))
        hashes = {each.variable: _hash(salt, each.value) for each in ordered if each.variable}
        return cls(salt, hashes, tuple(sorted({each.value for each in hidden if not each.variable})))

    def values(self, environment: Mapping[str, str] = os.environ) -> list[str] | None:
        """The secrets; None where the environment does not have one of them as it was."""
        found = {name: environment.get(name, "") for name in self.hashes}
        if any(_hash(self.salt, found[name]) != noted for name, noted in self.hashes.items()):
            return None
        return [*self.texts, *found.values()]


def _hash(salt: str, value: str) -> str:
    return hashlib.sha256(f"{salt}{value}".encode("utf-8", "surrogatepass")).hexdigest()

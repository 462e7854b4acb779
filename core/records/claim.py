"""Who answers for a run, or for a task that one process at a time has."""

from __future__ import annotations

import uuid

import msgspec

CLAIM_SECONDS = 30.0
"""How long a claim is good for after it was renewed last."""

RENEWAL_SECONDS = 3.0
"""How often the process that holds a claim renews it."""

OFFERED = ""
"""The owner of a run that is launched, until the process that is to execute it answers for it."""


class Claim(msgspec.Struct, frozen=True):
    """A process answers for a run, or has a role of the daemon, until its claim expires.

    A claim expires by the clock of its database. What holds it renews it; another may take the run or role over when it
    has expired. The number grows then, so that whoever comes back late, with a smaller one, changes nothing any more.

    Attributes:
        key: the id of the run, or the name of the role.
        owner: who holds it; one that no other process has, or OFFERED.
        number: grows each time that another takes over.

    Example:
        >>> from core.records.claim import Claim
        >>> Claim("5c1f2a", "host-1", number=2).number
        2
    """

    key: str
    owner: str
    number: int


def make_new_owner() -> str:
    """An owner that no other process is."""
    return str(uuid.uuid4())

"""What a run and the workers of its cluster tell each other."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from core.compute_logs.names import ComputeIOType
from core.executors.backend import Told

RunOnCluster = tuple[str, int, dict[str, str], bytes]
"""What workers are told of a run, as any worker can read it, whatever version of this package it has: the name of the
run on the cluster; how often more had become known of its plan before; what must be the same here and there; `Setup`.
"""


class Output(msgspec.Struct, frozen=True):
    """A piece of what a step has printed.

    Attributes:
        io_type: to which stream.
        content: the piece, which comes after all pieces that were told before.
    """

    io_type: ComputeIOType
    content: bytes


class Unable(msgspec.Struct, frozen=True):
    """That no step of the run can be executed, or no other one.

    Attributes:
        why: a sentence.
    """

    why: str


class Made(msgspec.Struct, frozen=True):
    """How much a step has stored.

    Attributes:
        count: of bytes.
    """

    count: int


class OnWorker(NamedTuple):
    """An attempt has begun.

    Attributes:
        address: of the worker.
    """

    address: str


ToldByWorker = Told | Output | Made | Unable
"""Of an attempt, or of the worker itself."""

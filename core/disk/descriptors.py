"""Descriptors of ours, out of the way of code that closes those which programs usually have."""

from __future__ import annotations

import fcntl
import os
import resource

_FIRST = 200


def duplicate_out_of_the_way(descriptor: int) -> int:
    """Another descriptor of the same file, 200 or above where so many are allowed; other programs do not inherit it."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = _FIRST if most == resource.RLIM_INFINITY else max(0, min(_FIRST, most - 16))
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, first)


def move_out_of_the_way(descriptor: int) -> int:
    """As `duplicate_out_of_the_way`, and the old one is closed."""
    try:
        return duplicate_out_of_the_way(descriptor)
    finally:
        os.close(descriptor)

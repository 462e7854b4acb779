"""Ages and sizes, as types of command line options."""

from __future__ import annotations

import re
from datetime import timedelta

import click

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?) *([a-z]*)")
_UNITS_OF_AGE = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_UNITS_OF_SIZE = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtp", start=1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtp", start=1)},
}
_LONGEST = timedelta(weeks=52_000)  # so that `now - age` is a valid datetime


def age(text: str) -> timedelta:
    """An age such as `30d`."""
    found = _QUANTITY.fullmatch(text.strip().lower())
    if found is None or found[2] not in _UNITS_OF_AGE:
        raise click.BadParameter(f"{text!r} is not an age; write a number with min, h, d or w, such as 12h or 30d.")
    number, unit = float(found[1]), _UNITS_OF_AGE[found[2]]
    return min(number, _LONGEST / unit) * unit


def size(text: str) -> int:
    """A number of bytes such as `10GB` (10 * 10^9) or `10GiB` (10 * 2^30)."""
    found = _QUANTITY.fullmatch(text.strip().lower())
    if found is None or found[2] not in _UNITS_OF_SIZE:
        raise click.BadParameter(
            f"{text!r} is not a size; write a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB."
        )
    number, bytes_each = float(found[1]), _UNITS_OF_SIZE[found[2]]
    return int(min(number, 1e30) * bytes_each)

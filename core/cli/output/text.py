"""Numbers and names as people read them in a terminal."""

from __future__ import annotations

SHORT_ID = 8
"""Characters of a run id or version that a table shows: enough to tell them apart, and options accept a prefix."""


def human_bytes(count: int) -> str:
    """A number of bytes, such as "0 B", "12.3 KiB" or "4.0 MiB"."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{int(size)} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def dollars(amount: float) -> str:
    """An amount of money; less than a hundredth of a cent is not rounded to nothing."""
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.6f}".rstrip("0").ljust(len("$0.00"), "0")

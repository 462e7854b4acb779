"""Errors of evaluations and of threads: what ticks keep of them, and which of them a turn raises."""

from __future__ import annotations

from collections.abc import Sequence

from core.serdes import SerializableErrorInfo, error_info


def raise_first(errors: Sequence[Exception]) -> None:
    """Raises the first of them, if there is one."""
    for error in errors:
        raise error


def info_of(error: Exception) -> SerializableErrorInfo:
    """What is stored of an error: what was asked of which code, with what the user's code raised as its cause."""
    raised: SerializableErrorInfo | None = getattr(error, "serializable_error_info", None)
    if raised is None:
        return error_info(error)
    return SerializableErrorInfo(f"{type(error).__name__}: {error}\n", (), type(error).__name__, raised)

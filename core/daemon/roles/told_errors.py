"""What ticks and backfills keep of errors."""

from __future__ import annotations

from core.serdes import SerializableErrorInfo, error_info


def info_of(error: Exception) -> SerializableErrorInfo:
    """What is stored of an error: what was asked of which code, with what the user's code raised as its cause."""
    raised: SerializableErrorInfo | None = getattr(error, "serializable_error_info", None)
    if raised is None:
        return error_info(error)
    return SerializableErrorInfo(f"{type(error).__name__}: {error}\n", (), type(error).__name__, raised)

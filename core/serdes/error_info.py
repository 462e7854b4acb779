"""Exceptions as records, so that an error can be stored and shown elsewhere."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import TracebackType

import msgspec

from core.errors import DagsterUserCodeExecutionError

_OWN_FOLDERS = tuple(str(Path(__file__).parents[2] / package) + os.sep for package in ("core", "cloudstore"))


class SerializableErrorInfo(msgspec.Struct, frozen=True):
    """An exception as it was raised.

    Attributes:
        message: "ClassName: text", as at the end of a traceback; notes follow on lines of their own.
        stack: the formatted frames, outermost first; of the user's own code only, where the user's code failed.
        cls_name: the class of the exception.
        cause: the exception it was raised from.
    """

    message: str
    stack: tuple[str, ...]
    cls_name: str | None = None
    cause: SerializableErrorInfo | None = None

    def to_string(self) -> str:
        """The traceback as text, the cause first as Python prints it."""
        own = "".join(self.stack) + self.message
        if self.cause is None:
            return own
        return f"{self.cause.to_string()}\n\nThe above exception was the cause of this one:\n\n{own}"


def error_info(error: BaseException) -> SerializableErrorInfo:
    """`error` as a record. Frames of this package are left out where frames of other code remain."""
    return _info(error, frozenset())


def _info(error: BaseException, effects: frozenset[int]) -> SerializableErrorInfo:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    seen = effects | {id(error)}  # two exceptions can be raised from each other
    return SerializableErrorInfo(
        message="".join(traceback.format_exception_only(error)).strip(),
        # Where user code raised, the cause says where; the frames of the error around it are ours.
        stack=() if isinstance(error, DagsterUserCodeExecutionError) else tuple(_frames(error.__traceback__)),
        cls_name=type(error).__name__,
        cause=_info(cause, seen) if cause is not None and id(cause) not in seen else None,
    )


def user_traceback(error: BaseException) -> str:
    """The traceback of the user's own code alone, as Python would print it."""
    frames = traceback.format_list(_foreign(traceback.extract_tb(error.__traceback__)))
    return "".join(frames) + "".join(traceback.format_exception_only(error)).rstrip()


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)
    return traceback.format_list(_foreign(frames) or frames)


def _foreign(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    return [frame for frame in frames if not frame.filename.startswith((*_OWN_FOLDERS, "<frozen importlib"))]

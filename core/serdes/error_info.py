"""Exceptions as records, so that an error can be stored and shown elsewhere."""

from __future__ import annotations

import contextlib
import os
import sysconfig
import traceback
from pathlib import Path

import msgspec

from core.errors import DagsterError, DagsterUserCodeExecutionError

_OWN_FOLDERS = tuple(str(Path(__file__).parents[2] / package) + os.sep for package in ("core", "cloudstore"))
_NOT_THE_USERS = (*_OWN_FOLDERS, contextlib.__file__, "<frozen importlib")
_LIBRARY_FOLDERS = tuple(sysconfig.get_path(kind) + os.sep for kind in ("stdlib", "purelib", "platlib"))


class SerializableErrorInfo(msgspec.Struct, frozen=True):
    """An exception as it was raised.

    Attributes:
        message: "ClassName: text", as at the end of a traceback; notes follow on lines of their own.
        stack: the formatted frames that tell the user where to look, outermost first; may be none.
        cls_name: the class of the exception.
        cause: the exception it was raised from.

    Example:
        >>> from core.serdes import error_info
        >>> try:
        ...     {}["rows"]
        ... except KeyError as error:
        ...     info = error_info(error)
        >>> info.cls_name, info.message
        ('KeyError', "KeyError: 'rows'")
    """

    message: str
    stack: tuple[str, ...]
    cls_name: str | None = None
    cause: SerializableErrorInfo | None = None

    def to_string(self) -> str:
        """The tracebacks of the user's own code as text, the cause first as Python prints it; else the message."""
        shown = [] if self.cause is None else [self.cause.to_string()] * self.cause._has_stack
        if self.stack or not shown:
            shown.append("".join(self.stack) + self.message)
        return "\n\nThe above exception was the cause of this one:\n\n".join(shown)

    @property
    def _has_stack(self) -> bool:
        return bool(self.stack) or (self.cause is not None and self.cause._has_stack)

    @property
    def traceback(self) -> str | None:
        """str | None: `to_string()` where it shows more than a message."""
        return self.to_string() if self._has_stack else None


def error_info(error: BaseException) -> SerializableErrorInfo:
    """`error` as a record. Frames that say nothing to the user are left out: ours, and those of libraries we called.

    Example:
        >>> from core.serdes import error_info
        >>> try:
        ...     try:
        ...         1 / 0
        ...     except ZeroDivisionError as error:
        ...         raise ValueError("no rows") from error
        ... except ValueError as error:
        ...     info = error_info(error)
        >>> info.message, info.cause.message
        ('ValueError: no rows', 'ZeroDivisionError: division by zero')
    """
    return _info(error, frozenset(), None)


def _info(error: BaseException, effects: frozenset[int], around: DagsterError | None) -> SerializableErrorInfo:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    seen = effects | {id(error)}  # two exceptions can be raised from each other
    nearest = error if isinstance(error, DagsterError) else around
    return SerializableErrorInfo(
        message="".join(traceback.format_exception_only(error)).strip(),
        stack=tuple(traceback.format_list(_telling_frames(error, around))),
        cls_name=type(error).__name__,
        cause=_info(cause, seen, nearest) if cause is not None and id(cause) not in seen else None,
    )


def _telling_frames(error: BaseException, around: DagsterError | None) -> list[traceback.FrameSummary]:
    """The frames that tell the user where to look.

    Args:
        error: whose frames.
        around: the nearest error of this package that `error` is a cause of.
    """
    if isinstance(error, DagsterUserCodeExecutionError):
        return []  # its cause is the user's, and says where
    frames = traceback.extract_tb(error.__traceback__)
    foreign = _foreign(frames)
    if around is not None and not isinstance(around, DagsterUserCodeExecutionError):
        return [frame for frame in foreign if not frame.filename.startswith(_LIBRARY_FOLDERS)]
    is_unexpected = around is None and not isinstance(error, DagsterError)
    return list(frames) if is_unexpected and not foreign else foreign


def user_traceback(error: BaseException) -> str:
    """The traceback of the user's own code alone, as Python would print it.

    Example:
        >>> from core.serdes import user_traceback
        >>> try:
        ...     1 / 0
        ... except ZeroDivisionError as error:
        ...     print(user_traceback(error).splitlines()[-1])
        ZeroDivisionError: division by zero
    """
    frames = traceback.format_list(_foreign(traceback.extract_tb(error.__traceback__)))
    return "".join(frames) + "".join(traceback.format_exception_only(error)).rstrip()


def _foreign(frames: list[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    return [frame for frame in frames if not frame.filename.startswith(_NOT_THE_USERS)]

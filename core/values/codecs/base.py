"""What a codec does, and the two ways in which one says no."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import IO, Any, ClassVar

from core.errors import DagsterMissingExtraError, ValueNotKeptError


class Codec(ABC):
    """Values to bytes and back. What comes back equals what was given, and has the same type.

    Attributes:
        name: what outputs choose it by and objects record: at most 64 lower-case ASCII letters, digits, ".", "_", "-".
        content_type: media type of the bytes.

    Example:
        >>> from fractions import Fraction
        >>> from core import Codec, register_codec
        >>> class FractionCodec(Codec):
        ...     name = "fraction"
        ...     content_type = "text/plain"
        ...     def refusal(self, value):
        ...         return None if type(value) is Fraction else f"a {type(value).__name__}"
        ...     def encode(self, value, stream):
        ...         self.check(value)
        ...         stream.write(str(value).encode())
        ...     def decode(self, stream):
        ...         return Fraction(stream.read().decode())
        >>> FractionCodec().check(1.5)
        Traceback (most recent call last):
        core.errors.ValueNotKeptError: Codec 'fraction' does not keep a float. ...
    """

    name: ClassVar[str]
    content_type: ClassVar[str] = "application/octet-stream"

    @abstractmethod
    def encode(self, value: Any, stream: IO[bytes]) -> None:
        """Writes `value` to `stream`, which takes any bytes-like object whole, and need not seek.

        Raises:
            ValueNotKeptError: `refusal` has a reason, and then nothing was written; or pickle has found one.
        """

    @abstractmethod
    def decode(self, stream: IO[bytes]) -> Any:
        """The value that `stream` holds, from its position to its end. The stream need not seek."""

    def refusal(self, value: Any) -> str | None:
        """Which part of `value` does not come back as it is, as the end of "Codec 'x' does not keep ..."; else None."""
        return None

    def check(self, value: Any) -> None:
        """Refuses a value that would not come back as it is.

        Raises:
            ValueNotKeptError: naming the codec and the part of the value.
        """
        reason = self.refusal(value)
        if reason is not None:
            raise self.not_kept(reason)

    def not_kept(self, reason: str) -> ValueNotKeptError:
        """The error that refuses a value, for a reason as `refusal` gives it."""
        return ValueNotKeptError(
            f"Codec {self.name!r} does not keep {reason}. Change the value, or name another codec in the metadata "
            "of the output; 'pickle' keeps nearly everything."
        )


def library(name: str, codec: str) -> Any:
    """A library that is imported when a codec first needs it, because it is heavy and may not be installed.

    Raises:
        DagsterMissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise DagsterMissingExtraError(
            f"Codec {codec!r} needs {package}, which cannot be imported ({error}). Install it: pip install {package}"
        ) from error

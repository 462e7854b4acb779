"""What is said of a stored value that cannot be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import DagsterError, DagsterInvariantViolationError, DagsterObjectNotLoadableError


@contextmanager
def told_where(address: str) -> Iterator[None]:
    """Within the block a value is decoded by its codec; what that raises is told with the value's address.

    Raises:
        DagsterObjectNotLoadableError: decoding raised, or this process does not know the codec. Other errors of ours,
            and of reading, pass unchanged.
    """
    try:
        yield
    except DagsterInvariantViolationError as error:
        raise DagsterObjectNotLoadableError(f"The value at {address} cannot be loaded: {error}") from error
    except (DagsterError, OSError, MemoryError):
        raise
    except Exception as error:  # of a codec or of the value's own code
        raise DagsterObjectNotLoadableError(
            f"The value at {address} cannot be loaded: {type(error).__name__}: {error}. If a class of it was moved, "
            "renamed or changed, bring it back or execute the step that gave the value again (--refresh STEP)."
        ) from error

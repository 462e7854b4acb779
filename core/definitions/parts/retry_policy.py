"""How often, and after which waits, a step that fails is run again."""

from __future__ import annotations

import math
from enum import Enum

import msgspec

from core.errors import DagsterInvalidDefinitionError
from core.events.user_events import LONGEST_WAIT_SECONDS, is_wait
from core.wording import a_kind_of

# As many retries, or doublings, of any delay but the tiniest are more than the longest wait, and yet a finite number.
_MOST_RETRIES, _MOST_DOUBLINGS = 1 << 64, 64


class Backoff(Enum):
    """How the wait grows from one retry to the next.

    LINEAR: `delay`, twice it, three times it.
    EXPONENTIAL: `delay`, three times it, seven times it: `(2 ** retry - 1) * delay`.

    Example:
        >>> from core import Backoff, RetryPolicy
        >>> policy = RetryPolicy(max_retries=3, delay=1, backoff=Backoff.LINEAR)
        >>> [policy.calculate_delay(retry) for retry in (1, 2, 3)]  # in seconds
        [1.0, 2.0, 3.0]
    """

    LINEAR = "LINEAR"
    EXPONENTIAL = "EXPONENTIAL"


class Jitter(Enum):
    """How chance changes a wait, so that steps that failed together do not all come back together.

    FULL: anything between nothing and the whole wait.
    PLUS_MINUS: up to `delay` more or less.

    Example:
        >>> from core import Jitter, RetryPolicy
        >>> policy = RetryPolicy(max_retries=3, delay=10, jitter=Jitter.PLUS_MINUS)
        >>> 0 <= policy.calculate_delay(1) <= 20
        True
    """

    FULL = "FULL"
    PLUS_MINUS = "PLUS_MINUS"


class RetryPolicy(msgspec.Struct, frozen=True):
    """Runs a step that fails again, without a word about it in its function.

    Attributes:
        max_retries: the most attempts after the first one; an int.
        delay: seconds before a retry; none by default.
        backoff: how the wait grows; it stays the same by default.
        jitter: how chance changes it; not at all by default.

    Raises:
        DagsterInvalidDefinitionError: a number is negative or no number, the delay is longer than a year, or there is a
            backoff or jitter without a delay.

    Example:
        >>> from core import Backoff, RetryPolicy, execute_solid, solid
        >>> @solid(retry_policy=RetryPolicy(max_retries=3, delay=0.01, backoff=Backoff.EXPONENTIAL))
        ... def ask_server(context):
        ...     if context.retry_number < 2:  # the server is asleep at first
        ...         raise ConnectionError("nobody answers")
        ...     return "awake"
        >>> execute_solid(ask_server).output_value()
        'awake'
    """

    max_retries: int = 1
    delay: float | None = None
    backoff: Backoff | None = None
    jitter: Jitter | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.max_retries, int) or isinstance(self.max_retries, bool) or self.max_retries < 0:
            raise DagsterInvalidDefinitionError(
                f"max_retries of a RetryPolicy is a whole number, 0 or more; it was {self.max_retries!r}."
            )
        if self.delay is not None and not is_wait(self.delay):
            raise DagsterInvalidDefinitionError(
                f"delay of a RetryPolicy is a number of seconds, from 0 to a year; it was {self.delay!r}."
            )
        for name, given, kind in (("backoff", self.backoff, Backoff), ("jitter", self.jitter, Jitter)):
            if given is not None and not isinstance(given, kind):
                known = " or ".join(f"{kind.__name__}.{each.name}" for each in kind)
                raise DagsterInvalidDefinitionError(f"{name} of a RetryPolicy is {known}; it was {given!r}.")
            if given is not None and self.delay is None:
                raise DagsterInvalidDefinitionError(
                    f"A RetryPolicy with {name} needs a delay that it changes; write RetryPolicy(delay=1.0, ...)."
                )

    def calculate_delay(self, attempt_num: int) -> float:
        """Seconds to wait before a retry, from 0 to a year.

        Args:
            attempt_num: which retry: 1 for the first.
        """
        return calculate_delay(attempt_num, self.backoff, self.jitter, self.delay or 0.0)


def checked_policy(policy: object, described: str) -> RetryPolicy | None:
    """A retry policy, or None; raises DagsterInvalidDefinitionError for anything else.

    Args:
        policy: what was given.
        described: what it was given to, for the message.
    """
    if policy is None or isinstance(policy, RetryPolicy):
        return policy
    raise DagsterInvalidDefinitionError(
        f"retry_policy of {described} must be a RetryPolicy, as RetryPolicy(max_retries=3); it is {a_kind_of(policy)}."
    )


def calculate_delay(attempt_num: int, backoff: Backoff | None, jitter: Jitter | None, base_delay: float) -> float:
    """Seconds to wait before a retry, from 0 to a year.

    Args:
        attempt_num: which retry: 1 for the first.
        backoff: how the wait grows from one retry to the next.
        jitter: how chance changes it.
        base_delay: the wait before the first retry, in seconds.
    """
    import random  # 3 ms to import; few steps fail

    dice = random.SystemRandom()  # of its own: code of users may have seeded the other one, the same in each process
    wait = delay = float(base_delay)
    if backoff is Backoff.LINEAR:
        wait = delay * min(attempt_num, _MOST_RETRIES)
    elif backoff is Backoff.EXPONENTIAL:
        wait = math.ldexp(delay, min(attempt_num, _MOST_DOUBLINGS)) - delay
    wait = min(wait, LONGEST_WAIT_SECONDS)
    if jitter is Jitter.FULL:
        wait = dice.uniform(0.0, wait)
    elif jitter is Jitter.PLUS_MINUS:
        wait += dice.uniform(-delay, delay)
    return min(max(wait, 0.0), LONGEST_WAIT_SECONDS)

"""Attributes that are computed once: also in a child that is forked while another thread computes one."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.cached import cached_property


class Counted:
    """Says how often it was asked to compute."""

    def __init__(self) -> None:
        self.count = 0

    @cached_property
    def value(self) -> int:
        """int: the count."""
        self.count += 1
        return self.count


def test_it_is_computed_once_and_can_be_given_and_forgotten() -> None:
    counted = Counted()
    assert (counted.value, counted.value, counted.count) == (1, 1, 1)
    counted.value = 7  # type: ignore[misc, assignment]  # as of the standard library's
    assert counted.value == 7
    del counted.__dict__["value"]
    assert counted.value == 2
    assert (Counted.value.__doc__, vars(Counted)["value"]) == ("int: the count.", Counted.value)


def test_an_error_is_not_kept() -> None:
    class Fails:
        times = 0

        @cached_property
        def value(self) -> int:
            self.times += 1
            if self.times == 1:
                raise ValueError("not yet")
            return self.times

    fails = Fails()
    with pytest.raises(ValueError, match="not yet"):
        _ = fails.value
    assert fails.value == 2


class Slow:
    """Computes when it may."""

    def __init__(self, barrier: threading.Barrier | None = None) -> None:
        self.computing, self.may_end, self.barrier = threading.Event(), threading.Event(), barrier

    @cached_property
    def value(self) -> object:
        self.computing.set()
        if self.barrier is not None:
            self.barrier.wait()
        else:
            self.may_end.wait()
        return object()


def test_a_forked_child_computes_what_a_thread_of_its_parent_was_computing() -> None:
    slow, other = Slow(), Slow()
    other.may_end.set()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    slow.computing.wait()
    child = os.fork()
    if not child:
        signal.alarm(20)  # kills it
        os._exit(0 if other.value is other.value else 1)
    slow.may_end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_that_come_first_at_once_get_one_value() -> None:
    slow = Slow(threading.Barrier(4))
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(lambda _: slow.value, range(4)))) == 1

"""Calls that wait for a store, made side by side from threads, with their answers in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from core.forks import ending_forked_children

if TYPE_CHECKING:
    from concurrent.futures import Future

    _Task = tuple[Future[Any], Callable[[], Any]]

_LONGEST_START_SECONDS = 5.0


class Call(NamedTuple):
    """A call of a method of an IO manager.

    Attributes:
        called: the IO manager.
        method: the name of the method, of which the IO manager says how many calls it takes at once.
        function: makes the call.
    """

    called: Any
    method: str
    function: Callable[[], Any]


def calls_at_once(called: Any, method: str) -> int:
    """How many calls of a method may be made at once, as `IOManager.calls_at_once` says of that method."""
    at_once: int = called.calls_at_once if says_of(called, "calls_at_once", method) else 1
    return at_once


def says_of(called: object, said: str, method: str) -> bool:
    """Whether what a class says by an attribute is about the method that the object has, or about that of a base."""
    if method in vars(called):
        return False
    for cls in type(called).__mro__:
        if said in vars(cls):
            return True
        if method in vars(cls):
            return False
    return False


def side_by_side(calls: Sequence[Call]) -> AbstractContextManager[list[Callable[[], Any]]]:
    """Begins all calls that may be made in threads.

    Those that may not, and a single one, are made when their answer is asked for. When the block ends, however it does,
    no thread is left: calls that have not begun never are, and those under way are waited for.

    Returns:
        AbstractContextManager: what gives the answer of each call, or raises what it raised; in order.
    """
    if len(calls) > 1:
        at_once = [calls_at_once(call.called, call.method) for call in calls]
        if sum(count > 1 for count in at_once) > 1:
            return _begun(calls, at_once)
    return nullcontext([call.function for call in calls])


@contextmanager
def _begun(calls: Sequence[Call], at_once: Sequence[int]) -> Iterator[list[Callable[[], Any]]]:
    from concurrent.futures import Future  # 2 ms to import; runs on the local disk need none

    queues: dict[int, tuple[int, deque[_Task]]] = {}
    answers: list[Callable[[], Any]] = []
    for call, count in zip(calls, at_once, strict=True):
        if count > 1:
            future: Future[Any] = Future()
            _, queue = queues.setdefault(id(call.called), (count, deque()))
            queue.append((future, call.function))
            answers.append(future.result)
        else:
            answers.append(call.function)
    workers: list[_Worker] = []
    try:
        for count, queue in queues.values():
            for _ in range(min(count, len(queue))):
                workers.append(_Worker(queue))
                workers[-1].start()
        yield answers
    finally:
        for _, queue in queues.values():
            queue.clear()
        for worker in workers:
            worker.finish()


class _Worker(threading.Thread):
    """A thread that makes calls until none is left.

    Those of the standard library's pools may be left behind by a Ctrl-C that comes while they are started.
    """

    def __init__(self, tasks: deque[_Task]) -> None:
        super().__init__(name="side-by-side", daemon=True)
        self._tasks = tasks
        self._has_begun = threading.Event()

    def run(self) -> None:
        self._has_begun.set()
        while True:
            try:
                future, function = self._tasks.popleft()
            except IndexError:
                return
            try:
                with ending_forked_children():  # a child of a call's would go on with the next one, and fork again
                    answer = function()
                future.set_result(answer)
            except BaseException as error:  # noqa: BLE001  raised again where the answer is asked for
                future.set_exception(error)

    def finish(self) -> None:
        """Waits for its end."""
        # Where a Ctrl-C came while it was started, it may not have begun yet; or it never will.
        if self._has_begun.wait(_LONGEST_START_SECONDS):
            self.join()

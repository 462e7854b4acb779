"""Solids that are `async def`: their coroutines are run to the end, their async generators become ordinary ones."""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from core.forks import ending_forked_children

if TYPE_CHECKING:
    import asyncio

_END = object()


def awaited(given: Any) -> Any:
    """What a solid's function gave, without anything asynchronous: a value as it is; of a coroutine, what it returns;
    an async generator as a generator, which is closed when that one is.

    Raises:
        BaseException: what the coroutine raised. It is canceled, and has ended, when waiting for it is interrupted.
    """
    if inspect.iscoroutine(given):
        with _event_loop() as loop:
            given = loop.run(given)
        return awaited(given)
    if inspect.isasyncgen(given):
        return _as_generator(given)
    return given


def _as_generator(given: AsyncGenerator[Any, Any]) -> Generator[Any, None, None]:
    with _event_loop() as loop:
        try:
            while (event := loop.run(_next(given))) is not _END:
                yield event
        finally:
            loop.run(_close(given))


async def _next(given: AsyncGenerator[Any, None]) -> Any:
    return await anext(given, _END)


async def _close(given: AsyncGenerator[Any, None]) -> None:
    await given.aclose()


def _event_loop() -> AbstractContextManager[asyncio.Runner | _LoopInThread]:
    """An event loop of this thread, or of another one where one runs in this thread already, as in a notebook."""
    import asyncio  # lazy: it takes longer to import than all of ours together

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.Runner()
    return _LoopInThread()


class _LoopInThread:
    """An event loop in a thread of its own, as much of an `asyncio.Runner` as is needed."""

    def __enter__(self) -> _LoopInThread:
        import asyncio  # lazy, as in _event_loop

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="async-solid", daemon=True)
        self._thread.start()
        return self

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What the coroutine returns; where waiting for it is interrupted, it is canceled, and waited for."""
        import asyncio  # lazy, as in _event_loop

        future = None
        try:
            future = asyncio.run_coroutine_threadsafe(_ended_in_children(coroutine), self._loop)
            return future.result()
        except BaseException:  # a Ctrl-C too: nothing of the coroutine may go on
            if future is None or not future.done():
                asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
            raise

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.run(_end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _ended_in_children(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns; a child that it forks ends where it comes out of it, since no loop runs there."""
    with ending_forked_children():
        return await coroutine


async def _end_all() -> None:
    import asyncio  # lazy, as in _event_loop

    await _cancel_all()
    await asyncio.get_running_loop().shutdown_asyncgens()
    await asyncio.get_running_loop().shutdown_default_executor()


async def _cancel_all() -> None:
    """Cancels all that an event loop still has to do, once, and waits for its end."""
    import asyncio  # lazy, as in _event_loop

    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)

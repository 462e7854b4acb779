"""What the scheduler of a cluster does for a run: each attempt begins once, and the run hears of lost workers.

It need not have this package: the class is sent to it whole.
"""

from __future__ import annotations

from typing import Any

BEGIN, IS_THERE = "cloudstore_begin", "cloudstore_is_there"
"""What the scheduler is asked: whether an attempt may begin; whether a run is there."""

FORGET_SECONDS = 60.0  # what workers tell of a run later than that after its end is kept by nobody


def watch_of(topic: str, client_id: str) -> Any:
    """A plugin for the scheduler that watches over one run.

    Dask itself executes a task again where its worker was lost; whether a step is run again is for the run to say.

    Args:
        topic: the name of the run on the cluster, under which it is told what happens.
        client_id: of the connection of the run's process; the plugin ends with it.
    """
    from distributed.diagnostics.plugin import SchedulerPlugin

    begin, is_there, forget_seconds = BEGIN, IS_THERE, FORGET_SECONDS

    class Watch(SchedulerPlugin):
        name = topic

        async def start(self, scheduler: Any) -> None:
            self.scheduler = scheduler
            self.begun: dict[str, int] = {}  # keys of attempts, with their numbers
            scheduler.handlers[begin] = _begin_at(scheduler)
            scheduler.handlers[is_there] = _is_there_at(scheduler)

        def may_begin(self, key: str, number: int, worker: str) -> bool:
            if (
                key in self.begun or worker not in self.scheduler.workers
            ):  # of a worker that is lost, this asks too late
                return False
            self.begun[key] = number
            self.scheduler.log_event(topic, ["begun", number, worker])
            return True

        def remove_worker(self, scheduler: Any, worker: str, **_more: Any) -> None:
            scheduler.log_event(topic, ["lost", 0, worker])

        def log_event(self, name: str, _message: Any) -> None:
            if name == topic:
                self.scheduler._broker.truncate(topic)  # it was sent already, and nobody asks for it again

        def remove_client(self, scheduler: Any, client: str) -> None:
            if client == client_id:
                scheduler.remove_plugin(name=topic)
                scheduler.loop.call_later(forget_seconds, scheduler._broker._topics.pop, topic, None)

    def _begin_at(scheduler: Any) -> Any:
        def begin_at(topic: str, key: str, number: int, worker: str) -> bool:
            watch = scheduler.plugins.get(topic)
            return watch is not None and watch.may_begin(key, number, worker)

        return begin_at

    def _is_there_at(scheduler: Any) -> Any:
        def is_there_at(topic: str) -> bool:
            return topic in scheduler.plugins

        return is_there_at

    return Watch()

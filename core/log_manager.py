"""`context.log`: structured messages for the run's loggers and its event log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.events.records import DagsterEvent, EventLogEntry
from core.printable import printable
from core.serdes import SerializableErrorInfo, error_info

EventSink = Callable[[EventLogEntry], None]

DAGSTER_META_KEY = "dagster_meta"


class DagsterLogManager:
    """Dispatches messages of user code and events of the engine, with the context they come from.

    Users get one as `context.log`; `logger_defs` of a ModeDefinition sets the loggers. Each message reaches the
    loggers as a line with its context, and as a dict of its parts under `extra["dagster_meta"]`.

    Args:
        run_id: the run.
        logging_tags: added to every message: `pipeline`, `step_key`, `solid` and the user's own.
        loggers: Python loggers, each with its own level.
        event_sink: stores entries in the run's event log.

    Example:
        >>> from core import DagsterInstance, execute_pipeline, pipeline, solid
        >>> @solid
        ... def load(context):
        ...     context.log.info("3 rows are empty")
        >>> with DagsterInstance.ephemeral() as instance:
        ...     result = execute_pipeline(pipeline(name="loads")(lambda: load()), instance=instance)
        ...     [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]
        ['3 rows are empty']
    """

    def __init__(
        self,
        run_id: str | None,
        logging_tags: Mapping[str, str] | None = None,
        loggers: Sequence[logging.Logger] = (),
        event_sink: EventSink | None = None,
    ) -> None:
        self.run_id = run_id
        self.logging_tags = dict(logging_tags or {})
        self.loggers = tuple(loggers)
        self._event_sink = event_sink

    def with_tags(self, **new_tags: str) -> DagsterLogManager:
        """A log manager for the same run and loggers, with `new_tags` merged into its tags."""
        return DagsterLogManager(self.run_id, {**self.logging_tags, **new_tags}, self.loggers, self._event_sink)

    def store(self, entry: EventLogEntry) -> None:
        """Stores an entry that was logged in another process, where the loggers got it."""
        if self._event_sink is not None:
            self._event_sink(entry)

    def debug(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at `logging.DEBUG`.

        Args:
            msg: the message; its context is added, so it does not have to name the pipeline or the solid.
            args: inserted into the message, as in `logging`: `context.log.info("%d rows", count)`.
            kwargs: key-value pairs for this message only; `exc_info=True` adds the exception being handled.
        """
        self.log(logging.DEBUG, msg, *args, **kwargs)

    def info(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at `logging.INFO`; see `debug`."""
        self.log(logging.INFO, msg, *args, **kwargs)

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at `logging.WARNING`; see `debug`."""
        self.log(logging.WARNING, msg, *args, **kwargs)

    def warn(self, msg: object, *args: object, **kwargs: Any) -> None:
        """The same as `warning`."""
        self.log(logging.WARNING, msg, *args, **kwargs)

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at `logging.ERROR`; see `debug`."""
        self.log(logging.ERROR, msg, *args, **kwargs)

    def critical(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at `logging.CRITICAL`; see `debug`."""
        self.log(logging.CRITICAL, msg, *args, **kwargs)

    def fatal(self, msg: object, *args: object, **kwargs: Any) -> None:
        """The same as `critical`."""
        self.log(logging.CRITICAL, msg, *args, **kwargs)

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at `logging.ERROR`, with the exception being handled; see `debug`."""
        self.log(logging.ERROR, msg, *args, exc_info=True, **kwargs)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Logs at an integer level of the `logging` module; see `debug`."""
        raised = sys.exception() if kwargs.pop("exc_info", False) else None
        message = str(msg) % args if args else str(msg)
        self._dispatch(level, message, kwargs, None, error_info(raised) if raised else None)

    def log_dagster_event(
        self, event: DagsterEvent, error: SerializableErrorInfo | None = None, level: int | None = None
    ) -> None:
        """Records an event, and passes it to the loggers at its level."""
        self._dispatch(event.log_level if level is None else level, event.message or "", {}, event, error)

    def _dispatch(
        self,
        level: int,
        user_message: str,
        extra: dict[str, Any],
        event: DagsterEvent | None,
        error: SerializableErrorInfo | None,
    ) -> None:
        message = self._in_context(user_message, event)
        now = time.time()
        if self._event_sink is not None and self.run_id is not None:
            tags = self.logging_tags
            self._event_sink(
                EventLogEntry(
                    error_info=error,
                    message=message,
                    level=level,
                    user_message=user_message,
                    run_id=self.run_id,
                    timestamp=now,
                    step_key=event.step_key if event else tags.get("step_key"),
                    pipeline_name=event.pipeline_name if event else tags.get("pipeline"),
                    dagster_event=event,
                )
            )
        for logger in self.loggers:
            if logger.isEnabledFor(level):
                shown = f"{message}\n\n{error.traceback}" if error and error.traceback else message
                logger.log(level, shown, extra={DAGSTER_META_KEY: self._meta(user_message, extra, event, now)})

    def _in_context(self, user_message: str, event: DagsterEvent | None) -> str:
        tags = self.logging_tags
        names = [
            tags.get("pipeline", "system"),
            self.run_id or "no run",
            (event.step_key if event else None) or tags.get("step_key"),
            event.event_type_value if event else None,
        ]
        context = printable(" - ".join([name for name in names if name]))
        return f"{context} - {user_message}" if user_message else context

    def _meta(self, user_message: str, extra: dict[str, Any], event: DagsterEvent | None, now: float) -> dict[str, Any]:
        return {
            **self.logging_tags,
            **extra,
            "run_id": self.run_id,
            "orig_message": user_message,
            "log_timestamp": now,
            "dagster_event": event,
        }


def log_outside_run(**tags: str) -> DagsterLogManager:
    """Logs of code that is called outside a run: to Python's logger "dagster", where pytest's `caplog` finds them."""
    return DagsterLogManager(None, tags, [logging.getLogger("dagster")])

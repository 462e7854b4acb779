"""Loggers as definitions, and the ones that come with the package."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, overload

import msgspec

from core.arguments import checked_arguments
from core.config import Field
from core.definitions.calls.context_argument import only_context
from core.definitions.parts.configurable import ConfigSchema, ConfigurableDefinition, known_as
from core.definitions.run_configs.environment import IPipeline
from core.errors import DagsterInvalidDefinitionError, DagsterInvalidInvocationError
from core.log_manager import DAGSTER_META_KEY
from core.printable import printable_lines

LOGGER_CONFIG = {
    "log_level": Field(str, default_value="INFO", description="The lowest level that is shown."),
    "name": Field(str, default_value="dagster", description="The name of the Python logger."),
}


class InitLoggerContext(msgspec.Struct, frozen=True):
    """What a logger function is told.

    Attributes:
        logger_config: the logger's config.
        logger_def: its definition.
        pipeline_def: the pipeline.
        run_id: the run.

    Example:
        >>> import logging
        >>> from core import InitLoggerContext, build_init_logger_context, logger
        >>> @logger({"level": str})
        ... def named_logger(init_context: InitLoggerContext):
        ...     return logging.Logger(f"run {init_context.run_id}", init_context.logger_config["level"])
        >>> named_logger(build_init_logger_context({"level": "INFO"}))
        <Logger run None (INFO)>
    """

    logger_config: Any
    logger_def: LoggerDefinition | None = None
    pipeline_def: IPipeline | None = None
    run_id: str | None = None


LoggerFn = Callable[[InitLoggerContext], logging.Logger]


class LoggerDefinition(ConfigurableDefinition):
    """A logger that a mode offers.

    Args:
        logger_fn: makes a `logging.Logger` from an InitLoggerContext.
        config_schema: of `init_context.logger_config`.
        description: for people.

    Example:
        >>> import logging
        >>> from core import LoggerDefinition, ModeDefinition
        >>> def to_file(init_context):
        ...     made = logging.Logger("runs", init_context.logger_config["level"])
        ...     made.addHandler(logging.FileHandler(init_context.logger_config["path"]))
        ...     return made
        >>> file_logger = LoggerDefinition(to_file, {"path": str, "level": str})
        >>> mode = ModeDefinition(logger_defs={"file": file_logger})
    """

    is_named = False

    @checked_arguments("a logger")
    def __init__(
        self, logger_fn: LoggerFn, config_schema: ConfigSchema | None = None, description: str | None = None
    ) -> None:
        super().__init__(getattr(logger_fn, "__name__", None), config_schema, description, "logger")
        self.logger_fn = logger_fn

    def create(self, init_context: InitLoggerContext) -> logging.Logger:
        """Makes the logger; raises DagsterInvalidDefinitionError when the function made something else."""
        made = self.logger_fn(init_context)
        if not isinstance(made, logging.Logger):
            raise DagsterInvalidDefinitionError(f"Logger {self._name!r} must return a logging.Logger, got {made!r}.")
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> logging.Logger:
        """Makes the logger outside a run, for tests: `my_logger(build_init_logger_context({"name": "mine"}))`.

        Raises:
            DagsterInvalidInvocationError: it was called without a context; it may be None.
            DagsterInvalidConfigError: the context's config does not satisfy the schema.
        """
        described, builder = f"Logger {self.name!r}", "build_init_logger_context"
        given = only_context(described, "init_context", builder, InitLoggerContext, args, kwargs)
        context = given or InitLoggerContext(None)
        if context.logger_def is not None:  # that of another logger, in whose function this one is called
            return self.create(context)
        config = self.resolved_config(context.logger_config, "build_init_logger_context(logger_config=...)")
        return self.create(InitLoggerContext(config, self, context.pipeline_def, context.run_id))


@checked_arguments("build_init_logger_context", DagsterInvalidInvocationError)
def build_init_logger_context(logger_config: Any = None, pipeline_def: IPipeline | None = None) -> InitLoggerContext:
    """An InitLoggerContext to call a logger definition with, outside a run.



    Args:
        logger_config: of the logger; checked against its schema when the logger is called.
        pipeline_def: the pipeline, for functions that ask for it.

    Example:
        >>> from core import build_init_logger_context, colored_console_logger
        >>> made = colored_console_logger(build_init_logger_context({"log_level": "ERROR"}))
        >>> made.level
        40
    """
    return InitLoggerContext(logger_config, None, pipeline_def)


@overload
def logger(config_schema: LoggerFn) -> LoggerDefinition: ...
@overload
def logger(
    config_schema: ConfigSchema = None, description: str | None = None
) -> Callable[[LoggerFn], LoggerDefinition]: ...
def logger(config_schema: Any = None, description: str | None = None) -> Any:
    """Decorator: a function that makes a `logging.Logger` becomes a LoggerDefinition. With or without arguments.

    Example:
        >>> import logging
        >>> from core import build_init_logger_context, logger
        >>> @logger({"level": str})
        ... def quiet(init_context):
        ...     return logging.Logger("quiet", init_context.logger_config["level"])
        >>> quiet(build_init_logger_context({"level": "ERROR"}))
        <Logger quiet (ERROR)>
    """
    if callable(config_schema) and not isinstance(config_schema, type):
        return logger()(config_schema)

    def make(logger_fn: LoggerFn) -> LoggerDefinition:
        made = LoggerDefinition(logger_fn, config_schema, description or logger_fn.__doc__)
        known_as(made, logger_fn)
        return made

    return make


class _CurrentStderr(logging.StreamHandler[Any]):
    """Writes to what `sys.stderr` is at the time, so that messages of a step are in its compute log."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = getattr(sys, "stderr", None)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """A step that has closed `sys.stderr`, or put something else there, does not fail for a message."""
        with suppress(OSError):
            os.write(2, f"{self.format(record)}\n".encode(errors="backslashreplace"))


class _FailuresShown:
    """Whether whoever shows a run shows its failures too, so that lines on the console would repeat them."""

    is_on = False


@contextmanager
def showing_failures() -> Iterator[None]:
    """Within the block, `colored_console_logger` leaves the failures of steps and runs to the caller."""
    before, _FailuresShown.is_on = _FailuresShown.is_on, True
    try:
        yield
    finally:
        _FailuresShown.is_on = before


def _is_not_shown(record: logging.LogRecord) -> bool:
    event = getattr(record, DAGSTER_META_KEY, {}).get("dagster_event")
    return not (_FailuresShown.is_on and event is not None and event.is_failure)


class _ColoredFormatter(logging.Formatter):
    _COLORS: ClassVar = {logging.WARNING: "\033[33m", logging.ERROR: "\033[31m", logging.CRITICAL: "\033[31;1m"}

    def format(self, record: logging.LogRecord) -> str:
        line = printable_lines(super().format(record))
        color = self._COLORS.get(record.levelno)
        return f"{color}{line}\033[0m" if color and _is_on_terminal() else line


def _is_on_terminal() -> bool:
    with suppress(Exception):  # a step may have closed it, or put something else there
        return sys.stderr.isatty()
    return False


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        import json  # 2 ms to import; few runs log JSON

        meta = dict(getattr(record, DAGSTER_META_KEY, {}))
        event = meta.pop("dagster_event", None)
        meta["event_type"] = event.event_type_value if event else None
        return json.dumps({"level": record.levelname, "message": record.getMessage(), **meta}, default=str).replace(
            "\x7f", "\\u007f"
        )


def _logger(config: dict[str, Any], formatter: logging.Formatter) -> logging.Logger:
    # A logger of its own, not one of the process-wide registry: runs with other levels must not disturb each other.
    made = logging.Logger(config["name"])
    try:
        made.setLevel(config["log_level"].upper())
    except ValueError:
        known = ", ".join(logging.getLevelNamesMapping())
        raise DagsterInvalidDefinitionError(f"Unknown log level {config['log_level']!r}. Known: {known}.") from None
    handler = _CurrentStderr()
    handler.setFormatter(formatter)
    made.addHandler(handler)
    return made


@logger(LOGGER_CONFIG)
def colored_console_logger(init_context: InitLoggerContext) -> logging.Logger:
    """Lines on stderr, coloured on a terminal where they warn.

    Example:
        >>> from core import ModeDefinition, colored_console_logger, execute_pipeline, pipeline, solid
        >>> greet = solid(name="greet")(lambda context: context.log.debug("hello"))
        >>> @pipeline(mode_defs=[ModeDefinition(logger_defs={"console": colored_console_logger})])
        ... def greetings():
        ...     greet()
        >>> execute_pipeline(greetings, {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}).success
        True
    """
    line_format = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
    made = _logger(init_context.logger_config, _ColoredFormatter(line_format))
    made.addFilter(_is_not_shown)
    return made


@logger(LOGGER_CONFIG)
def json_console_logger(init_context: InitLoggerContext) -> logging.Logger:
    """One JSON object a line on stderr.

    Example:
        >>> from core import ModeDefinition, execute_pipeline, json_console_logger, pipeline, solid
        >>> greet = solid(name="greet")(lambda context: context.log.info("hello"))
        >>> @pipeline(mode_defs=[ModeDefinition(logger_defs={"json": json_console_logger})])
        ... def greetings():
        ...     greet()
        >>> execute_pipeline(greetings, {"loggers": {"json": {"config": {"log_level": "INFO"}}}}).success
        True
    """
    return _logger(init_context.logger_config, _JsonFormatter())


DEFAULT_LOGGERS: dict[str, LoggerDefinition] = {"console": colored_console_logger}

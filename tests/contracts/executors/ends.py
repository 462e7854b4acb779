"""Pipelines that end in every way, with resources that tell when they start and stop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import (
    Failure,
    Field,
    InitLoggerContext,
    InputDefinition,
    Nothing,
    RetryRequested,
    execute_pipeline,
    fs_io_manager,
    lambda_solid,
    logger,
    pipeline,
    resource,
    solid,
    success_hook,
)
from tests.contracts.executors.modes import mode


class OwnError(Exception):
    """With more than a message."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> Any:
        return _own_error, (str(self), self.code)


def _own_error(message: str, code: int) -> OwnError:
    return OwnError(message, code=code)


class BoundError(Exception):
    """That stays in its process: made again of its arguments it is none."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


def _raise(kind: str) -> None:
    match kind:
        case "own":
            raise OwnError("as the user raised it", code=5)
        case "bound":
            raise BoundError("cannot leave", code=6)
        case "local":
            raise type("Local", (ValueError,), {})("of no module")
        case "failure":
            raise Failure("on purpose")
        case "stop":
            raise StopIteration(7)
        case "exit":
            sys.exit(3)
        case "interrupt":
            raise KeyboardInterrupt
        case "group":
            raise ExceptionGroup("several", [ValueError("one"), OwnError("two", code=2)])


# The end of a step, and of the run


@solid(config_schema=str)
def raises(context: Any) -> int:
    _raise(context.solid_config)
    return 1


@solid
def after(number: int) -> int:
    return number


@pipeline(mode_defs=[mode(resource_defs={"io_manager": fs_io_manager})])
def ending() -> None:
    after(raises())


# Resources


def _note(context: Any, what: str) -> None:
    with Path(context.resource_config["notes"]).open("a") as notes:
        notes.write(f"{what}\n")


NOTING = {"notes": str, "raises_at": Field(str, default_value=""), "kind": Field(str, default_value="own")}


@resource(config_schema=NOTING)
def below(context: Any) -> Iterator[str]:
    _note(context, "below starts")
    yield "below"
    _note(context, "below stops")


@resource(config_schema=NOTING, required_resource_keys={"below"})
def above(context: Any) -> Iterator[str]:
    if context.resource_config["raises_at"] == "start":
        _raise(context.resource_config["kind"])
    _note(context, "above starts")
    try:
        yield f"above {context.resources.below}"
    finally:
        _note(context, "above stops")
        if context.resource_config["raises_at"] == "stop":
            _raise(context.resource_config["kind"])


@solid(required_resource_keys={"above"}, config_schema=Field(str, default_value=""))
def uses(context: Any) -> str:
    _raise(context.solid_config)
    return f"{context.resources.above} is used"


@solid(input_defs=[InputDefinition("start", Nothing)])
def comes_last(_context: Any) -> int:
    return 1


@pipeline(
    mode_defs=[mode(resource_defs={"above": above, "below": below, "io_manager": fs_io_manager})],
)
def with_resources() -> None:
    comes_last(uses())


# Loggers that raise


class RaisingLogger(logging.Logger):
    def __init__(self, word: str) -> None:
        super().__init__("raising")
        self._word = word

    def log(self, _level: int, msg: object, *_args: object, **_more: Any) -> None:  # type: ignore[override]
        if self._word in str(msg):
            raise OwnError("the logger is full", code=8)


@logger(config_schema=str)
def raising_logger(context: InitLoggerContext) -> logging.Logger:
    return RaisingLogger(context.logger_config)


@lambda_solid
def one() -> int:
    return 1


@pipeline(mode_defs=[mode(logger_defs={"raising": raising_logger}, resource_defs={"io_manager": fs_io_manager})])
def logged() -> None:
    after(one())


# Order


def _named(name: str, priority: int) -> Any:
    return solid(name=name, tags={"dagster/priority": str(priority)})(lambda _: name)


@solid(tags={"dagster/priority": "100"})
def waits(context: Any) -> int:
    if not context.retry_number:
        raise RetryRequested(seconds_to_wait=0.5)
    return context.retry_number


PRIORITIES = {"low": -1, "middle": 0, "high": 3, "higher": 20, "equal": 3}


@pipeline(mode_defs=[mode(resource_defs={"io_manager": fs_io_manager})])
def in_order() -> None:
    for name, priority in PRIORITIES.items():
        _named(name, priority)()
    waits()


# Runs in runs, and side by side


@success_hook
def done(context: Any) -> None:
    context.log.info("done")


@solid(config_schema=Field(str, default_value=""))
def nested(context: Any) -> list:
    inner = execute_pipeline(
        ending,
        {"solids": {"raises": {"config": context.solid_config}}},
        instance=context.instance,
        raise_on_error=False,
    )
    return [inner.run_id, inner.success, inner.output_for_solid("after") if inner.success else None]


@done
@pipeline(mode_defs=[mode(resource_defs={"io_manager": fs_io_manager})])
def nesting() -> None:
    nested()


@solid(config_schema=int)
def starts_at(context: Any) -> int:
    return context.solid_config


@pipeline(mode_defs=[mode(resource_defs={"io_manager": fs_io_manager})])
def chain() -> None:
    number = starts_at()
    for place in range(4):
        number = after.alias(f"after_{place}")(number)

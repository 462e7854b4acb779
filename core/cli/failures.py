"""How commands fail: one clear message on stderr, preceded by a traceback if the user's own code failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

import click

from core.cli.output.terminal import say
from core.config import ConfigFault
from core.config.faults import MISSING
from core.definitions.pipeline import PipelineDefinition
from core.errors import (
    DagsterError,
    DagsterInvalidConfigError,
    DagsterTerminatedError,
    DagsterUserCodeExecutionError,
    DagsterUserCodeProcessError,
)
from core.execution.broken_off import exit_code, what_ended
from core.forks import INTERRUPTED_EXIT_CODE
from core.serdes import user_traceback


@contextmanager
def clear_failures(
    placed: Callable[[Sequence[ConfigFault]], Sequence[ConfigFault]] = lambda faults: faults,
) -> Iterator[None]:
    """Within the block, an error of this package ends the command with its message and exit code 1.

    Args:
        placed: says of faults of the config where, and how, they are written.
    """
    try:
        yield
    except DagsterUserCodeExecutionError as error:
        say(user_traceback(error.user_exception), err=True)
        raise click.ClickException(str(error)) from error
    except DagsterInvalidConfigError as error:
        told = error.told(placed) if error.errors else str(error)
        raise click.ClickException("\n".join([told, *getattr(error, "__notes__", ())])) from error
    except DagsterUserCodeProcessError as error:
        info = error.serializable_error_info
        if info is not None and info.traceback:
            say(info.traceback, err=True)
        raise click.ClickException(str(error)) from error
    except DagsterError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        _end("Interrupted.", INTERRUPTED_EXIT_CODE)
    except DagsterTerminatedError as error:
        _end(f"Ended by {error}.", exit_code(error))
    except SystemExit as error:  # of the user's code: click's own is of another class
        called = error.__cause__ if isinstance(error.__cause__, SystemExit) else error
        say(user_traceback(called), err=True)
        raise click.ClickException(f"Code of yours called {what_ended(called)}.") from error


@contextmanager
def advising_presets(pipeline: PipelineDefinition, preset: str | None) -> Iterator[None]:
    """Within the block, config that is missing in a run without a preset is told with the presets that there are."""
    try:
        yield
    except DagsterInvalidConfigError as error:
        names = [each.name for each in pipeline.preset_defs]
        if names and preset is None and any(MISSING in fault.message for fault in error.errors):
            error.add_note(f"Pipeline {pipeline.name!r} has presets of config: {', '.join(names)}. Add -p {names[0]}.")
        raise


def _end(message: str, code: int) -> NoReturn:
    with suppress(OSError):  # the terminal is gone, and so is this process
        say(message, err=True)
    raise click.exceptions.Exit(code) from None

"""How commands fail: one clear message on stderr, preceded by a traceback if the user's own code failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from core.errors import DagsterError, DagsterUserCodeExecutionError
from core.serdes import user_traceback

INTERRUPTED_EXIT_CODE = 130  # 128 + SIGINT, the convention of shells


@contextmanager
def clear_failures() -> Iterator[None]:
    """Within the block, an error of this package ends the command with its message and exit code 1."""
    try:
        yield
    except DagsterUserCodeExecutionError as error:
        click.echo(user_traceback(error.user_exception), err=True)
        raise click.ClickException(str(error)) from error
    except DagsterError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        raise click.exceptions.Exit(INTERRUPTED_EXIT_CODE) from None

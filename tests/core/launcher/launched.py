"""Pipelines that are launched. Where they are to wait, they wait for somebody who opens the file `gate`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from core import ModeDefinition, fs_io_manager, pipeline, repository, solid

_STORED = ModeDefinition(resource_defs={"io_manager": fs_io_manager})


@solid(config_schema={"gate": str})
def wait(context: Any) -> int:
    """Tells its process to whoever opens the gate first, and ends when it is opened again."""
    print("waiting")
    gate = Path(context.solid_config["gate"])
    gate.write_text(str(os.getpid()))
    gate.read_text()
    return os.getpid()


@solid
def session(context: Any, pid: int) -> None:
    context.log.info(f"{os.getsid(0) == os.getpid()} {os.getpgid(0) == os.getpid()}")


@pipeline(mode_defs=[_STORED])
def waits() -> None:
    session(wait())


@solid
def greet(context: Any) -> str:
    print("hello", flush=True)
    os.system("echo from a shell")
    return "hello"


@pipeline(mode_defs=[_STORED])
def greets() -> None:
    greet()


@solid
def fails(context: Any) -> None:
    raise LookupError("no rows")


@pipeline(mode_defs=[_STORED])
def fails_always() -> None:
    fails()


def _greets() -> Any:
    print("made outside of steps")
    print("and an error", file=sys.stderr)
    return greets


@repository
def launched() -> Any:
    return {"pipelines": {"waits": lambda: waits, "greets": _greets, "fails_always": lambda: fails_always}}

"""A pipeline that does nothing, to be launched."""

from __future__ import annotations

from typing import Any

from core import ModeDefinition, fs_io_manager, pipeline, repository, solid


@solid
def one(context: Any) -> int:
    """Gives a number."""
    return 1


@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def count() -> None:
    """One step."""
    one()


@repository
def numbers() -> Any:
    """The pipeline."""
    return [count]

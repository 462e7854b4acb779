"""Runs that are to be stored and submitted, whatever becomes of the process that is about to do it."""

from __future__ import annotations

from typing import Any

import msgspec

from core.records.origin import ExternalPipelineOrigin


class ReservedRun(msgspec.Struct, frozen=True):
    """A run that a tick asks for, before it is stored: all that is needed to store and submit it.

    Attributes:
        run_id: the id that it will have.
        origin: the pipeline.
        run_key: the key of the request.
        run_config: of the run.
        tags: of the run.
        mode: of the run.
        solid_selection: the solids to execute; None for all.
    """

    run_id: str
    origin: ExternalPipelineOrigin
    run_key: str | None = None
    run_config: dict[str, Any] = {}  # msgspec copies the default for each record
    tags: dict[str, str] = {}
    mode: str = "default"
    solid_selection: tuple[str, ...] | None = None

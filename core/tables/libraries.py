"""The libraries whose data frames are tables."""

from __future__ import annotations

from core.tables.frames import Frames
from core.tables.pandas_frames import PandasFrames
from core.tables.polars_frames import PolarsFrames

LIBRARIES: dict[str, Frames] = {each.library: each for each in (PandasFrames(), PolarsFrames())}


def frames_of(library: str) -> Frames:
    """Those of "pandas" or "polars"."""
    return LIBRARIES[library]

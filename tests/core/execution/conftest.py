"""An instance on the disk, and the event types of a result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import DagsterInstance


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance

"""Instances in each kind of storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.instance import DagsterInstance
from tests.core.daemon.roles.code import Queue

KINDS = ["in_memory", "sqlite", "postgres"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Of storage."""
    name: str = request.param
    return name


@pytest.fixture
def instance(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Iterator[DagsterInstance]:
    """An instance; its runs are QUEUED when they are submitted."""
    if kind == "in_memory":
        made = DagsterInstance.ephemeral()
    else:
        overrides = request.getfixturevalue("postgres_sections")() if kind == "postgres" else {}
        made = DagsterInstance.local_temp(str(tmp_path), overrides)
    made.run_coordinator = Queue(made)
    with made:
        yield made

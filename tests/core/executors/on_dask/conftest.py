"""Pipelines whose steps are executed on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.core.executors.in_processes import Code
from tests.dask_cluster import Cluster

MakeCode = Callable[..., Code]


@pytest.fixture
def code_on(tmp_path: Path, postgres_sections: Callable[[], dict[str, Any]]) -> MakeCode:
    """Makes the code of a pipeline: of its source, and of a cluster or what a run config says of one."""

    def made(source: str, cluster: Cluster | dict[str, Any]) -> Code:
        of_cluster = {"existing": {"address": cluster.address}} if isinstance(cluster, Cluster) else cluster
        return Code(tmp_path, source, "dask", {"cluster": of_cluster, "max_concurrent": 0}, postgres_sections())

    return made

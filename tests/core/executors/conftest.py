"""A cluster that tests share, and code of pipelines for each executor that gives steps processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.executors.in_processes import Code
from tests.dask_cluster import Cluster, dask_cluster

MakeCode = Callable[..., Code]


@pytest.fixture(scope="session")
def workers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the workers of `cluster` keep what they need."""
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="session")
def cluster(workers_folder: Path) -> Iterator[Cluster]:
    """A cluster that tests share, and leave as it was: two workers that execute two steps each."""
    with dask_cluster(local_directory=str(workers_folder)) as cluster:
        yield cluster


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster that the test may destroy."""
    with dask_cluster() as cluster:
        yield cluster


@pytest.fixture
def code_on(tmp_path: Path, postgres_sections: Callable[[], dict[str, Any]]) -> MakeCode:
    """Makes the code of a pipeline: of its source, and of a cluster or what a run config says of one."""

    def made(source: str, cluster: Cluster | dict[str, Any]) -> Code:
        of_cluster = {"existing": {"address": cluster.address}} if isinstance(cluster, Cluster) else cluster
        return Code(tmp_path, source, "dask", {"cluster": of_cluster, "max_concurrent": 0}, postgres_sections())

    return made


@pytest.fixture(params=["multiprocess", "dask"])
def code_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Code]:
    """Makes the code of a pipeline of its source, for each executor."""
    if request.param == "multiprocess":
        return lambda source: Code(tmp_path, source)
    sections: dict[str, Any] = request.getfixturevalue("postgres_sections")()
    of_executor = {"cluster": {"existing": {"address": request.getfixturevalue("cluster").address}}}
    return lambda source: Code(tmp_path, source, "dask", of_executor, sections)

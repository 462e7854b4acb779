"""An instance for a test."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from core.errors import DagsterInvariantViolationError
from core.instance import DagsterInstance
from core.instance.instance import HOME_VARIABLE
from core.serdes import to_json
from core.storage.root import TemporaryArtifactStorage


@contextmanager
def instance_for_test(
    overrides: Mapping[str, Any] | None = None, set_dagster_home: bool = True, temp_dir: str | None = None
) -> Iterator[DagsterInstance]:
    """A persistent instance for a block, in a directory that is deleted at its end.

    Args:
        overrides: sections of `dagster.yaml`.
        set_dagster_home: whether `DAGSTER_HOME` names the directory in the block, so that `DagsterInstance.get()`, and
            commands that are started in it, have the same instance.
        temp_dir: a directory of your own, which stays.

    Raises:
        DagsterInvalidConfigError: the sections are not as they must be.
        DagsterInvariantViolationError: there are overrides, and the directory has a `dagster.yaml` already.

    Example:
        >>> from core import execute_pipeline, instance_for_test, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> with instance_for_test() as instance:
        ...     execute_pipeline(pipeline(name="count")(lambda: one()), instance=instance).success
        ...     [run.status.value for run in instance.get_runs()]
        True
        ['SUCCESS']
    """
    own = TemporaryArtifactStorage()  # held for the block; makes a directory when it is asked for one
    folder = Path(temp_dir or own.base_dir).absolute()
    if overrides:
        _write(folder, overrides)
    home = _as_home(folder) if set_dagster_home else nullcontext()
    with home, DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def _write(folder: Path, sections: Mapping[str, Any]) -> None:
    settings = folder / "dagster.yaml"
    if settings.exists():
        raise DagsterInvariantViolationError(
            f"{settings} is there already, and instance_for_test was given overrides for it; leave out one of them."
        )
    folder.mkdir(parents=True, exist_ok=True)
    settings.write_text(to_json(dict(sections)), "utf-8")  # JSON is YAML too


@contextmanager
def _as_home(folder: Path) -> Iterator[None]:
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(HOME_VARIABLE)
        if before is not None:
            os.environ[HOME_VARIABLE] = before

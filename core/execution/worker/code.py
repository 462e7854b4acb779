"""Whether the process of a run and one that executes its steps have the same code of the pipeline."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from core.code.file_names import root_of
from core.code.same_files import differing_below, digests_below
from core.errors import DagsterInvariantViolationError
from core.printable import printable
from core.records.origin import PipelinePythonOrigin


def digests_of_code(origin: PipelinePythonOrigin) -> dict[str, str]:
    """Digests of the files with the code of a pipeline that was loaded, for `check_code` in another process."""
    file = _file_of(origin)
    return digests_below(file) if file is not None else {}


def check_code(origin: PipelinePythonOrigin, digests: Mapping[str, str]) -> None:
    """Raises an error if the code of a pipeline that was loaded is another than in another process.

    Args:
        origin: where it was loaded from.
        digests: what `digests_of_code` returned there.

    Raises:
        DagsterInvariantViolationError: with the files that differ.
    """
    file = _file_of(origin) if digests else None
    differing = differing_below(file, digests) if file is not None else []
    if file is not None and differing:
        raise DagsterInvariantViolationError(
            f"The code of pipeline {origin.pipeline_name!r} is not the same here as where the run was started. In "
            f"{printable(str(root_of(file)))} these files differ: {', '.join(map(printable, differing))}. Bring them "
            "up to date, here or there."
        )


def _file_of(origin: PipelinePythonOrigin) -> str | None:
    target = origin.loadable_target_origin
    module = sys.modules.get(target.module_name or target.package_name or "")
    return target.python_file or getattr(module, "__file__", None)

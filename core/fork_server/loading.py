"""How the pipeline of a run is loaded in another process than that of the run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

from core.execution.worker.code import check_code
from core.execution.worker.steps import StepWorker
from core.executors import default_executors
from core.executors.processes.messages import Load, Setup
from core.forks import ending_forked_children
from core.loading.pipelines import load_origin, load_target
from core.records.origin import LoadableTargetOrigin, code_of
from core.serdes import SerializableErrorInfo, error_info


class Loading:
    """Loads the pipeline.

    Attributes:
        seconds: how long that took.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._code: LoadableTargetOrigin | None = None
        self._module: ModuleType | None = None

    def load_early(self, load: Load) -> None:
        """Loads its code, when nothing is known of the run yet. Where that fails, it will be told when it is."""
        with self._timed(), suppress(BaseException), ending_forked_children():
            sys.path[:], sys.argv[:] = load.search_path, load.arguments
            self._code, self._module = load.code, load_target(load.code)

    def worker_of(self, setup: Setup) -> StepWorker | SerializableErrorInfo:
        """What executes steps of the run; where that cannot be, why."""
        origin = setup.run.origin
        with self._timed():
            try:
                with ending_forked_children():
                    sys.path[:], sys.argv[:] = setup.search_path, setup.arguments
                    if setup.folder is not None:
                        with suppress(OSError):  # it may not be there, on another machine
                            os.chdir(setup.folder)
                    module = self._module if self._code == code_of(origin) else None
                    worker = StepWorker(setup.run, load_origin(origin, module), default_executors)
                    check_code(origin, setup.code)
            except BaseException as error:  # noqa: BLE001  code of the user's can raise anything while it is imported
                return error_info(error)
        if not setup.shows_output:
            worker.show_no_output()
        return worker

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - began

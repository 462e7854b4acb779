"""The executors that come with the package."""

from core.definitions.executor import ExecutorDefinition
from core.executors.in_process import InProcessExecutor, in_process_executor
from core.executors.multiprocess import (
    MultiprocessExecutor,
    multiple_process_executor_requirements,
    multiprocess_executor,
)

default_executors: list[ExecutorDefinition] = [in_process_executor, multiprocess_executor]
"""Those of a mode that names none; the first runs the steps where the run config chooses none.

>>> from core import default_executors
>>> [each.name for each in default_executors]
['in_process', 'multiprocess']
"""

__all__ = [
    "InProcessExecutor",
    "MultiprocessExecutor",
    "default_executors",
    "in_process_executor",
    "multiple_process_executor_requirements",
    "multiprocess_executor",
]

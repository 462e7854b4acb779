"""The executors that come with the package."""

from core.executors.in_process import InProcessExecutor, in_process_executor

__all__ = ["InProcessExecutor", "in_process_executor"]

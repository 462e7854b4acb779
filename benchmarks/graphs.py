"""The time to build pipelines of many solids, and to check a run config for them."""

from __future__ import annotations

from rich.table import Table

from benchmarks.children import medians

REPEATS = 5
SOLIDS = "2000"

_SOLIDS = """
import sys, time
from core import Field, composite_solid, pipeline, solid
from core.definitions.run_configs.run_config import build_environment
from core.execution.preparing.defaults import complete_mode
from core.executors import in_process_executor

count = int(sys.argv[1])

@solid(config_schema={"by": Field(int, default_value=1)})
def add(context, number: int = 0) -> int:
    return number + context.solid_config["by"]

start = time.perf_counter()
"""

_FLAT = """
@pipeline
def many():
    number = add()
    for _ in range(count - 1):
        number = add(number)
"""

_NESTED = """
def times(number, node):
    for _ in range(10):
        number = node(number)
    return number

@composite_solid
def ten(number):
    return times(number, add)

@composite_solid
def hundred(number):
    return times(number, ten)

@pipeline
def many():
    number = add()
    for _ in range(count // 100):
        number = hundred(number)
"""

_BUILD_MS = """
print((time.perf_counter() - start) * 1000)
"""

_CHECK_MS = """
mode = complete_mode(many.get_mode_definition(), in_process_executor)
start = time.perf_counter()
build_environment(many, mode, {})
print((time.perf_counter() - start) * 1000)
"""


def table() -> Table:
    """Milliseconds for pipelines of 2,000 solids, beside each other and in graphs."""
    programs = {
        "a pipeline of 2,000 solids is built": (_SOLIDS + _FLAT + _BUILD_MS, SOLIDS),
        "its run config is checked": (_SOLIDS + _FLAT + _CHECK_MS, SOLIDS),
        "one of 2,000 in graphs of ten, in graphs of ten, is built": (_SOLIDS + _NESTED + _BUILD_MS, SOLIDS),
        "the run config of that one is checked": (_SOLIDS + _NESTED + _CHECK_MS, SOLIDS),
    }
    goals = dict(zip(programs, ("500", "300", "500", "300"), strict=True))
    result = Table(title=f"Graphs, median of {REPEATS}", title_justify="left")
    result.add_column("what")
    result.add_column("ms", justify="right")
    result.add_column("at most", justify="right")
    for name, value in medians(programs, REPEATS).items():
        result.add_row(name, f"{value:.0f}", goals[name])
    return result

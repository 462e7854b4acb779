"""The time to build pipelines of many solids, to check a run config for them, and to take up many dynamic outputs."""

from __future__ import annotations

from rich.table import Table

from benchmarks.children import medians

REPEATS = 5
SOLIDS = "2000"
OUTPUTS = "640"

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
mode = complete_mode(many.get_mode_definition(), [in_process_executor])
start = time.perf_counter()
build_environment(many, mode, {})
print((time.perf_counter() - start) * 1000)
"""

_DYNAMIC = """
import sys, time
from core import List, pipeline, solid
from core.definitions.run_configs.run_config import build_environment
from core.execution.preparing.defaults import complete_mode
from core.executors import in_process_executor
from core.experimental import DynamicOutput, DynamicOutputDefinition
from core.plan import Versioning, build_plan
from core.plan.progress import Progress

@solid(output_defs=[DynamicOutputDefinition(int)], version="1")
def emit():
    yield DynamicOutput(1, "a")

@solid(version="1")
def add(number: int) -> int:
    return number + 1

@solid(version="1")
def total(numbers: List[int]) -> int:
    return sum(numbers)

@pipeline
def many():
    for at in range(int(sys.argv[1])):
        total.alias(f"total_{at}")(emit.alias(f"emit_{at}")().map(add.alias(f"add_{at}")).collect())

mode = complete_mode(many.get_mode_definition(), [in_process_executor])
plan = build_plan(many, build_environment(many, mode, {}))
start = time.perf_counter()
versioning = Versioning(plan, mode.resource_defs, {})
progress = Progress(versioning.versioned_plan(), expand=versioning.expand)
while (attempt := progress.begin_next()) is not None:
    progress.succeeded(attempt.step_key, {"result"}, {"result": ["a"]})
print((time.perf_counter() - start) * 1000)
"""


def table() -> Table:
    """Milliseconds for pipelines of 2,000 solids, beside each other and in graphs, and of 640 dynamic outputs."""
    programs = {
        "a pipeline of 2,000 solids is built": (_SOLIDS + _FLAT + _BUILD_MS, SOLIDS),
        "its run config is checked": (_SOLIDS + _FLAT + _CHECK_MS, SOLIDS),
        "one of 2,000 in graphs of ten, in graphs of ten, is built": (_SOLIDS + _NESTED + _BUILD_MS, SOLIDS),
        "the run config of that one is checked": (_SOLIDS + _NESTED + _CHECK_MS, SOLIDS),
        "640 dynamic outputs, mapped and collected, become steps": (_DYNAMIC, OUTPUTS),
    }
    goals = dict(zip(programs, ("500", "300", "500", "300", "500"), strict=True))
    result = Table(title=f"Graphs, median of {REPEATS}", title_justify="left")
    result.add_column("what")
    result.add_column("ms", justify="right")
    result.add_column("at most", justify="right")
    for name, value in medians(programs, REPEATS).items():
        result.add_row(name, f"{value:.0f}", goals[name])
    return result

"""The time to version many solids from their code."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.table import Table

from benchmarks.children import medians

REPEATS = 5
SOLIDS, MODULES, FUNCTIONS = 1000, 200, 10

_PROGRAM = """
import importlib, sys, time
sys.path.insert(0, {folder!r})
pipeline = importlib.import_module("pipeline")
from core import SolidDefinition, SourceHashVersionStrategy
strategy = SourceHashVersionStrategy()
strategy.get_solid_version(SolidDefinition("first", [], lambda context, inputs: 1))
definitions = [each for each in vars(pipeline).values() if isinstance(each, SolidDefinition)]
for _ in range({looks}):
    start = time.process_time()
    versions = [each.version for each in strategy.versions_of(definitions)]
    spent = time.process_time() - start
assert len(definitions) == len(set(versions)) == {solids} and None not in versions
print(spent * 1000)
"""

_MODULE = """
import json
{imports}
LIMIT = {number}
TABLE = {{"a": [1, 2, {number}], "b": {{"c": "text"}}}}
"""

_FUNCTION = '''
def f{number}(rows, depth=0):
    """Does something with rows."""
    found = []
    for row in rows:
        if row is None or len(row) > LIMIT:
            continue
        # parse each
        parsed = json.loads(row) if isinstance(row, str) else row
        found.append({{"key": parsed.get("key", "{number}"), "value": TABLE["a"][depth] + {number}}})
    if depth < 3:
        return [{called}(row, depth + 1) for row in found]
    return sorted(found, key=lambda each: each["key"])
'''

_CLASS = """
class C:
    def __init__(self, rate):
        self.rate = rate

    def go(self, x):
        return f0(x), self.rate * LIMIT
"""

_SOLID = """
@solid
def s{number}(context, rows: list):
    thing = m{a}.C({number})
    return thing.go(m{b}.f{called}(rows)), m{c}.f{called}(rows)
"""


def table() -> Table:
    """Milliseconds of processor time for all solids of a large project."""
    with tempfile.TemporaryDirectory(prefix="cloudstore-bench-") as folder:
        lines = _write_project(Path(folder))
        programs = {
            name: (_PROGRAM.format(folder=folder, solids=SOLIDS, looks=looks),)
            for name, looks in (("in a process that has read no file", 1), ("again in the same process", 2))
        }
        found = medians(programs, REPEATS)
    goals = {"in a process that has read no file": "2000", "again in the same process": "1000"}
    title = f"Versions of {SOLIDS} solids that share {MODULES} modules, {lines} lines, median of {REPEATS}"
    result = Table(title=title, title_justify="left")
    result.add_column("what")
    result.add_column("ms of processor time", justify="right")
    result.add_column("at most", justify="right")
    for name, value in found.items():
        result.add_row(name, f"{value:.0f}", goals[name])
    return result


def _write_project(folder: Path) -> int:
    """Writes modules of which each calls three before it; how many lines that are."""
    texts = {}
    for number in range(MODULES):
        used = sorted({number // 2, number // 3, number - 1} & set(range(number)))
        imports = "\n".join(f"from lib import m{each}" for each in used)
        functions = [
            _FUNCTION.format(number=each, called=f"m{used[each % len(used)]}.f{each}" if used else "str")
            for each in range(FUNCTIONS)
        ]
        texts[f"lib/m{number}.py"] = _MODULE.format(number=number, imports=imports) + "".join(functions) + _CLASS
    solids = [
        _SOLID.format(
            number=each, a=each % MODULES, b=each * 7 % MODULES, c=each * 13 % MODULES, called=each % FUNCTIONS
        )
        for each in range(SOLIDS)
    ]
    modules = "\n".join(f"from lib import m{each}" for each in range(MODULES))
    texts["pipeline.py"] = f"from core import solid\n{modules}\n" + "".join(solids)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return sum(text.count("\n") for text in texts.values())

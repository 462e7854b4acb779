"""A little project of many parts, written to a folder, edited, and imported from there."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

FILES = {
    "pipeline.py": '''
import functools

import helpers
import shapes.area as area
from core import InputDefinition, resource, solid
from helpers import LIMIT, timed as measured


@solid(description="counts", input_defs=[InputDefinition("rows", description="to count")])
@measured(seconds=3)
def count(context, rows: list):
    """Counts rows."""
    # parse first
    from late.entry import convert

    parsed = [helpers.parse_time(row) for row in rows]
    return convert(parsed), area.square(LIMIT), helpers.NAMES, [f(1) for f in SCALERS], ADD_TWO(1)


def scaler(factor, step=helpers.STEP):
    def scale(value):
        def half(number):
            return number / 2

        return half(value * factor) + step

    return scale


SCALERS = [scaler(2), scaler(3)]
ADD_TWO = functools.partial(helpers.add, 2)
UNRELATED = 1


def unrelated():
    return UNRELATED


@solid
def shadowing(context, unrelated):
    helpers = unrelated
    return [LIMIT for LIMIT in helpers]


@resource
def client(init_context):
    return shapes_client(init_context.resource_config)


def shapes_client(config):
    return area.Client(config)
''',
    "helpers.py": """
import dataclasses
import enum
import functools
import re
from pathlib import Path

from shapes import units

HERE = Path(__file__).parent
DATA = HERE / "data.csv"
LIMIT = 60 * 60
STEP = 1


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Settings:
    depth: int = 3
    color: Color = Color.RED


NAMES = [{"b": 2, "a": 1}, frozenset({"x", "y", "z", Color.RED, Color.BLUE}), re.compile("a+"), Settings(4)]
OPAQUE = iter([units.FACTOR, 7])


def timed(seconds):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs), seconds

        return wrapper

    return decorate


def parse_time(text):
    return is_even(units.to_seconds(text)), str(DATA), OPAQUE


def is_even(number):
    return number == 0 or is_odd(number - 1)


def is_odd(number):
    return number != 0 and is_even(number - 1)


def add(a, b):
    return a + b


def unrelated():
    return 1
""",
    "shapes/__init__.py": "",
    "shapes/units.py": """
FACTOR = 5


def to_seconds(text):
    return float(text) * FACTOR
""",
    "shapes/area.py": """
class Base:
    retries = 3

    def connect(self):
        return self.retries


class Client(Base):
    def __init__(self, config):
        self.config = config

    def fetch(self):
        return 1


def square(side):
    return side * side
""",
    "late/__init__.py": "",
    "late/entry.py": """
import json

from . import inner
from .inner import TABLE as table

try:
    import not_installed_anywhere
except ImportError:
    not_installed_anywhere = None

UNUSED = 1


def convert(rows):
    return json.dumps([inner.clean(row) for row in rows]), table
""",
    "late/inner.py": """
TABLE = {"a": 1}
TABLE["b"] = 2


class Root:
    rate = 1


class Rater(Root):
    scale = 1


def clean(row):
    return row, Rater
""",
}

Edit = tuple[str, str, str]


def write_project(folder: Path, *edits: Edit, files: Mapping[str, str] = FILES) -> Path:
    """Writes the project with edits (file, old text, new text), each of which must apply."""
    texts = dict(files)
    for name, old, new in edits:
        assert old in texts[name], f"{name} does not hold {old!r}"
        texts[name] = texts[name].replace(old, new)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@contextlib.contextmanager
def imported(folder: Path, name: str = "pipeline") -> Iterator[ModuleType]:
    """A module of the project, imported; what was imported from the folder is forgotten afterwards."""
    own = {path.stem for path in folder.iterdir()}
    others = {each: sys.modules.pop(each) for each in list(sys.modules) if each.partition(".")[0] in own}
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for each in set(sys.modules) - before:
            if str(getattr(sys.modules[each], "__file__", "")).startswith(str(folder)):
                del sys.modules[each]
        sys.modules.update(others)

"""Values of classes and functions of the file that is run itself, whoever stored them and whoever loads them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.cli.conftest import COMMAND, Project

SHAPES = """
import collections, dataclasses, enum, sys
from core import DagsterInstance, ModeDefinition, execute_pipeline, pipeline, solid
from core import versioned_filesystem_io_manager

class Shape:
    class Corner:
        pass
    def __init__(self, size):
        self.size, self.corner = size, Shape.Corner()
    def doubled(self):
        return 2 * self.size

class Colour(enum.Enum):
    RED = 1

@dataclasses.dataclass(frozen=True)
class Pair:
    one: object
    other: object

Named = collections.namedtuple("Named", "x")

class Wrong(ValueError):
    pass

def area(shape):
    return shape.size ** 2

VALUES = {
    "instance": Shape(3), "member": Colour.RED, "dataclass": Pair(Shape(1), Colour.RED), "tuple": Named(Shape(2)),
    "nested": {"a": [(Shape(1), {Colour.RED: Shape.Corner})]}, "function": area, "class": Shape.Corner,
    "method": Shape(4).doubled, "error": Wrong("no"), "types": [Shape, int, Named],
}

@solid(version="1")
def make(_) -> dict:
    return VALUES

@solid
def look(_, made):
    assert type(made["instance"]) is Shape and type(made["instance"].corner) is Shape.Corner
    assert made["member"] is Colour.RED and type(made["dataclass"]) is Pair and type(made["tuple"]) is Named
    [(shape, corners)] = made["nested"]["a"]
    assert type(shape) is Shape and corners == {Colour.RED: Shape.Corner}
    assert made["function"] is area and made["class"] is Shape.Corner and made["method"]() == 8
    assert type(made["error"]) is Wrong and made["types"] == [Shape, int, Named]
    print("all of", __name__)

MODES = [ModeDefinition("disk", {"io_manager": versioned_filesystem_io_manager})]

@pipeline(mode_defs=MODES, tags={"dagster/is_memoized_run": "true"})
def shapes():
    look(make())

if __name__ == "__main__":
    import yaml
    config = yaml.safe_load(open(sys.argv[2])) if len(sys.argv) > 2 else {}
    done = execute_pipeline(shapes, config, mode=sys.argv[1], instance=DagsterInstance.get())
    print(done.executed_step_keys)
    assert done.output_for_solid("make")["instance"].size == 3
"""

S3_MODE = (
    "MODES = [",
    """from cloudstore import s3_resource, versioned_s3_io_manager
MODES = [ModeDefinition("s3", {"s3": s3_resource, "io_manager": versioned_s3_io_manager}), """,
)

WAYS = {
    "script": lambda file: [sys.executable, f"{file}.py"],
    "module": lambda file: [sys.executable, "-m", file],
    "command": lambda file: [str(COMMAND), "run", "-f", f"{file}.py", "--mode"],
    "import": lambda file: [
        sys.executable,
        "-c",
        f"import sys, importlib; sys.path.insert(0, '.'); m = importlib.import_module({file!r}); from core import *\n"
        "import yaml; config = yaml.safe_load(open(sys.argv[2])) if len(sys.argv) > 2 else {}\n"
        "done = execute_pipeline(m.shapes, config, mode=sys.argv[1], instance=DagsterInstance.get())\n"
        "print(done.executed_step_keys)",
    ],
}


def go(project: Project, way: str, file: str, mode: str) -> bool:
    """Runs the pipeline in one of the ways; whether `make` was executed."""
    config = {"command": ["-c", "s3.yaml"]}.get(way, ["s3.yaml"]) if mode == "s3" else []
    done = subprocess.run(
        [*WAYS[way](file), mode, *config],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return re.search(r"\['make'|make +executed", done.stdout + done.stderr) is not None


# `wave` is a module of the standard library too, which Python gives whoever imports it.
RUNS = [
    ("shapes", ["script", "command", "module", "import"]),
    ("shapes", ["command", "script", "import"]),
    ("wave", ["command", "script"]),
    ("wave", ["script", "command"]),
]


@pytest.mark.parametrize(("file", "ways"), RUNS)
def test_what_one_way_to_run_a_file_stored_the_others_load(project: Project, file: str, ways: list[str]) -> None:
    project.write(f"{file}.py", SHAPES)
    assert [go(project, way, file, "disk") for way in ways] == [True] + [False] * (len(ways) - 1)


def test_so_they_do_from_a_bucket(s3_project: Project) -> None:
    s3_project.write("shapes.py", SHAPES.replace(*S3_MODE))
    assert go(s3_project, "script", "shapes", "s3")
    assert not go(s3_project, "command", "shapes", "s3")


MOVED = """
from core import ModeDefinition, pipeline, solid, versioned_filesystem_io_manager

class {name}:
    pass

@solid(version="1")
def make(_):
    return {name}()

@solid
def look(_, made):
    print("looked at", type(made).__name__)

@pipeline(mode_defs=[ModeDefinition("disk", {{"io_manager": versioned_filesystem_io_manager}})])
def moved():
    look(make())
"""


def test_a_value_of_a_class_that_has_gone_is_computed_again(project: Project) -> None:
    arguments = ("run", "-f", "moved.py", "--memoize")
    project.write("moved.py", MOVED.format(name="Old"))
    assert project.command(*arguments).returncode == 0
    project.write("moved.py", MOVED.format(name="NewName"))
    again = project.command(*arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search("make +executed", again.stderr)
    shown = project.command("runs", "show", project.run_id(again))
    assert "cannot be loaded: AttributeError" in shown.stdout + again.stdout + again.stderr
    assert "Traceback" not in again.stdout + again.stderr
    assert re.search("make +memoized", project.command(*arguments).stderr)

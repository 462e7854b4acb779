"""Pipelines that other processes make again: another process really does."""

from __future__ import annotations

import importlib
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import DagsterInvariantViolationError, PipelineDefinition, pipeline, reconstructable, solid
from core.definitions.reconstructable import build_reconstructable_pipeline
from core.records.origin import PipelinePythonOrigin
from core.serdes import from_json, to_json

PIPELINES = '''
from core import pipeline, reconstructable, solid, success_hook
from core.definitions.reconstructable import build_reconstructable_pipeline

@success_hook
def tells(context): ...

@solid
def gives(): return 1

@pipeline
def plain():
    """One solid."""
    gives()

@tells
@pipeline(name="another_name")
def hooked():
    gives()

def made():
    return plain

def with_arguments(name, rows, *, tags=None):
    @pipeline(name=name, tags=tags)
    def inside():
        for number in range(rows):
            gives.alias(f"gives_{number}")()
    return inside

class Holder:
    @staticmethod
    def inside():
        return plain

other_name = plain
by_hand = type(plain)([gives], "by_hand")
returns_one = lambda: plain
def gives_no_pipeline(): return 1
'''

OTHER_PROCESS = """
import importlib, importlib.util, json, sys
origin = json.loads(sys.argv[1])
target = origin["loadable_target_origin"]
sys.path.insert(0, target["working_directory"])
if "python_file" in target:
    spec = importlib.util.spec_from_file_location("loaded", target["python_file"])
    module = sys.modules["loaded"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
else:
    module = importlib.import_module(target["module_name"])
made = getattr(module, target["attribute"])
if not hasattr(made, "solids"):
    made = made(*origin.get("reconstructable_args", ()), **origin.get("reconstructable_kwargs", {}))
assert made.name == origin["pipeline_name"]
print(json.dumps([made.name, [solid.name for solid in made.solids], made.tags]))
"""


def made_again(origin: PipelinePythonOrigin, cwd: Path) -> Any:
    """What another process, somewhere else, makes of an origin: name, solids and tags."""
    text = to_json(origin)
    assert from_json(PipelinePythonOrigin, text) == origin
    command = [sys.executable, "-c", OTHER_PROCESS, text]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def described(definition: PipelineDefinition) -> list[Any]:
    return [definition.name, [each.name for each in definition.solids], definition.tags]


MODULES = {"pipelines_at_the_top": "", "pipelines_in.a.package": "", "pipelines_of_a_package": "__init__.py"}


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module with pipelines: a file, one of a package, and a package itself."""
    monkeypatch.syspath_prepend(str(tmp_path / "root"))
    path = tmp_path.joinpath("root", *request.param.split("."))
    path = path / "__init__.py" if MODULES[request.param] else path.with_suffix(".py")
    path.parent.mkdir(parents=True)
    path.write_text(PIPELINES, "utf-8")
    yield importlib.import_module(request.param)
    for name in [name for name in sys.modules if name.startswith("pipelines_")]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["plain", "hooked", "made"])
def test_another_process_makes_it_again(name: str, module: Any, tmp_path: Path) -> None:
    made = reconstructable(getattr(module, name))
    assert isinstance(made, PipelineDefinition)
    origin = made.python_origin
    assert origin is not None
    assert origin.loadable_target_origin.module_name == module.__name__
    assert made_again(origin, tmp_path) == described(made)
    assert reconstructable(made) is made
    assert made.with_hooks({module.tells}).python_origin is None, "another process would make it without the hook"


def test_what_the_module_defines_is_of_the_same_module_there(module: Any, tmp_path: Path) -> None:
    made = reconstructable(module.plain)
    assert made.python_origin is not None
    script = (
        "import sys; from core.loading.pipelines import load_origin; from core.serdes import from_json; "
        "from core.records.origin import PipelinePythonOrigin as Origin; "
        "load_origin(from_json(Origin, sys.argv[1])); print(sys.modules[sys.argv[2]].Holder.__module__)"
    )
    command = [sys.executable, "-c", script, to_json(made.python_origin), module.__name__]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{module.__name__}\n", "or a value of its classes could not be loaded here"


def test_another_process_makes_it_of_the_same_arguments(module: Any, tmp_path: Path) -> None:
    made = build_reconstructable_pipeline(module.__name__, "with_arguments", ("some", 2), {"tags": {"kind": "x"}})
    assert described(made) == ["some", ["gives_0", "gives_1"], {"kind": "x"}]
    assert made.python_origin is not None
    assert made_again(made.python_origin, tmp_path) == described(made)


def test_a_file_that_is_run_is_loaded_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "odd-name.py"
    told = "\nprint(__import__('core.serdes').serdes.to_json(reconstructable(plain).python_origin))\n"
    file.write_text(PIPELINES + told, "utf-8")
    done = subprocess.run([sys.executable, file.name], cwd=tmp_path, capture_output=True, text=True, check=True)
    origin = from_json(PipelinePythonOrigin, done.stdout)
    assert origin.loadable_target_origin.python_file == str(file)
    command = [sys.executable, "-c", OTHER_PROCESS, done.stdout]
    again = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout.splitlines()
    assert again[0] == done.stdout.rstrip("\n"), "also where it was loaded under another name"
    assert json.loads(again[1]) == ["plain", ["gives"], {}]


def test_a_module_that_is_run_is_loaded_as_a_module(tmp_path: Path) -> None:
    file = tmp_path / "package" / "pipelines.py"
    file.parent.mkdir()
    told = "\nif __name__ == '__main__':\n    "
    told += "print(__import__('core.serdes').serdes.to_json(reconstructable(plain).python_origin))\n"
    file.write_text(PIPELINES + told, "utf-8")
    command = [sys.executable, "-m", "package.pipelines"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    origin = from_json(PipelinePythonOrigin, done.stdout)
    assert origin.loadable_target_origin.module_name == "package.pipelines"
    assert made_again(origin, Path("/"))[:2] == ["plain", ["gives"]]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (lambda module: module.returns_one, "cannot make '<lambda>' again, because it is defined inside of something"),
        (lambda module: module.with_arguments("a", 1), "'with_arguments.<locals>.inside' again, because it is defined"),
        (lambda module: module.Holder.inside, "'Holder.inside' again, because it is defined inside of something"),
        (lambda module: module.by_hand, "it was given pipeline 'by_hand'. For a pipeline that is made otherwise"),
        (lambda module: module.plain.with_hooks([]), "would not find 'plain' in"),
        (lambda module: module.gives_no_pipeline, "gives_no_pipeline must return a pipeline; it returned 1"),
        (lambda module: module.gives, "gives must return a pipeline"),
        (lambda _: 3, "it was given 3"),
        (lambda _: PipelineDefinition, "it was given <class"),
        (lambda _: "plain", "it was given 'plain'"),
    ],
)
def test_what_others_would_not_find_is_refused(target: Callable[[Any], Any], said: str, module: Any) -> None:
    if "gives must" in said:
        target = lambda _: solid(module.gives_no_pipeline)  # noqa: E731
        said = "it was given"
    with pytest.raises(DagsterInvariantViolationError) as caught:
        reconstructable(target(module))
    assert said in str(caught.value)


def test_what_is_in_no_file_is_refused() -> None:
    told = "from core import pipeline, reconstructable\n@pipeline\ndef p(): ...\nreconstructable(p)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert "Another process cannot make 'p' again, because it is defined in no file, as in a notebook" in last
    module = runpy.run_path  # a function of a module that is in a file, and returns no pipeline
    with pytest.raises(TypeError):
        reconstructable(module)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module_name", "function", "args", "said"),
    [
        ("json", "no_such", (), "Module 'json' has no function json.no_such."),
        ("json", "__name__", (), "has no function"),
        ("json", "dumps", (1,), "json.dumps must return a pipeline; it returned '1'"),
        ("json", "dumps", ({1, 2},), "Other processes cannot be told the arguments of json.dumps: args"),
        ("json", "dumps", (float("nan"),), "Other processes cannot be told the arguments of json.dumps: args"),
    ],
)
def test_what_makes_no_pipeline_is_refused(module_name: str, function: str, args: Any, said: str) -> None:
    with pytest.raises(DagsterInvariantViolationError) as caught:
        build_reconstructable_pipeline(module_name, function, args)
    assert said in str(caught.value)
    with pytest.raises(ModuleNotFoundError):
        build_reconstructable_pipeline("no_such_module", function, ())


def test_a_pipeline_keeps_what_its_function_is_called() -> None:
    @pipeline(name="other")
    def called_so() -> None:
        """What it is for."""

    assert (called_so.name, called_so.description) == ("other", "What it is for.")
    assert (called_so.__name__, called_so.__module__, called_so.__doc__) == (  # type: ignore[attr-defined]
        "called_so",
        __name__,
        "What it is for.",
    )

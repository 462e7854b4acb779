"""Versions from source are the same wherever the source lies, and honest where there is none."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudstore import s3_resource
from core import (
    DagsterInstance,
    InputDefinition,
    OutputDefinition,
    PipelineDefinition,
    ResourceDefinition,
    SolidDefinition,
    lambda_solid,
)
from core.api import plan_pipeline
from core.code.syntax import read
from core.loading.pipelines import load_pipeline
from core.versions.source_hash import SourceHashVersionStrategy


def _load_projects() -> ModuleType:
    path = Path(__file__).with_name("project.py")
    spec = importlib.util.spec_from_file_location("source_hash_project", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


project = _load_projects()
CHECKOUT = Path(__file__).parents[4]
ASK = """
import json, sys
from core.versions.source_hash import SourceHashVersionStrategy
strategy = SourceHashVersionStrategy()
print(json.dumps([strategy.get_solid_version(count), dict(strategy.solid_parts(count))]))
"""


def ask(folder: Path, *arguments: str, seed: str = "0") -> Any:
    """What a new process that runs Python with `arguments` in a folder prints, as JSON."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_same_in_every_process_and_folder_however_it_is_run(tmp_path: Path) -> None:
    folder = project.write_project(tmp_path / "one")
    (folder / "by_import.py").write_text("from pipeline import count\n" + ASK)
    other = tmp_path / "elsewhere" / "two"
    shutil.copytree(folder, other)
    (other / "pipeline.py").write_text((other / "pipeline.py").read_text() + ASK)
    (other / "by_file.py").write_text(
        "from pathlib import Path\nfrom core.loading.modules import load_file\nload_file(Path('pipeline.py'))\n"
    )
    answers = [
        ask(folder, "by_import.py", seed="1"),
        ask(folder, "by_import.py", seed="2"),
        ask(other, "pipeline.py", seed="3"),
        ask(other, "-m", "pipeline", seed="4"),
        ask(other, "by_file.py", seed="5"),
    ]
    assert answers[0][0] is not None
    assert "pipeline.count" in answers[0][1]
    assert all(answer == answers[0] for answer in answers)


def test_the_same_on_every_python(tmp_path: Path) -> None:
    """The version that Python 3.11 gave; whoever runs the tests with another Python compares that one."""
    with project.imported(project.write_project(tmp_path)) as module:
        version = SourceHashVersionStrategy().get_solid_version(module.count)
    assert version == "70c03975466efdf6b8890c904b3b6fb4182b8339babac8e5850706e4e8e41aa4"


UNLIKE = """
import dataclasses, enum
from typing import NamedTuple, Protocol, runtime_checkable
from core import solid

first, second = (lambda: 2), (lambda: 2)
third, fourth = (lambda: 3), (lambda x=4: x)

@runtime_checkable
class Sized(Protocol):
    def size(self): ...

class Color(enum.Enum):
    RED = 1
    BLUE = 2

@dataclasses.dataclass(order=True)
class Point:
    x: int = 0
    def size(self):
        return self.x

class Pair(NamedTuple):
    a: int
    b: int = 1

@solid
def given(_):
    names = [sorted(vars(each)) for each in (Sized, Color, Point, Pair)]
    return names, first(), second(), third(), fourth(), isinstance(Point(), Sized)
"""


def test_the_same_on_every_python_of_what_each_makes_in_another_way(tmp_path: Path) -> None:
    """As above, of what differs: attributes that Python gives to classes, and what it tells of constant lambdas."""
    with project.imported(project.write_project(tmp_path, files={"pipeline.py": UNLIKE})) as module:
        version = SourceHashVersionStrategy().get_solid_version(module.given)
    assert version == "b02fee9679d948303d8c0ef7671b47efd0c71ae29f345f9a7e67b325fb626962"


def test_a_pipeline_file_loaded_by_the_command_line(tmp_path: Path) -> None:
    source = """
from core import pipeline, solid

LIMIT = 3

@solid
def count(context):
    return LIMIT

@pipeline
def numbers():
    count()
"""
    versions = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        file = tmp_path / name / "json.py"  # the name of a module of the standard library
        file.write_text(source)
        loaded = load_pipeline(file, None)
        definition = loaded.solids[0].definition
        versions.append(SourceHashVersionStrategy().get_solid_version(definition))
        assert {"json.count", "json.LIMIT"} <= SourceHashVersionStrategy().solid_parts(definition).keys()
        sys.modules.pop("json_pipeline_file", None)
        sys.path.remove(str(file.parent))
    assert versions[0] is not None
    assert versions[0] == versions[1]


def strategy_version(function: Any) -> str | None:
    """The version of a solid made by hand of a function."""
    definition = SolidDefinition("made", [], function, [OutputDefinition()])
    return SourceHashVersionStrategy().get_solid_version(definition)


def made_by_exec(source: str, **names: Any) -> Callable[..., Any]:
    namespace: dict[str, Any] = {"__name__": "typed_in", **names}
    exec(source, namespace)
    function: Callable[..., Any] = namespace["f"]
    return function


def test_without_source_the_compiled_code_counts() -> None:
    base = "def g(x):\n    return x in {1, 2}\ndef f(context, inputs):\n    return g(LIMIT)"
    one = strategy_version(made_by_exec(base, LIMIT=1))
    assert one is not None
    assert one == strategy_version(made_by_exec("\n\n" + base, LIMIT=1))
    assert one != strategy_version(made_by_exec(base, LIMIT=2))
    assert one != strategy_version(made_by_exec(base.replace("{1, 2}", "{1, 3}"), LIMIT=1))
    assert one != strategy_version(made_by_exec(base.replace("g(LIMIT)", "-g(LIMIT)"), LIMIT=1))


def test_classes_without_source() -> None:
    base = "class C:\n    rate = 1\n    def go(self):\n        return 1\ndef f(context, inputs):\n    return C().go()"
    one = strategy_version(made_by_exec(base))
    assert one is not None
    assert one == strategy_version(made_by_exec(base))
    assert one != strategy_version(made_by_exec(base.replace("return 1", "return 2")))
    assert one != strategy_version(made_by_exec(base.replace("rate = 1", "rate = 2")))


# fmt: off
ONE, TWO = (lambda context, inputs: 1), (lambda context, inputs: 2)
# fmt: on


def test_two_lambdas_on_a_line() -> None:
    assert strategy_version(ONE) is not None
    assert strategy_version(ONE) != strategy_version(TWO)


def test_functions_that_look_alike_in_two_files(tmp_path: Path) -> None:
    """Their code objects are equal; only what surrounds them differs."""
    text = "from core import solid\nLIMIT = {}\n\n@solid\ndef count(context):\n    return LIMIT, lambda: LIMIT\n"
    strategy = SourceHashVersionStrategy()
    versions = set()
    for number in (1, 2):
        folder = project.write_project(tmp_path / str(number), files={"pipeline.py": text.format(f"iter([{number}])")})
        with project.imported(folder) as module:
            versions.add(strategy.get_solid_version(module.count))
    assert len(versions) == 2
    assert None not in versions


def test_a_file_edited_since_it_was_imported(tmp_path: Path) -> None:
    """The old code runs, so it must not get the version of the new one."""
    edit = ("pipeline.py", "convert(parsed), ", "convert(rows), ")
    with project.imported(project.write_project(tmp_path / "edited", edit)) as module:
        new = SourceHashVersionStrategy().get_solid_version(module.count)
    with project.imported(project.write_project(tmp_path / "a")) as module:
        unedited = SourceHashVersionStrategy()
        old = unedited.get_solid_version(module.count)
        project.write_project(tmp_path / "a", edit)
        assert SourceHashVersionStrategy().get_solid_version(module.count) not in (None, new)
        assert unedited.get_solid_version(module.count) == old
    with project.imported(tmp_path / "a") as module:
        assert unedited.get_solid_version(module.count) == new


def test_a_class_edited_since_it_was_imported(tmp_path: Path) -> None:
    edit = ("shapes/area.py", "return 1", "return 2")
    with project.imported(project.write_project(tmp_path / "edited", edit)) as module:
        new = SourceHashVersionStrategy().get_resource_version(module.client)
    with project.imported(project.write_project(tmp_path / "a")) as module:
        project.write_project(tmp_path / "a", edit)
        assert SourceHashVersionStrategy().get_resource_version(module.client) not in (None, new)


def test_what_cannot_be_seen_leaves_it_unversioned_and_is_named() -> None:
    with Path(__file__).open() as file:

        @lambda_solid
        def reading() -> str:
            return file.read()

        strategy = SourceHashVersionStrategy()
        assert strategy.get_solid_version(reading) is None
        [(name, reason)] = [each for each in strategy.solid_parts(reading).items() if each[1].startswith("not seen: ")]
        assert name.endswith(".reading.file.holds")
        assert "TextIOWrapper" in reason


OWN_PICKLING = "class Own(random.Random):\n    def __reduce__(self):\n        return Own, ()\n\nHELD = Own()"
BLIND = {
    "a generator": ("HELD = (number for number in ())", "HELD", "a generator"),
    "a coroutine": ("async def wait():\n    pass\n\nHELD = wait()\nHELD.close()", "HELD", "a coroutine"),
    "a socket": ("import socket\nHELD = socket.socket()\nHELD.close()", "HELD", "a value of type socket"),
    "a type in C": ("import zlib\nHELD = zlib.compressobj()", "HELD", "a value of type Compress"),
    "pickled by itself": (f"import random\n{OWN_PICKLING}", "HELD", "derived from one that is not written in Python"),
    "eval": ("", "eval('1')", "builtins.eval"),
    "exec": ("", "exec('1')", "builtins.exec"),
    "runpy": ("import runpy", "runpy.run_path('x')", "runpy.run_path"),
    "__import__": ("NAME = 'json'", "__import__(NAME)", "builtins.__import__"),
    "import_module": ("import importlib\nNAME = 'json'", "importlib.import_module(NAME)", "importlib.import_module"),
    "pkgutil": ("import pkgutil", "pkgutil.iter_modules()", "pkgutil.iter_modules"),
    "entry points": ("from importlib import metadata", "metadata.entry_points()", "importlib.metadata.entry_points"),
    "sys.modules": ("import sys", "sys.modules['json']", "sys.modules"),
    "frames": ("import sys", "sys._getframe()", "sys._getframe"),
    "the stack": ("import inspect", "inspect.stack()", "inspect.stack"),
    "all objects": ("import gc", "gc.get_objects()", "gc.get_objects"),
    "subclasses": ("", "type(context).__subclasses__()", "it asks for the subclasses"),
}


@pytest.mark.parametrize("case", BLIND)
def test_what_cannot_be_walked_leaves_it_unversioned_and_is_named(case: str, tmp_path: Path) -> None:
    above, reached, named = BLIND[case]
    text = f"{above}\nfrom core import solid\n\n@solid\ndef count(context):\n    return {reached}\n"
    with project.imported(project.write_project(tmp_path, files={"pipeline.py": text})) as module:
        strategy = SourceHashVersionStrategy()
        assert strategy.get_solid_version(module.count) is None
        parts = strategy.solid_parts(module.count).items()
    assert [each for each in parts if each[1].startswith("not seen: ") and named in ": ".join(each)]


def test_a_function_of_the_project_in_c_leaves_it_unversioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "from core import solid\nfrom binascii import crc_hqx\n\n@solid\ndef count():\n    return crc_hqx(b'', 0)\n"
    with project.imported(project.write_project(tmp_path, files={"pipeline.py": text})) as module:
        assert SourceHashVersionStrategy().get_solid_version(module.count) is not None
        monkeypatch.setattr(module.crc_hqx, "__module__", "pipeline")
        strategy = SourceHashVersionStrategy()
        assert strategy.get_solid_version(module.count) is None
        assert "not written in Python" in "".join(strategy.solid_parts(module.count).values())


def test_a_run_says_what_cannot_be_seen(tmp_path: Path) -> None:
    numbers = (number for number in range(3))

    @lambda_solid
    def reading() -> int:
        return next(numbers)

    built = PipelineDefinition([reading], "built", version_strategy=SourceHashVersionStrategy())
    with DagsterInstance.ephemeral(str(tmp_path)) as instance:
        [step] = plan_pipeline(built, instance=instance).versioned.steps
    assert "reading.numbers.holds`: a generator" in step.unversioned


def test_a_name_that_a_module_lacks_leaves_it_unversioned(tmp_path: Path) -> None:
    edit = ("pipeline.py", "from late.entry import convert", "from late.entry import convert, missing")
    edits = [edit, ("pipeline.py", "return convert(parsed)", "return missing, convert(parsed)")]
    with project.imported(project.write_project(tmp_path, *edits)) as module:
        strategy = SourceHashVersionStrategy()
        assert strategy.get_solid_version(module.count) is None
        assert strategy.solid_parts(module.count)["late.entry.missing"].startswith("not seen: ")


def test_hardcoded_resources_count_by_value() -> None:
    def version(value: Any) -> str | None:
        return SourceHashVersionStrategy().get_resource_version(ResourceDefinition.hardcoded_resource(value))

    assert version({"limit": 3}) == version({"limit": 3}) != version({"limit": 4})
    assert version({"limit": 3}) is not None
    assert version(threading.Lock()) is not None  # whether it is locked is no result
    assert version(iter(zip())) is not None
    assert version(number for number in ()) is None
    assert version(strategy_version) not in (None, version(made_by_exec))


def test_installed_distributions_count_by_their_versions() -> None:
    def tabulate(context: Any, inputs: dict[str, Any]) -> Any:
        import pandas as pd
        import yaml

        return pd.DataFrame(inputs), yaml.safe_dump(inputs), random.random(), settings.default

    definition = SolidDefinition("made", [InputDefinition("rows")], tabulate)
    parts = SourceHashVersionStrategy().solid_parts(definition)
    distributions = {name: version for name, version in parts.items() if name.startswith("package ")}
    expected = {f"package {each}": importlib.metadata.version(each) for each in ("PyYAML", "hypothesis", "pandas")}
    assert {name.lower(): version for name, version in distributions.items()} == {
        name.lower(): version for name, version in expected.items()
    }


def test_own_modules_count_as_the_installed_package() -> None:
    def output(context: Any, inputs: dict[str, Any]) -> Any:
        return OutputDefinition("a")

    parts = SourceHashVersionStrategy().solid_parts(SolidDefinition("made", [], output))
    assert parts["package cloudstore"] == importlib.metadata.version("cloudstore")
    assert not any(name.startswith("core.") for name in parts)


def wrapped_by_others(number: int) -> dict[str, Callable[..., Any]]:
    """Functions that hold another function, whose only difference is the number."""

    def plain(context: Any = None, inputs: Any = None) -> int:
        return number

    class Thing:
        def __init__(self, limit: int) -> None:
            self.limit = limit

        def method(self, context: Any, inputs: Any) -> int:
            return number + self.limit

        @classmethod
        def of_class(cls, context: Any, inputs: Any) -> int:
            return number

    @contextmanager
    def opened(context: Any, inputs: Any) -> Any:
        yield plain()

    @functools.lru_cache
    def cached(context: Any, inputs: Any) -> int:
        return plain()

    @functools.singledispatch
    def dispatched(context: Any, inputs: Any) -> int:
        return 0

    @dispatched.register
    def _of_text(context: str, inputs: Any) -> int:
        return plain()

    return {
        "closure": plain,
        "lambda": lambda context, inputs, held=number: held,
        "partial": functools.partial(plain, inputs=number),
        "contextmanager": opened,
        "lru_cache": cached,
        "singledispatch": dispatched,
        "classmethod": Thing.of_class,
        "class": lambda context, inputs: Thing,
    }


@pytest.mark.parametrize("kind", wrapped_by_others(1))
def test_functions_inside_functions(kind: str) -> None:
    one, again, two = (strategy_version(wrapped_by_others(number)[kind]) for number in (1, 1, 2))
    assert one is not None
    assert one == again
    assert one != two


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    files = {
        "pipeline.py": "from core import solid\n\n@solid\ndef count():\n    from a import f\n    return f\n",
        "a.py": "import b\n\ndef f():\n    return b.g()\n",
        "b.py": "import a\n\ndef g():\n    return a.f()\n",
    }
    versions = []
    for name, edits in (("x", []), ("y", [("b.py", "return a.f()", "return -a.f()")])):
        with project.imported(project.write_project(tmp_path / name, *edits, files=files)) as module:
            strategy = SourceHashVersionStrategy()
            versions.append(strategy.get_solid_version(module.count))
            assert {"a.f", "b.g"} <= strategy.solid_parts(module.count).keys()
    assert versions[0] != versions[1]


def test_a_module_that_cannot_be_imported_leaves_it_unversioned(tmp_path: Path) -> None:
    files = {
        "pipeline.py": "from core import solid\n\n@solid\ndef count():\n    from a import f\n    return f()\n",
        "a.py": "raise ValueError('not today')\n",
    }
    with project.imported(project.write_project(tmp_path, files=files)) as module:
        strategy = SourceHashVersionStrategy()
        assert strategy.get_solid_version(module.count) is None
        assert "ValueError: not today" in strategy.solid_parts(module.count)["a"]


def test_a_module_used_as_a_value_counts_whole(tmp_path: Path) -> None:
    text = "from core import solid\nimport helpers\n\n@solid\ndef count(context):\n    return getattr(helpers, 'f')\n"
    files = {"pipeline.py": text, "helpers.py": "def f():\n    return 1\n"}
    versions = set()
    for name, edits in (("x", []), ("y", [("helpers.py", "1", "2")])):
        with project.imported(project.write_project(tmp_path / name, *edits, files=files)) as module:
            versions.add(SourceHashVersionStrategy().get_solid_version(module.count))
    assert len(versions) == 2


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="ab #\n\t\"'\\é", max_size=20), st.integers(0, 20))
def test_no_docstring_or_comment_counts(text: str, lines: int) -> None:
    plain = "def f(a):\n    return a\n"
    told = f"{chr(10) * lines}def f(a):  # {text.encode('unicode_escape').decode()}\n    {text!r}\n    return a\n"
    one, other = (read(ast.parse(each).body[0]) for each in (plain, told))
    assert one == other


def test_a_thousand_solids_take_little_time(tmp_path: Path) -> None:
    solids = "".join(
        f"\n@solid\ndef s{number}(context):\n    return helpers.parse_time({number}), LIMIT, area.square({number})\n"
        for number in range(1000)
    )
    text = f"import helpers\nimport shapes.area as area\nfrom core import solid\nfrom helpers import LIMIT\n{solids}"
    with project.imported(project.write_project(tmp_path, files={**project.FILES, "pipeline.py": text})) as module:
        strategy = SourceHashVersionStrategy()
        definitions = [getattr(module, f"s{number}") for number in range(1000)]
        versions = [each.version for each in strategy.versions_of(definitions)]
        started = time.process_time()
        assert versions == [each.version for each in strategy.versions_of(definitions)]
        assert time.process_time() - started < 1.0  # a tenth of it where nothing else runs
        assert len(set(versions)) == 1000
        assert versions[:3] == [strategy.get_solid_version(each) for each in definitions[:3]]


def test_methods_count_with_their_objects(tmp_path: Path) -> None:
    text = """
class Maker:
    def __init__(self, limit):
        self.limit = limit

    def make(self, context, inputs):
        return self.limit + 1


made = Maker(3).make
"""
    versions = []
    edits = [[], [], [("pipeline.py", "Maker(3)", "Maker(4)")], [("pipeline.py", "+ 1", "+ 2")]]
    for number, edit in enumerate(edits):
        folder = project.write_project(tmp_path / str(number), *edit, files={"pipeline.py": text})
        with project.imported(folder) as module:
            versions.append(strategy_version(module.made))
    assert None not in versions
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_definitions_of_this_package_have_its_version() -> None:
    strategy = SourceHashVersionStrategy()
    assert strategy.get_resource_version(s3_resource) is not None
    assert strategy.resource_parts(s3_resource) == {"package cloudstore": importlib.metadata.version("cloudstore")}


def test_deep_expressions_count_by_their_compiled_code(tmp_path: Path) -> None:
    text = f"from core import solid\n\n@solid\ndef count(context):\n    return {' + '.join(['context'] * 900)}\n"
    versions = []
    for name, edits in (("a", []), ("b", [("pipeline.py", "context + context + context", "context + context")])):
        with project.imported(project.write_project(tmp_path / name, *edits, files={"pipeline.py": text})) as module:
            versions.append(SourceHashVersionStrategy().get_solid_version(module.count))
    assert None not in versions
    assert versions[0] != versions[1]


def test_proxies_are_not_asked() -> None:
    class Proxy:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked of a proxy")

    definition = ResourceDefinition.hardcoded_resource(Proxy())
    version = SourceHashVersionStrategy().get_resource_version(definition)
    assert version is not None


def test_a_strategy_can_be_pickled() -> None:
    strategy = SourceHashVersionStrategy()
    version = strategy.get_resource_version(s3_resource)
    assert pickle.loads(pickle.dumps(strategy)).get_resource_version(s3_resource) == version


def test_what_an_import_inside_a_function_changes_elsewhere_counts(tmp_path: Path) -> None:
    files = {
        "pipeline.py": "import settings\nfrom core import solid\n\n@solid\ndef count():\n"
        "    import plugin\n    return settings.total\n",
        "settings.py": "total = 0\n",
        "plugin.py": "import settings\nsettings.total = 1\n",
    }
    versions = []
    for name, edits in (("a", []), ("b", [("plugin.py", "= 1", "= 2")])):
        with project.imported(project.write_project(tmp_path / name, *edits, files=files)) as module:
            versions.append(SourceHashVersionStrategy().get_solid_version(module.count))
    assert None not in versions
    assert versions[0] != versions[1]

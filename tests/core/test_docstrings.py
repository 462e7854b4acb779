"""Every public name has a docstring with an example, and the examples run as they are written.

Public is what `core`, `cloudstore` and the modules of `PUBLIC` offer in `__all__`, and what a page of docs imports.
The docstring of a constant is the text below its assignment.
"""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

import cloudstore.testing
from cloudstore.testing import EmbeddedS3Server, embedded_s3_server
from core.types import dagster_type
from core.values.codecs import registry

ROOT = Path(__file__).parents[2]
PUBLIC = [
    "cloudstore",
    "cloudstore.testing",
    "core",
    "core.experimental",
    "core.launcher",
    "core.run_coordinator",
    "core.scheduler",
    "core.serdes",
    "core.storage.compute_log_manager",
    "core.storage.file_manager",
    "core.storage.local_compute_log_manager",
    "core.storage.mem_file_manager",
    "core.storage.memoizable_io_manager",
    "core.storage.pipeline_run",
    "core.storage.runs",
    "core.storage.event_log",
    "core.storage.schedules",
    "core.tables",
    "core.testing",
    "core.utils",
]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("core", "cloudstore")
    for file in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in file.read_text("utf-8")
]

IMPORT = re.compile(r"^ *from ((?:core|cloudstore)[.\w]*) import (\([^)]+\)|.+)$", re.MULTILINE)


class Docstring(NamedTuple):
    """A docstring; "" where there is none.

    Attributes:
        text: as it is written.
        line: where it begins in its file, from 0.
    """

    text: str
    line: int


class Module:
    """What the text of a module says, so that nothing has to be imported to read it."""

    def __init__(self, name: str) -> None:
        path = ROOT.joinpath(*name.split("."))
        self.file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(self.file.read_text("utf-8"))
        self.docstrings = {name: docstring(tree.body[0]), **dict(docstrings(tree.body, ""))}
        self.imported = {
            each.asname or each.name: (node.module, each.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for each in node.names
        }
        offered = [node.value for node in tree.body if isinstance(node, ast.Assign) and assigned(node) == "__all__"]
        self.offered: list[str] = ast.literal_eval(offered[0]) if offered else []


def assigned(node: ast.stmt) -> str | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target.id if isinstance(target, ast.Name) else None


def docstrings(body: list[ast.stmt], within: str) -> Iterator[tuple[str, Docstring]]:
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield within + node.name, docstring(node.body[0])
            if isinstance(node, ast.ClassDef):
                yield from docstrings(node.body, f"{within}{node.name}.")
        elif (name := assigned(node)) is not None:
            yield within + name, docstring(following)


def docstring(node: ast.stmt | None) -> Docstring:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return Docstring(node.value.value, node.lineno - 1)
    return Docstring("", 0)


@functools.cache
def read(module: str) -> Module:
    return Module(module)


def docstring_of(module: str, name: str) -> Docstring:
    """The docstring of what a module offers, where it is defined."""
    if name in read(module).docstrings:
        return read(module).docstrings[name]
    return docstring_of(*read(module).imported[name])


def imported_by(page: Path) -> set[tuple[str, str]]:
    """What the Python code on a page imports of our modules."""
    found = IMPORT.findall(page.read_text("utf-8"))
    return {(module, name) for module, names in found for name in re.findall(r"\w+", names)}


@pytest.fixture
def my_bucket(s3_server: EmbeddedS3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The S3 that examples find without being told where: a server with "my-bucket", which is also the server that
    those with a server of their own get, since each start would take two seconds.
    """
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    with closing(s3_server.client()) as client, suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket="my-bucket")

    def started(**options: Any) -> AbstractContextManager[EmbeddedS3Server]:
        return embedded_s3_server(**options) if options else nullcontext(s3_server)

    monkeypatch.setattr(cloudstore.testing, "embedded_s3_server", started)
    monkeypatch.setattr(cloudstore.testing.fault_proxy, "embedded_s3_server", started)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_has_an_example(module: str) -> None:
    assert read(module).offered
    assert [name for name in read(module).offered if ">>> " not in docstring_of(module, name).text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_that_a_page_imports_has_an_example(page: Path) -> None:
    assert {each for each in imported_by(page) if ">>> " not in docstring_of(*each).text} == set()


@pytest.fixture
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder to write to and import from, and a process in which nothing stays of what examples set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setattr(dagster_type, "_registered", {})
    monkeypatch.setattr(registry, "_by_name", dict(registry._by_name))
    with patch.dict(os.environ), warnings.catch_warnings():
        yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.usefixtures("own_place")
@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    if module.startswith("cloudstore."):
        request.getfixturevalue("my_bucket")
    scope, threads = vars(importlib.import_module(module)), set(threading.enumerate())
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for name, (text, line) in read(module).docstrings.items():
        runner.run(parser.get_doctest(text, scope, name, str(read(module).file), line))
    assert runner.tries
    assert not runner.failures, capsys.readouterr().out
    left = {thread.name for thread in set(threading.enumerate()) - threads if thread.name.startswith("compute-log")}
    assert not left, f"threads of managers that the examples do not dispose of: {left}"

"""Which pipeline of a file is run: one that it defines, that a function makes, or one of a repository's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

SHOP = """
from core import PipelineDefinition, pipeline, repository, solid

@solid
def say(context):
    print("this is", context.pipeline_run.pipeline_name)

@pipeline
def orders():
    say()

def made(name):
    def make():
        print("makes", name)
        return PipelineDefinition([say], name)
    return make

@repository
def lazy():
    return {"pipelines": {name: made(name) for name in ("stock", "prices", "both")}}

@repository
def listed():
    return [orders, PipelineDefinition([say], "returns"), PipelineDefinition([say], "both")]

again = listed

@pipeline(name="renamed")
def by_attribute():
    say()

def a_function():
    return orders

def a_repository():
    return one

@repository
def one():
    return [PipelineDefinition([say], "alone")]

@repository(name="far")
def variable():
    return {"pipelines": {"away": made("away")}}

@repository
def broken():
    return {"pipelines": {"never": lambda: 1 / 0}}
"""

RUNS = [
    ("orders", "orders", []),
    ("a_function", "orders", []),
    ("by_attribute", "renamed", []),
    ("renamed", "renamed", []),
    ("stock", "stock", ["stock"]),
    ("lazy.prices", "prices", ["prices"]),
    ("listed.orders", "orders", []),
    ("listed.both", "both", []),
    ("lazy.both", "both", ["both"]),
    ("again.returns", "returns", []),
    ("one", "alone", []),
    ("a_repository", "alone", []),
    ("far", "away", ["away"]),
    ("far.away", "away", ["away"]),
    ("variable", "away", ["away"]),
]


@pytest.mark.parametrize(("asked", "name", "makes"), RUNS, ids=[each for each, *_ in RUNS])
@pytest.mark.parametrize("how", [("-f", "shop.py"), ("-m", "shop")], ids=["file", "module"])
def test_a_pipeline_is_asked_for_by_its_name(
    project: Project, how: tuple[str, str], asked: str, name: str, makes: list[str]
) -> None:
    project.write("shop.py", SHOP)
    done = project.command("run", *how, "-a", asked)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert [line for line in said if line.startswith("makes")] == [f"makes {each}" for each in makes]  # no other one
    assert f"this is {name}" in said


ERRORS = {
    "": "shop.py defines 10 pipelines; select one with -a: alone, away, by_attribute, lazy.both, listed.both, never, "
    "orders, prices, returns, stock.",
    "both": "unknown pipeline 'both'; did you mean",
    "listed": "repository 'listed' has 3 pipelines; select one with -a: listed.both, listed.orders, listed.returns.",
    "listed.stock": "repository 'listed': unknown pipeline 'stock'. Known: both, orders, returns.",
    "say": "unknown pipeline 'say'",
    "made.x": "unknown pipeline 'made.x'",
    "never": "ZeroDivisionError: division by zero",
}


@pytest.mark.parametrize("asked", ERRORS)
def test_what_is_not_there_is_told_with_what_is(project: Project, asked: str) -> None:
    project.write("shop.py", SHOP)
    done = project.command("run", "-f", "shop.py", *(["-a", asked] if asked else []))
    assert done.returncode == 1
    assert ERRORS[asked] in done.stderr
    assert "Traceback" not in done.stderr


def test_the_only_pipeline_is_found_wherever_it_is(project: Project) -> None:
    project.write("single.py", SHOP.partition("def made")[0] + "@repository\ndef shop():\n    return [orders]\n")
    for asked in ([], ["-a", "shop"], ["-a", "orders"], ["-a", "shop.orders"]):
        done = project.command("run", "-f", "single.py", *asked)
        assert done.returncode == 0, done.stderr
        assert "this is orders" in done.stdout
    only = "@repository\ndef shop():\n    return {'pipelines': {'x': lambda: PipelineDefinition([say], 'x')}}\n"
    project.write("lone.py", SHOP.partition("@pipeline")[0] + only)
    assert "this is x" in project.command("run", "-f", "lone.py").stdout

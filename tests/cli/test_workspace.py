"""`cloudstore workspace` and `cloudstore api`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Project

SHOP = """
from core import lambda_solid, pipeline, repository, schedule
one = lambda_solid(name="one")(lambda: 1)
orders = pipeline(name="orders")(lambda: one())
nightly = schedule("0 2 * * *", pipeline_name="orders", name="nightly")(lambda context: {})
@repository
def shop(): return [orders, nightly]
"""


def test_what_a_workspace_names_is_listed(project: Project) -> None:
    project.write("shop.py", SHOP)
    project.write("workspace.yaml", "load_from: [python_file: shop.py, python_file: flights.py]")
    done = project.command("workspace", "list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines() if ".py" in line]
    assert [[each for each in line if each not in "│┃"] for line in lines] == [
        ["shop.py", "shop", "1", "pipeline,", "1", "schedule"],
        ["flights.py", "__repository__flights", "1", "pipeline"],
    ]
    assert project.command("workspace", "check").stdout == (
        "shop.py: shop (1 pipeline, 1 schedule)\nflights.py: __repository__flights (1 pipeline)\n"
    )


def test_what_cannot_be_loaded_is_told_with_its_traceback(project: Project) -> None:
    project.write("broken.py", "prices = {}['Oslo']")
    project.write("workspace.yaml", "load_from: [python_file: broken.py, python_file: flights.py]")
    done = project.command("workspace", "check")
    assert done.returncode == 1
    assert done.stdout == "flights.py: __repository__flights (1 pipeline)\n"
    assert "broken.py\", line 1, in <module>\n    prices = {}['Oslo']" in done.stderr
    assert done.stderr.endswith("broken.py could not be loaded: KeyError: 'Oslo'.\n")
    listed = project.command("workspace", "list")
    assert listed.returncode == 0
    assert "not loaded" in listed.stdout


def test_one_target_is_a_workspace_too(project: Project) -> None:
    project.write("shop.py", SHOP)
    assert project.command("workspace", "check", "-f", "shop.py").stdout == "shop.py: shop (1 pipeline, 1 schedule)\n"
    named = project.command("workspace", "check", "-m", "shop", "-a", "orders")
    assert named.stdout == "shop:orders: __repository__orders (1 pipeline)\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["workspace", "list"], 1, "Error: Cannot read workspace.yaml: No such file or directory."),
        (["workspace", "check", "-w", "flights.py"], 1, "is not YAML"),
        (["workspace", "check", "-f", "a.py", "-w", "b.yaml"], 2, "Give one of -w WORKSPACE, -f FILE"),
        (["workspace", "check", "-f", "a.py", "-m", "b"], 2, "Give one of -f FILE, -m MODULE"),
        (["workspace", "check", "-a", "b"], 2, "-a and -d belong to one of"),
        (["workspace", "check", "-f", "nowhere.py"], 1, "nowhere.py could not be loaded: FileNotFoundError"),
        (["api", "grpc", "--port", "0"], 2, "Name the code, with -f FILE"),
        (["api", "grpc", "-f", "flights.py"], 2, "Say where to listen, with --port or --socket."),
        (["api", "grpc", "-f", "flights.py", "--port", "1", "--socket", "a"], 2, "Say where to listen"),
        (["api", "grpc-health-check"], 2, "Say where the server listens"),
        (["api", "grpc-health-check", "--socket", "nowhere"], 1, "Error: No code server answers at nowhere"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    project: Project, arguments: list[str], code: int, said: str
) -> None:
    done = project.command(*arguments)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback (most recent call last)\n" not in done.stderr

"""No modules import each other in a circle, not even for their types."""

from __future__ import annotations

import graphlib

import grimp
import pytest


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("core", "cloudstore", cache_dir=None)


def test_modules_can_be_put_in_an_order_in_which_each_imports_only_earlier_ones(graph: grimp.ImportGraph) -> None:
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imported) > 250
    graphlib.TopologicalSorter(imported).prepare()  # raises CycleError, with the modules of the circle

"""Every example of docs/testing.md, and that of docs/values.md on inputs, runs by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


def examples_of(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


EXAMPLES = [*examples_of("testing.md"), *(each for each in examples_of("values.md") if "root_input_manager" in each)]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert "assert " in EXAMPLES[number]
    exec(compile(EXAMPLES[number], f"example {number + 1}", "exec"), {"__name__": "example"})

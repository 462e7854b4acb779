"""The examples of docs/graphs.md hold, one after another in one program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCUMENT = (Path(__file__).parents[3] / "docs" / "graphs.md").read_text("utf-8")


def test_the_examples_hold() -> None:
    examples = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(examples) > 4
    namespace: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, "docs/graphs.md", "exec"), namespace)

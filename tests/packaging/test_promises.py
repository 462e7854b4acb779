"""Each promise of these pages names the tests that hold it, in a comment that readers of the page do not see.

A promise is whatever the page says: each paragraph, item of a list and table. Directly after it there is a comment,
`<!-- held by tests/...::test_name, ... -->`, or `<!-- no promise: why -->` where it does not begin in bold. What ends
with a colon introduces what follows, and has none.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("memoization.md", "runs.md", "security.md", "compute-logs.md", "hooks.md", "presets.md", "code-servers.md")

COMMENT = re.compile(r"<!-- (held by|no promise:)\s+(.*?)\s+-->", re.DOTALL)
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Each paragraph, item and table, with the comment after it or ""."""
    text = FENCE.sub("", (ROOT / "docs" / page).read_text("utf-8"))
    for part in re.split(r"\n\s*\n(?! *<!--)", text):
        for block in re.split(r"\n(?=- |\d+\. )", part.strip("\n")):
            if block.strip() and not re.fullmatch(r"#+ .*|(    .*\n?)+", block):
                said, begin, comment = block.partition("<!--")
                yield " ".join(said.split()), begin + comment.rstrip()


@functools.cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))


def fault(text: str, comment: str) -> str | None:
    """What is wrong with the comment of a block; None where it is right, or none is needed."""
    if not comment:
        return None if text.endswith(":") else "has no comment that names its tests"
    found = COMMENT.fullmatch(comment)
    if found is None:
        return f"has a comment of another form: {comment}"
    if found[1] == "no promise:":
        return "promises something, as its beginning in bold says" if text.startswith("- **") else None
    for name in re.split(r",\s+", found[2]):
        path, _, function = name.partition("::")
        if not path.startswith("tests/") or not (ROOT / path).is_file():
            return f"names a file that is not there: {name}"
        if not function.startswith("test_") or function not in functions_of(ROOT / path):
            return f"names a test that is not there: {name}"
    return None


@pytest.mark.parametrize("page", PAGES)
def test_each_promise_names_the_tests_that_hold_it(page: str) -> None:
    found = list(blocks(page))
    assert [(text, told) for text, comment in found if (told := fault(text, comment))] == []
    assert len(found) >= 8
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert text.count("<!--") == sum(1 for _, comment in found if comment), "no comment is passed over"


HELD = "tests/packaging/test_promises.py::test_what_is_no_comment_is_told"


@pytest.mark.parametrize(
    ("text", "comment", "told"),
    [
        ("- **Complete.** All of it.", "", "has no comment"),
        ("It is complete.", "", "has no comment"),
        ("In a bucket:", "", None),
        ("It is complete.", f"<!-- held by {HELD} -->", None),
        ("It is complete.", f"<!-- held by\n{HELD},\n{HELD} -->", None),
        ("It is complete.", f"<!-- held by {HELD}x -->", "a test that is not there"),
        ("It is complete.", f"<!-- held by {HELD}, tests/test_none.py::test_x -->", "a file that is not there"),
        ("It is complete.", "<!-- held by tests/packaging/test_promises.py::blocks -->", "a test that is not there"),
        ("It is complete.", "<!-- held by somebody", "another form"),
        ("It is complete.", f"<!-- held by {HELD} --> And more.", "another form"),
        ("Use it so.", "<!-- no promise: advice -->", None),
        ("- **Complete.** All of it.", "<!-- no promise: advice -->", "promises something"),
    ],
)
def test_what_is_no_comment_is_told(text: str, comment: str, told: str | None) -> None:
    found = fault(text, comment)
    assert (found is None) if told is None else (found is not None and told in found)

"""The examples of the pages in docs that are written as a session with Python: each prints what is written there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

PAGES = sorted(Path(__file__).parents[2].glob("docs/*.md"))
SESSION = re.compile(r"```pycon\n(.*?)```", re.DOTALL)
WITH_EXAMPLES = [page for page in PAGES if SESSION.search(page.read_text("utf-8"))]


def test_pages_have_examples() -> None:
    assert "schedules.md" in [page.name for page in WITH_EXAMPLES]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_every_example_prints_what_is_written(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sessions of a page are one, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    text = "\n".join(SESSION.findall(page.read_text("utf-8")))
    examples = doctest.DocTestParser().get_doctest(text, {"__name__": page.stem}, page.name, str(page), 0)
    assert len(examples.examples) > 2
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(examples)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out

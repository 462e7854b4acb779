"""The examples of the pages in docs run as they are written: those of a page one after another, in one place."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

from core import PipelineDefinition, execute_pipeline

DOCS = Path(__file__).parents[2] / "docs"
SESSIONS, PYTHON = (re.compile(rf"```{kind}\n(.*?)```", re.DOTALL) for kind in ("pycon", "python"))
WITH_SESSIONS = [page.name for page in sorted(DOCS.glob("*.md")) if SESSIONS.search(page.read_text("utf-8"))]
# Those of memoization, instance and compute logs need more around them, and have tests of their own.
WITH_PROGRAMS = ["hooks.md", "presets.md"]
EACH_BY_ITSELF = [
    (page, number, program)
    for page in ("config.md", "types.md")
    for number, program in enumerate(PYTHON.findall((DOCS / page).read_text("utf-8")))
]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path


def test_pages_have_examples() -> None:
    assert "schedules.md" in WITH_SESSIONS


@pytest.mark.parametrize("page", WITH_SESSIONS)
def test_a_session_prints_what_is_written(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(SESSIONS.findall((DOCS / page).read_text("utf-8")))
    session = doctest.DocTestParser().get_doctest(text, {"__name__": page}, page, str(DOCS / page), 0)
    assert len(session.examples) > 2
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(session)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out


@pytest.mark.parametrize("page", WITH_PROGRAMS)
def test_programs_run_and_so_do_their_pipelines(page: str, somewhere: Path) -> None:
    names: dict[str, Any] = {"__name__": page, "__file__": str(somewhere / "example.py")}
    programs = PYTHON.findall((DOCS / page).read_text("utf-8"))
    assert programs
    for number, program in enumerate(programs):
        exec(compile(program, f"{page}, example {number}", "exec", dont_inherit=True), names)
    for pipeline in [each for each in names.values() if isinstance(each, PipelineDefinition)]:
        for preset in [each.name for each in pipeline.preset_defs] or [None]:
            assert execute_pipeline(pipeline, preset=preset).success


@pytest.mark.parametrize(
    ("page", "number", "program"), EACH_BY_ITSELF, ids=[f"{page}-{number}" for page, number, _ in EACH_BY_ITSELF]
)
def test_a_program_runs_by_itself(page: str, number: int, program: str) -> None:
    exec(compile(program, f"{page}, example {number}", "exec", dont_inherit=True), {"__name__": "example"})

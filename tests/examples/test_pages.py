"""The examples of the pages in docs hold as they are written, those of a page one after another in a folder of its own.

- `python` is executed. Where its first line names a file, as `# hello.py`, it is written there before.
- `yaml` is written to the file that its first line names.
- `pycon` is a session: what it prints is what is written, and so is the error that a mistake gives.
- `console` has commands of `cloudstore`, each after `$`, and all that they print.
- `sh` is not run, for it is about the reader's own files. That its commands and options are there is looked up, as of
  those in the text.

The word `my-bucket` stands for a bucket that is there.
"""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner

from cloudstore.cli import main
from core import PipelineDefinition, execute_pipeline
from core.values.codecs import registry

ROOT = Path(__file__).parents[2]
PAGES = {str(page.relative_to(ROOT)): page.read_text("utf-8") for page in [*ROOT.glob("docs/*.md"), ROOT / "README.md"]}
FOLDERS = ("docs", "examples", "benchmarks", "localstack")
MARKDOWN = [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
RUN_HERE = {"python", "pycon", "console"}

# What needs more around it than a folder has a test of its own, which reads the page.
ELSEWHERE = {
    "README.md": "tests/examples/test_readme.py",  # the commands of a shell, on a server
    "docs/compute-logs.md": "tests/cloudstore/compute_logs/test_docs.py",  # each an instance
    "docs/instance.md": "tests/core/instance/test_docs_examples.py",  # each an instance, some on PostgreSQL
    "docs/memoization.md": "tests/core/execution/memo/test_docs.py",  # files are changed by a shell between commands
    "docs/permissions.md": "tests/cloudstore/test_permissions.py",  # policies, on a server that heeds them
}
# Each example of these can be pasted alone.
EACH_ALONE = {"docs/config.md", "docs/testing.md", "docs/types.md", "docs/values.md"}
# These show YAML that belongs to no file of the page.
UNNAMED = {"docs/io-managers.md", "docs/launching.md"}
# These define pipelines that they do not execute: that is done here, with each preset.
ONLY_DEFINED = {"docs/hooks.md", "docs/presets.md"}
CHECKER, FLAGS = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def short(page: Path) -> str:
    return str(page.relative_to(ROOT))


class Example(NamedTuple):
    language: str
    text: str
    line: int

    @property
    def file_name(self) -> str | None:
        """What the first line names: `# hello.py`."""
        named = re.match(r"# ([\w.-]+\.\w+)\n", self.text)
        return named[1] if named else None


def examples_of(page: str) -> list[Example]:
    text = PAGES[page]
    return [Example(each[2], each[3], text.count("\n", 0, each.start(3))) for each in FENCED.finditer(text)]


HERE = sorted(page for page in PAGES.keys() - ELSEWHERE if RUN_HERE & {each.language for each in examples_of(page)})


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The names of a program in a folder of its own; what its modules and codecs leave in this process goes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    for codecs in ("_by_name", "_by_type"):
        monkeypatch.setattr(registry, codecs, {**getattr(registry, codecs)})
    modules, path = set(sys.modules), list(sys.path)
    yield {"__name__": "example", "__file__": str(tmp_path / "example.py")}
    sys.path[:] = path
    for module in {each.stem for each in tmp_path.glob("*.py")} & (sys.modules.keys() - modules):
        del sys.modules[module]


def run_session(page: str, example: Example, names: dict[str, Any]) -> None:
    session = doctest.DocTestParser().get_doctest(example.text, {}, page, str(ROOT / page), example.line)
    session.globs = names
    told: list[str] = []
    failed, _ = doctest.DocTestRunner(verbose=False, optionflags=FLAGS).run(session, out=told.append, clear_globs=False)
    assert not failed, "".join(told)


def run_commands(page: str, example: Example) -> None:
    for session in re.split(r"^\$ ", example.text, flags=re.MULTILINE)[1:]:
        command, _, wanted = session.partition("\n")
        program, *arguments = shlex.split(command)
        assert program == "cloudstore", f"{page}: {command}"
        printed = CliRunner().invoke(main, arguments, prog_name="cloudstore").output
        assert CHECKER.check_output(wanted, printed, FLAGS), f"{page}: $ {command}\n{printed}"


@pytest.mark.parametrize("page", HERE)
def test_the_examples_of_a_page_hold(page: str, names: dict[str, Any], request: pytest.FixtureRequest) -> None:
    bucket = "my-bucket"
    if any(bucket in each.text for each in examples_of(page) if each.language in RUN_HERE):
        bucket = request.getfixturevalue("bucket")
        for variable, value in request.getfixturevalue("s3_server").environment().items():
            request.getfixturevalue("monkeypatch").setenv(variable, value)
    first = dict(names)
    for each in examples_of(page):
        example = each._replace(text=each.text.replace("my-bucket", bucket))
        if example.file_name:
            Path(example.file_name).write_text(example.text, "utf-8")
        match example.language:
            case "python":
                if page in EACH_ALONE:
                    names.clear()
                    names.update(first)
                exec(compile("\n" * example.line + example.text, ROOT / page, "exec", dont_inherit=True), names)
            case "pycon":
                run_session(page, example, names)
            case "console":
                run_commands(page, example)
    if page in ONLY_DEFINED:
        for pipeline in [each for each in names.values() if isinstance(each, PipelineDefinition)]:
            for preset in [each.name for each in pipeline.preset_defs] or [None]:
                assert execute_pipeline(pipeline, preset=preset).success


def test_every_page_is_run_here_or_elsewhere() -> None:
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text("utf-8"), (page, test)
    assert ELSEWHERE.keys() <= PAGES.keys()
    assert {*EACH_ALONE, *ONLY_DEFINED} <= {*HERE}
    assert len(HERE) > 10
    for page in PAGES.keys() - ELSEWHERE:
        kinds = {each.language for each in examples_of(page)}
        assert kinds <= {*RUN_HERE, "yaml", "sh", ""}, page
        assert all(each.file_name for each in examples_of(page) if each.language == "yaml" and page not in UNNAMED), (
            page
        )


def commands_in(text: str) -> set[str]:
    """What begins with `cloudstore` in code between backticks, in blocks for a shell, and in sessions."""
    blocks = "\n".join(each[3] for each in FENCED.finditer(text) if each[2] in ("sh", "console"))
    lines = re.findall(r"^(?:\$ )?(cloudstore .*?)(?: +#.*| *>.*)?$", blocks.replace("\\\n", ""), re.MULTILINE)
    spans = re.findall(r"(?<!`)`(cloudstore [^`]+)`(?!`)", FENCED.sub("", text))
    return {" ".join(each.split()) for each in [*lines, *spans]}


def fault_of(command: str) -> str | None:
    """What of a command is not there; words in it may stand for the reader's own."""
    found: click.Command = main
    words = command.split()[1:]
    while isinstance(found, click.Group) and words and words[0] in found.commands:
        found = found.commands[words.pop(0)]
    if isinstance(found, click.Group) and words and re.fullmatch("[a-z-]+", words[0]) and not words[0].startswith("-"):
        return f"no command {words[0]}"
    known = {option for each in found.params for option in [*each.opts, *each.secondary_opts]} | {"--help", "-h"}
    if found.name == "logs" and isinstance(found, click.Group):
        known |= {option for each in found.commands["show"].params for option in each.opts}  # type: ignore[attr-defined]
    given = {word.partition("=")[0].strip("[]") for word in words if re.match(r"\[?--?[a-z]", word)}
    return f"no option {', '.join(sorted(given - known))}" if given - known else None


@pytest.mark.parametrize("page", sorted(MARKDOWN), ids=short)
def test_commands_that_a_page_names_are_there(page: Path) -> None:
    assert {each: told for each in commands_in(page.read_text("utf-8")) if (told := fault_of(each))} == {}


def test_what_is_no_command_is_told() -> None:
    assert fault_of("cloudstore rum -f a.py") == "no command rum"
    assert fault_of("cloudstore run --modus s3 -f a.py") == "no option --modus"
    assert fault_of("cloudstore runs show RUN --json") is None
    assert commands_in("Say `cloudstore a`.\n```sh\ncloudstore b -c x \\\n  --d  # e\n```\n") == {
        "cloudstore a",
        "cloudstore b -c x --d",
    }


def headings(text: str) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", sorted(MARKDOWN), ids=short)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text)):
        path, _, anchor = link.partition("#")
        if "://" not in link:
            target = (page.parent / path) if path else page
            assert target.exists(), link
            assert not anchor or anchor in headings(target.read_text("utf-8")), link


def test_the_readme_lists_every_page() -> None:
    assert {page for page in PAGES if page.startswith("docs/") and f"]({page})" not in PAGES["README.md"]} == set()


def test_the_page_of_the_command_line_names_every_command() -> None:
    named = commands_in(PAGES["docs/command-line.md"])
    assert {name for name in main.commands if not any(each.startswith(f"cloudstore {name}") for each in named)} == set()

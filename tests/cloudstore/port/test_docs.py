"""What docs/coming-from-dagster.md says of where things are holds."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from cloudstore.cli import main
from cloudstore.port.names import home_of_module

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "coming-from-dagster.md").read_text("utf-8")


def rows() -> list[tuple[list[str], list[str]]]:
    """What is in code in both columns of the table."""
    lines = [
        line.split("|") for line in PAGE.partition("## Where things are")[2].splitlines() if line.startswith("| `")
    ]
    return [(re.findall("`([^`]+)`", there), re.findall("`([^`]+)`", here)) for _, there, here, _ in lines]


def test_modules_are_where_the_page_says() -> None:
    modules = [(there, here) for there, here in rows() if not there or " " not in there[0]]
    assert len(modules) == 8
    for there, here in modules:
        for module, home in zip(there, here, strict=False):
            importlib.import_module(home)
            assert home_of_module(module) == home
    assert "dagster.core" not in {home for _, here in modules for home in here}


def test_commands_are_those_of_the_page() -> None:
    for command in {each for _, here in rows() for each in here if each.startswith("cloudstore ")}:
        words = [word for word in command.split()[1:] if word.islower() and not word.startswith("-")]
        done = CliRunner().invoke(main, [*words, "--help"])
        assert done.exit_code == 0, command
        for option in re.findall(r"(?<= )--?\w+", command):
            assert option in done.output, command


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([\w-]+\.md)", PAGE):
        assert (DOCS / link).is_file(), link


def test_the_example_of_a_name_that_is_not_here() -> None:
    [statement] = re.findall("`(from core import [^`]+)`", PAGE)
    done = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True)
    assert "is not in 'core'. Use assert" in done.stderr
    [line] = re.findall(r"^pipelines.py:3: (.*) \.\.\.$", PAGE, re.MULTILINE)
    from cloudstore.port.code import port_code

    assert port_code(b"\n\nfrom dagster import check\n").notes[0].text.startswith(line)

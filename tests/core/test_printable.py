"""Text that is shown: one line or several, without anything that acts on a terminal, and otherwise as it was."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import cloudstore
import core
from core.printable import PrintableOutput, printable, printable_lines

TEXTS = st.text(st.characters(codec=None), max_size=30) | st.text(
    st.sampled_from("\x00\x07\x08\x1b\x7f\x80\x9b\u202e\u2066\u2028\ud800\udcff\r\n\t[]m;0a"), max_size=30
)
COLOUR = re.compile("\x1b\\[[0-9;:]*m")


@given(TEXTS)
def test_a_printable_text_is_one_line_and_says_what_it_was(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()
    if "\\" not in text:
        assert ast.literal_eval("'" + shown.replace("'", "\\'") + "'") == text


@given(TEXTS)
def test_printable_lines_keep_their_lines(text: str) -> None:
    assert printable_lines(text).split("\n") == [printable(line).replace("\\t", "\t") for line in text.split("\n")]


@given(st.lists(TEXTS))
def test_output_in_chunks_is_shown_as_in_one(chunks: list[str]) -> None:
    whole = PrintableOutput().take("".join(chunks), is_last=True)
    output = PrintableOutput()
    assert "".join([*map(output.take, chunks), output.take("", is_last=True)]) == whole
    assert not [each for each in COLOUR.sub("", whole) if not each.isprintable() and each not in "\n\t"]


def test_commands_print_by_one_module_only() -> None:
    """What others hand over is text or records; so no text can come to a terminal by another way."""
    printers = re.compile(
        r"click\.(?:echo|secho|style)\(|Console\(\)|[^.]\bprint\(|\bText\(|\.add_column\(|from_markup"
    )
    folders = [Path(core.__file__).parent / "cli", *Path(cloudstore.__file__).parent.glob("doctor")]
    files = [*(file for folder in folders for file in folder.rglob("*.py"))]
    files += [Path(cloudstore.__file__).parent / name for name in ("cli.py", "dev_server.py")]
    found = {file.name: printers.findall(file.read_text()) for file in files}
    assert {name for name, calls in found.items() if calls} == {"terminal.py", "progress.py", "dev_server.py"}
    assert found["dev_server.py"] == ["click.echo("]
    assert set(found["progress.py"]) == {"Text("}  # of lines that are printable already

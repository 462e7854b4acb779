"""The one way by which commands print: whatever the text, it changes neither the terminal nor the form of the output.

Other modules hand over plain text, cells and records; none of them prints by itself.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.printable import PrintableOutput, printable, printable_lines
from core.serdes import to_json

__all__ = [
    "Commands",
    "cell",
    "draw",
    "is_terminal",
    "say",
    "say_fields",
    "say_json",
    "say_output",
    "table",
]


def is_terminal() -> bool:
    """Whether the output goes to a terminal, and so to a person."""
    return sys.stdout.isatty()


def say(text: str, err: bool = False) -> None:
    """Prints text; its line breaks are the caller's own.

    Args:
        text: the text.
        err: to stderr.
    """
    click.echo(printable_lines(text), err=err)


def say_fields(cells: Iterable[str]) -> None:
    """Prints a line of fields, separated by tabs, for other programs."""
    click.echo("\t".join(" ".join(printable(cell).split()) for cell in cells))


def say_json(record: object) -> None:
    """Prints a line of JSON; what a terminal would act on is escaped there, which changes nothing of what it says."""
    text = to_json(record, replace_surrogates=True)
    if not _can_print(text):
        text = "".join(each if " " <= each <= "~" else _json_escape(each) for each in text)
    click.echo(text)


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return text.isprintable()


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def cell(*lines: str, style: str = "") -> Text:
    """Lines of text for a table, or to `draw`; nothing in them is markup."""
    return Text("\n".join(map(printable, lines)), style)


def table(columns: Sequence[tuple[str, dict[str, Any]]], title: str | None = None, **options: Any) -> Table:
    """A table without rows.

    Args:
        columns: the header of each, which is ours, and what rich is told about it.
        title: shown above it, in full.
        options: of the table.
    """
    shown = None if title is None else Text(printable(title), "bold")
    made = Table(title=shown, title_justify="left", **options)
    for name, about in columns:
        made.add_column(name, **about)
    return made


def draw(drawn: Table | Text) -> None:
    """Prints a table, or text with styles that `cell` made."""
    Console().print(drawn)


def say_output(chunks: Iterable[str], raw: bool) -> None:
    """Prints what a program wrote, as it comes.

    Args:
        chunks: pieces of it.
        raw: whether to print them as they are; otherwise as `PrintableOutput` shows them.
    """
    output = PrintableOutput()
    for chunk in chunks:
        click.echo(chunk if raw else output.take(chunk), nl=False, color=True)  # else click leaves colours out
    if not raw:
        click.echo(f"{output.take('', is_last=True)}\x1b[0m", nl=False)  # a colour does not outlast the log


class Commands(click.Group):
    """A group of commands whose errors are printed as all else is, also those of click, which quote what was typed."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters than a name has
        try:
            run: Any = self.main
            code = run(*args, standalone_mode=False, **options)
        except click.ClickException as error:
            message = io.StringIO()
            error.show(message)
            say(message.getvalue().rstrip("\n"), err=True)
            code = error.exit_code
        except click.Abort:
            say("Aborted!", err=True)
            code = 1
        sys.exit(code)

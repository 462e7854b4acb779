"""The one way by which commands print: whatever the text, it changes neither the terminal nor the form of the output.

Other modules hand over plain text, cells and records; none of them prints by itself.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from core.cli.output.grid import Column, Grid
from core.printable import PrintableOutput, printable, printable_lines
from core.serdes import to_json

__all__ = [
    "Commands",
    "cell",
    "draw",
    "is_terminal",
    "json_document",
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


@contextmanager
def json_document(as_json: bool) -> Iterator[Callable[[object], None]]:
    """Within the block, what is printed goes to stderr, whoever prints it: the user's code and its children too.

    Args:
        as_json: False to change nothing.

    Yields:
        What takes the one record that is printed to stdout, as a document of JSON, when the block ends well.
    """
    documents: list[object] = []
    with _stdout_to_stderr() if as_json else nullcontext():
        yield documents.append
    if as_json:
        for document in documents:
            say_json(document)


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    sys.stdout.flush()
    try:
        ours = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed, so there is nothing to keep apart
        yield
        return
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(ours, 1)
        os.close(ours)


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


class _Table(Grid):
    """A grid that rich can print. Where names do not fit, it has no frame: only the terminal breaks them."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self.title is not None:
            yield _whole(self.title)
        shown = self.shown(options.max_width)
        yield from [self._framed(shown)] if self.width(shown) <= options.max_width else self._lines(shown)

    def _framed(self, shown: Sequence[int]) -> Table:
        framed = Table()
        for column in (self.columns[at] for at in shown):
            justify: Any = "right" if column.is_number else "left"
            framed.add_column(column.name, justify=justify, no_wrap=not column.is_prose, overflow="fold")
        for number, cells, style in self.rows_of(shown):
            framed.add_row(*map(_text, cells), style=style, end_section=number in self.sections)
        return framed

    def _lines(self, shown: Sequence[int]) -> Iterator[Text]:
        is_prose = [self.columns[at].is_prose for at in shown]
        for _, cells, style in self.rows_of(shown):
            texts = [(of, _text(each)) for of, each in zip(is_prose, cells, strict=True) if str(each)]
            yield _whole(Text("  ", style).join(each for of, each in texts if not of))
            yield from (_whole(Text("  ").append(line)) for of, each in texts if of for line in each.split())


def table(columns: Sequence[Column], title: str | None = None) -> Grid:
    """A table without rows.

    Args:
        columns: what it has.
        title: shown above it, in full.
    """
    return _Table(columns, None if title is None else cell(title, style="bold"))


def draw(drawn: Grid | Text) -> None:
    """Prints a table, or text with styles that `cell` made. Only a terminal has a width."""
    if isinstance(drawn, Text):
        Console().print(drawn, soft_wrap=True)
    else:
        width = None if is_terminal() else drawn.width(drawn.shown(None), is_whole=True)
        Console(width=width).print(drawn, crop=False)


def _whole(text: Text) -> Text:
    """A text of which each line stays one, as wide as it is."""
    text.no_wrap, text.overflow = True, "ignore"
    return text


def _text(given: Text | str) -> Text:
    return given if isinstance(given, Text) else Text(given)


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
            _advised(error).show(message)
            say(message.getvalue().rstrip("\n"), err=True)
            code = error.exit_code
        except click.Abort:
            say("Aborted!", err=True)
            code = 1
        sys.exit(code)


def _advised(error: click.ClickException) -> click.ClickException:
    """The error; it says where a file belongs that was given without an option to a command that takes one with -f."""
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return error
    takes_file = any("-f" in parameter.opts for parameter in error.ctx.command.params)
    if not takes_file or not error.message.startswith("Got unexpected extra argument"):
        return error
    return click.UsageError(f"{error.message} Name the code of the pipeline with -f FILE or -m MODULE.", error.ctx)

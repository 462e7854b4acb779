"""Text that comes from elsewhere, as it is shown to people: it can neither move the cursor nor forge a line.

Names, tags, ids, messages, paths and metadata are data, whoever wrote them. Shown are the characters that Python calls
printable. Others (controls with ESC, DEL and C1, marks that turn the direction of writing, lone surrogates, invisible
ones) are escaped as in a Python string, such as `\\x1b` or `\\u202e`.
"""

from __future__ import annotations

import re

_COLOUR = re.compile("\x1b\\[[0-9;:]*m")
_COLOUR_BEGINS = re.compile("\x1b(?:\\[[0-9;:]{0,64})?$")


def printable(text: str) -> str:
    """The text as one line: line breaks and tabs are escaped too."""
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """The text with its lines and tabs; everything else in it as `printable` shows it."""
    if text.isprintable():
        return text
    return "".join(each if each in "\n\t" else _shown(each) for each in text)


class PrintableOutput:
    """Makes what a program prints harmless to a terminal, chunk by chunk: lines, tabs and colours stay.

    A carriage return ends a line, as a newline does: nothing is written over.
    """

    def __init__(self) -> None:
        self._held = ""

    def take(self, chunk: str, is_last: bool = False) -> str:
        """The next piece to show; the beginning of a colour is held back until the next chunk."""
        text = self._held + chunk
        begun = re.search("\r$", text) or _COLOUR_BEGINS.search(text)
        at = len(text) if begun is None or is_last else begun.start()
        text, self._held = text[:at], text[at:]
        return _with_colours(text.replace("\r\n", "\n").replace("\r", "\n"))


def _with_colours(text: str) -> str:
    plain = map(printable_lines, _COLOUR.split(text))
    colours = [*_COLOUR.findall(text), ""]
    return "".join(piece for pair in zip(plain, colours, strict=True) for piece in pair)


def _shown(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]

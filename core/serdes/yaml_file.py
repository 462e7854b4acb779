"""Reading YAML: files that hold a mapping, and single values. All YAML that this package reads is read here.

It is the core schema of YAML 1.2, one document, within bounds (`core.serdes.yaml_bounds`), with `<<`. Any text is a
value or one DagsterInvalidConfigError. No message of this module quotes a text: it may hold a password.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from core.config import ConfigFault, raise_faults
from core.errors import DagsterInvalidConfigError
from core.printable import printable
from core.serdes.yaml_bounds import MAX_BYTES
from core.wording import a_kind_of

if TYPE_CHECKING:
    import yaml

    from core.serdes.yaml_nodes import KeyPath, Places

_LONGEST_SIMPLE_KEY = 1000  # characters; YAML takes longer keys and other kinds only after a "?"

# What PyYAML says of these quotes the text.
_SENTENCES = (
    ("undefined alias", "this alias names an anchor that does not exist; put text that begins with * in quotes"),
    ("duplicate anchor", "this anchor is defined twice; put text that begins with & in quotes"),
    (" tag", "this tag is not known; put text that begins with ! in quotes"),
    ("another document", "a second document begins here; leave out the --- line"),
)


class YamlFile(msgspec.Struct, frozen=True):
    """What a YAML file holds, and where.

    Attributes:
        path: the file.
        content: the mapping in it; of a key that is there twice, the last value.
        faults: one for each key that is there again, with its line.
        root: PyYAML's node of the mapping; None in an empty file.
        places: where the nodes below `root` are.
    """

    path: Path
    content: dict[str, Any] = {}
    faults: tuple[ConfigFault, ...] = ()
    root: Any = None
    places: Any = None

    def line_of(self, path: KeyPath) -> int:
        """The line, counted from 1, of the key or item at `path`, or of the nearest above it that is there."""
        return self._nearest(path)[0] + 1

    def has(self, path: KeyPath) -> bool:
        """Whether the file itself has the key or item at `path`."""
        return self._nearest(path)[2] == len(path)

    def text_of(self, path: KeyPath) -> str | None:
        """How the number, truth value or null at `path` is written; None of anything else."""
        _, node, depth = self._nearest(path)
        is_plain = node is not None and depth == len(path) and node.id == "scalar" and node.style is None
        return node.value if is_plain and not node.tag.endswith(":str") else None

    def _nearest(self, path: KeyPath) -> tuple[int, Any, int]:
        """Line, counted from 0, and node of the nearest to `path` that is there, and how much of `path` that is."""
        node = self.root
        line: int = node.start_mark.line if node else 0
        for depth, part in enumerate(path):
            found = self.places.below(node, part) if self.places else None
            if found is None:
                return line, node, depth
            line, node = found
        return line, node, len(path)


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; that of an empty file is empty.

    Raises:
        DagsterInvalidConfigError: the file cannot be read, is not YAML, holds something else, or has a key twice;
            with its path and the line.
    """
    file = read_yaml_file(path)
    raise_faults(list(file.faults), file.content, printable(str(path)))
    return file.content


def read_yaml_file(path: Path, may_be_absent: bool = False) -> YamlFile:
    """The mapping in a YAML file with the lines of its keys.

    Args:
        path: the file.
        may_be_absent: take an absent file for an empty one.

    Raises:
        DagsterInvalidConfigError: the file cannot be read, is not YAML, or holds something else.
    """
    name = printable(str(path))
    try:
        content, root, repeated, places = _load(_bytes_of(path), name)
    except OSError as error:
        if may_be_absent and isinstance(error, FileNotFoundError | NotADirectoryError):
            return YamlFile(path)
        raise DagsterInvalidConfigError(f"Cannot read {name}: {error.strerror}.") from error
    if content is not None and not isinstance(content, dict):
        line = root.start_mark.line + 1
        raise DagsterInvalidConfigError(f"{name} must hold a mapping, not {a_kind_of(content)} (line {line}).")
    faults = [
        ConfigFault(key, f"this key is in line {first} already; keep one", file=str(path), line=line)
        for key, first, line in repeated
    ]
    return YamlFile(path, content or {}, tuple(faults), root, places)


def load_yaml(text: str, what: str) -> Any:
    """The value of a YAML text.

    Args:
        text: the YAML.
        what: what it is, for the message ("config of x.Y").

    Raises:
        DagsterInvalidConfigError: it is not YAML, or has a key twice; with the line, and nothing of the text.
    """
    value, _, repeated, _ = _load(text.encode("utf-8", "surrogatepass"), what)
    raise_faults([ConfigFault(key, "this key is there twice; keep one of them") for key, _, _ in repeated], None, what)
    return value


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _load(data: bytes, what: str) -> tuple[Any, Any, list[tuple[KeyPath, int, int]], Places]:
    """The value, its root node, the keys that are there again, and the places of what is below the root."""
    if len(data) > MAX_BYTES:
        raise DagsterInvalidConfigError(f"{what} has more than {MAX_BYTES:,} bytes; config is what people write.")
    import yaml  # 30 ms to import; most processes read no YAML

    from core.serdes.yaml_loader import CoreLoader
    from core.serdes.yaml_nodes import Places, UnusableNode, Values

    values = Values()
    try:
        text = data.decode("utf-8-sig")
        root = CoreLoader(text).get_single_node()
        return (None if root is None else values.of(root)), root, values.repeated, Places()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: this is not UTF-8 text"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"line {line}: the character #x{error.character:04x} cannot stand in YAML"
    except yaml.MarkedYAMLError as error:
        problem = _problem(error, text)
    except UnusableNode as error:
        problem = _at(error.node.start_mark, error.sentence)
    except (ValueError, OverflowError):  # PyYAML lets out what Python says of "\\UFFFFFFFF"
        problem = "an escape in quotes stands for no character; write \\\\ for a backslash"
    # Outside of the handlers, so that a traceback does not come with PyYAML's error, which quotes the text.
    raise DagsterInvalidConfigError(f"{what} is not YAML: {problem}.")


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    mark, problem = error.problem_mark or error.context_mark, error.problem or "not understood"
    if mark is not None and text[mark.index : mark.index + 1] == "\t":
        return _at(mark, "a tab stands here; write spaces, or put text with a tab in quotes")
    context = error.context or ""
    for part, sentence in _SENTENCES:
        if part in f"{context} {problem}":
            return _at(mark, sentence)
    if mark and error.context_mark and error.context_mark.line != mark.line:
        context += f" that begins in line {error.context_mark.line + 1}"
    return _at(mark, f"{context}, {problem}" if context else problem)


def _at(mark: yaml.Mark | None, sentence: str) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: {sentence}" if mark else sentence


def dump_yaml(value: Any) -> str:
    """A line of YAML for a value of the core schema, which `load_yaml` gives back; where that can be, it is JSON too.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, dict):
        return f"{{{','.join(f'{_dump_key(key)}{dump_yaml(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(dump_yaml, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' * (value < 0)}.inf"
    if isinstance(value, str):
        return '"' + "".join(map(_in_quotes, value)) + '"'
    if not (value is None or isinstance(value, bool | int | float)):
        raise TypeError(f"YAML holds no {type(value).__name__}.")
    return "null" if value is None else str(value).lower()


def _dump_key(key: Any) -> str:
    text = dump_yaml(key)
    return f"{text}:" if text.startswith('"') and len(text) < _LONGEST_SIMPLE_KEY else f"? {text} : "


def _in_quotes(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"

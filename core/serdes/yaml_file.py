"""Reading YAML files that hold a mapping. No message quotes the text of a file: it may hold a password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from core.config import ConfigFault, raise_faults
from core.errors import DagsterInvalidConfigError
from core.serdes.yaml_nodes import Inspection, KeyPath, UnusableNode, below

if TYPE_CHECKING:
    import yaml

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
    """

    path: Path
    content: dict[str, Any] = {}
    faults: tuple[ConfigFault, ...] = ()
    root: Any = None

    def line_of(self, path: KeyPath) -> int:
        """The line, counted from 1, of the key or item at `path`, or of the nearest above it that is there."""
        node = self.root
        line: int = node.start_mark.line if node else 0
        for part in path:
            found = below(node, part)
            if found is None:
                break
            line, node = found
        return line + 1


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; that of an empty file is empty.

    Raises:
        DagsterInvalidConfigError: the file cannot be read, is not YAML, holds something else, or has a key twice;
            with its path and the line.
    """
    file = read_yaml_file(path)
    raise_faults(list(file.faults), file.content, str(path))
    return file.content


def read_yaml_file(path: Path, may_be_absent: bool = False) -> YamlFile:
    """The mapping in a YAML file with the lines of its keys.

    Args:
        path: the file.
        may_be_absent: take an absent file for an empty one.

    Raises:
        DagsterInvalidConfigError: the file cannot be read, is not YAML, or holds something else.
    """
    try:
        content, root, inspection = _load(path.read_bytes(), str(path))
    except OSError as error:
        if may_be_absent and isinstance(error, FileNotFoundError | NotADirectoryError):
            return YamlFile(path)
        raise DagsterInvalidConfigError(f"Cannot read {path}: {error.strerror}.") from error
    if content is not None and not isinstance(content, dict):
        line = root.start_mark.line + 1
        raise DagsterInvalidConfigError(f"{path} must hold a mapping, not a {type(content).__name__} (line {line}).")
    faults = [
        ConfigFault(key, f"this key is in line {first} already; keep one", file=str(path), line=line)
        for key, first, line in inspection.repeated
    ]
    return YamlFile(path, content or {}, tuple(faults), root)


def load_yaml(text: str, what: str) -> Any:
    """The value of a YAML text.

    Args:
        text: the YAML.
        what: what it is, for the message ("config of x.Y").

    Raises:
        DagsterInvalidConfigError: it is not YAML; with the line, and nothing of the text.
    """
    return _load(text.encode("utf-8", "surrogatepass"), what)[0]


def _load(data: bytes, what: str) -> tuple[Any, Any, Inspection]:
    import yaml  # 30 ms to import; most processes read no YAML

    inspection = Inspection()
    try:
        text = data.decode("utf-8")
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return None, None, inspection
        inspection.visit(loader, root, ())
        return loader.construct_document(root), root, inspection
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
    except RecursionError:
        problem = "it is nested too deeply"
    # Outside of the handlers, so that a traceback does not come with PyYAML's error, which quotes the text.
    raise DagsterInvalidConfigError(f"{what} is not YAML: {problem}.")


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    mark, problem = error.problem_mark or error.context_mark, error.problem or "not understood"
    if mark is not None and text[mark.index : mark.index + 1] == "\t":
        return _at(mark, "a tab stands where YAML takes only spaces; replace it by spaces")
    context = error.context or ""
    for part, sentence in _SENTENCES:
        if part in f"{context} {problem}":
            return _at(mark, sentence)
    if mark and error.context_mark and error.context_mark.line != mark.line:
        context += f" that begins in line {error.context_mark.line + 1}"
    return _at(mark, f"{context}, {problem}" if context else problem)


def _at(mark: yaml.Mark | None, sentence: str) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: {sentence}" if mark else sentence

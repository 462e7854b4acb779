"""`dagster.yaml` of Dagster 0.11, rewritten: the modules of the classes that it names."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from cloudstore.port.code import Ported
from cloudstore.port.names import home_of_class, is_of_dagster
from cloudstore.port.notes import Note, note_on


def port_instance_file(content: bytes) -> Ported:
    """Rewrites a `dagster.yaml`. All but names of modules stays.

    Raises:
        yaml.YAMLError: it is not YAML.
        UnicodeDecodeError: it is not UTF-8.
    """
    text = content.decode("utf-8")
    notes: list[Note] = []
    changes: list[tuple[int, int, str]] = []
    for module, cls in _classes(yaml.compose(text, yaml.SafeLoader)):
        if not is_of_dagster(module.value):
            continue
        home = home_of_class(module.value, cls.value)
        if home is None:
            notes.append(note_on(module.start_mark.line + 1, module.value, cls.value))
        else:
            changes.append((module.start_mark.index, module.end_mark.index, home))
    for start, end, home in sorted(changes, reverse=True):
        quote = text[start] if text[start] in "'\"" else ""
        text = f"{text[:start]}{quote}{home}{quote}{text[end:]}"
    return Ported(text.encode("utf-8"), sorted(notes))


def _classes(node: yaml.Node | None) -> Iterator[tuple[yaml.ScalarNode, yaml.ScalarNode]]:
    """The scalars of each mapping that has both a `module` and a `class`."""
    waiting, seen = [node], set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:  # an alias
            continue
        seen.add(id(each))
        if isinstance(each, yaml.MappingNode):
            named = {key.value: value for key, value in each.value if isinstance(key, yaml.ScalarNode)}
            module, cls = named.get("module"), named.get("class")
            if isinstance(module, yaml.ScalarNode) and isinstance(cls, yaml.ScalarNode):
                yield module, cls
            waiting += [value for _, value in each.value]
        elif isinstance(each, yaml.SequenceNode):
            waiting += each.value

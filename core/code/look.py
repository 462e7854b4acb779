"""One look at live objects: a node for each that is met, and the queue of those whose contents are to be told."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from core.code.file_names import module_of
from core.code.node import Node, plain_form
from core.code.origins import Origin, Owner, origin_of, origin_of_namespace
from core.code.places import Places
from core.code.sources import SourcesNow

_BLIND = {
    **dict.fromkeys(("builtins.eval", "builtins.exec"), "code that is made as it runs"),
    **dict.fromkeys(
        ("builtins.__import__", "importlib.import_module", "importlib.__import__", "importlib.util.find_spec",
         "importlib.util.spec_from_file_location", "importlib.metadata.entry_points", "pkgutil.iter_modules",
         "pkgutil.walk_packages", "pkgutil.resolve_name", "runpy.run_module", "runpy.run_path", "sys.modules"),
        "a module that is found by a computed name",
    ),
    **dict.fromkeys(
        ("sys._getframe", "sys._current_frames", "inspect.currentframe", "inspect.stack", "gc.get_objects",
         "gc.get_referrers", "gc.get_referents"),
        "objects that are found as it runs",
    ),
}  # fmt: skip


class Space(NamedTuple):
    """A namespace: that of a module, as a rule.

    Attributes:
        names: its names, as they are now.
        name: of the module, as people know it; a script's is that of its file, however the file was loaded.
        origin: whose it is.
    """

    names: dict[str, Any]
    name: str
    origin: Origin


class Look:
    """What is found while objects are walked.

    Attributes:
        nodes: those met so far, each at the index that is its number.
        waiting: those whose contents are still to be told.
        sources: the files, as they are now.
        failed: why modules could not be imported, by name.
        has_imported: whether a module was imported on the way, which may have changed what was looked at before.

    Args:
        sources: the files.
        failed: what could not be imported in an earlier look at the same objects, and is not tried again.
    """

    def __init__(self, sources: SourcesNow, failed: dict[str, str]) -> None:
        self.nodes: list[Node] = []
        self.waiting: list[Node] = []
        self.sources = sources
        self.failed = failed
        self.has_imported = False
        self.resolved: dict[tuple[int, tuple[str, ...]], tuple[str, Node]] = {}
        self._places = Places()
        self._by_key: dict[object, Node] = {}
        self._spaces: dict[int, Space] = {}

    def node(self, value: object, path: str) -> Node:
        """The node of an object."""
        node = self._by_key.get(id(value))
        if node is None:
            node = self._by_key[id(value)] = self._new(value, path)
            self.waiting.append(node)
        return node

    def attach(self, node: Node, label: str, value: object) -> None:
        """Says of a node that it holds a value: in its content where the value is plain, else by an edge."""
        form = self.form(value)
        if form is None:
            node.point(label, self.node(value, f"{node.path}.{label}"))
        else:
            node.say(label, form)

    def attach_unordered(self, node: Node, label: str, values: Iterable[object]) -> None:
        """The same for values whose order does not count."""
        forms = []
        for value in values:
            form = self.form(value)
            if form is None:
                node.point(label, self.node(value, f"{node.path}.{label}"))
            else:
                forms.append(form)
        node.say(label, *sorted(forms))

    def form(self, value: object) -> str | None:
        """A plain value or text as text; None for all others."""
        return self._places.portable(value) if type(value) is str else plain_form(value)

    def named(self, space: Space, name: str, value: object) -> Node:
        """The node of a name that a module of the project has for a value."""
        key = (id(space.names), name)
        node = self._by_key.get(key)
        if node is None:
            node = self._by_key[key] = self._new(value, f"{space.name}.{name}")
            node.label = node.path
            node.say(name)
            form = self.form(value)
            if form is None:
                node.point("", self.node(value, node.path))
            else:
                node.say(form)
        return node

    def outside(self, name: str, origin: Origin) -> Node:
        """The node of something of others that is known by its full name."""
        node = self._by_key.get(("outside", name))
        if node is None:
            node = self._by_key["outside", name] = self._new(None, name)
            node.say("outside", name)
            self.point_to_packages(node, origin)
            if origin.owner is Owner.STANDARD_LIBRARY and name in _BLIND:
                node.label = name
                node.hide(_BLIND[name])
        return node

    def absent(self, name: str) -> Node:
        """The node of a name that nothing is known by."""
        node = self._by_key.get(("absent", name))
        if node is None:
            node = self._by_key["absent", name] = self._new(None, name)
            node.say("absent", name)
        return node

    def hidden(self, path: str, reason: str) -> Node:
        """A node of which nothing can be told."""
        node = self._new(None, path)
        node.hide(reason)
        return node

    def point_to_packages(self, node: Node, origin: Origin) -> None:
        """Says of a node that it depends on the distributions that an origin names."""
        for name, version in origin.distributions:
            known = self._by_key.get(("package", name))
            if known is None:
                known = self._by_key["package", name] = self._new(None, name)
                known.label = f"package {name}"
                known.say("package", name, version)
            node.point("package", known)

    def once(self, key: object, value: object, path: str) -> tuple[Node, bool]:
        """The node of something that has no object of its own, and whether it is new and its content to be told."""
        node = self._by_key.get(key)
        if node is not None:
            return node, False
        node = self._by_key[key] = self._new(value, path)
        return node, True

    def space(self, names: dict[str, Any]) -> Space:
        """The namespace whose names these are."""
        space = self._spaces.get(id(names))
        if space is None:
            space = self._spaces[id(names)] = Space(names, display_name(names), origin_of_namespace(names))
        return space

    def space_of(self, definition: Any) -> Space:
        """The namespace of the module that a class or a function in C says it is of."""
        if type(definition) is FunctionType:
            return self.space(definition.__globals__)
        name = definition.__module__ if isinstance(definition.__module__, str) else "None"
        module = sys.modules.get(name)
        if module is None:
            return Space({}, name, origin_of(name, None))
        return self.space(vars(module))

    def _new(self, value: object, path: str) -> Node:
        node = Node(len(self.nodes), value, path)
        self.nodes.append(node)
        return node


def display_name(names: Mapping[str, Any]) -> str:
    """A module's name as people know it: a script's is that of its file, however the file was loaded."""
    name, file = str(names.get("__name__")), names.get("__file__")
    if not isinstance(file, str):
        return name
    stem = file.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    if name == "__main__":
        own = getattr(names.get("__spec__"), "name", None)  # of `python -m`
        return own if isinstance(own, str) else module_of(file)
    return name if stem in ("__init__", name.rpartition(".")[2]) else stem


def full_name(definition: Any, origin: Origin) -> str:
    """The module and the qualified name of a class or function of others; public ones where there are such.

    `pathlib.Path` is one of `pathlib._local` in some versions of Python, and `functools.reduce` one of `_functools`.
    """
    module, name = str(definition.__module__), definition.__qualname__
    if origin.owner is Owner.STANDARD_LIBRARY and "_" in module:
        public = ".".join(each for each in module.lstrip("_").split(".") if not each.startswith("_"))
        if found_at(public, name) is definition:
            return f"{public}.{name}"
    return f"{module}.{name}"


def found_at(module_name: str, qualified_name: str) -> object:
    """What a loaded module has under a qualified name; None for nothing."""
    found: Any = sys.modules.get(module_name)
    for name in qualified_name.split("."):
        names = vars(found) if issubclass(type(found), ModuleType | type) else {}
        found = names.get(name)
        if issubclass(type(found), staticmethod | classmethod):
            found = found.__func__
    return found

"""Targets: what a name can stand for; and scopes: where names are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from types import CellType, ModuleType
from typing import Any

import msgspec

from core.versions.source_hash.origins import Located

Namespace = Mapping[str, Any]
Key = tuple[object, ...]


class LiveScope(msgspec.Struct, frozen=True, eq=False):
    """The current names of a loaded module, preceded by those of a closure."""

    names: Namespace
    cells: Mapping[str, CellType] = {}
    code_file: str | None = None

    @property
    def file(self) -> str | None:
        """str | None: the file of the module; in an interactive session, the name of the piece of source."""
        file = self.names.get("__file__")
        return file if isinstance(file, str) else self.code_file

    @property
    def module_name(self) -> str:
        """str: the name of the module as people know it."""
        return display_name(str(self.names.get("__name__")), self.file, self.names.get("__spec__"))

    @property
    def package(self) -> str:
        """str: the package that relative imports start from."""
        package = self.names.get("__package__")
        return package if isinstance(package, str) else str(self.names.get("__name__")).rpartition(".")[0]

    @property
    def key(self) -> Key:
        """Key: identifies the scope."""
        return ("live", id(self.names), *(id(each) for each in self.cells.values()))


class StaticScope(msgspec.Struct, frozen=True, eq=False):
    """The names that the source of a module binds, whether it is imported or not."""

    module: Located

    @property
    def file(self) -> str | None:
        """str | None: the file of the module."""
        return self.module.file

    @property
    def module_name(self) -> str:
        """str: the name of the module as people know it."""
        return display_name(self.module.name, self.module.file, None)

    @property
    def package(self) -> str:
        """str: the package that relative imports start from."""
        return self.module.name if self.module.folders else self.module.name.rpartition(".")[0]

    @property
    def key(self) -> Key:
        """Key: identifies the scope."""
        return ("static", self.module.name)


Scope = LiveScope | StaticScope


class Code(msgspec.Struct, frozen=True, eq=False):
    """A function or class that exists as an object."""

    value: Any

    @property
    def key(self) -> Key:
        """Key: identifies the object."""
        return ("code", id(self.value))


class Constant(msgspec.Struct, frozen=True, eq=False):
    """A value that a module binds to a name."""

    scope: LiveScope
    name: str
    value: Any

    @property
    def key(self) -> Key:
        """Key: identifies the name, since equal values may or may not be the same object."""
        return ("constant", id(self.scope.names), self.name)


class HeldValue(msgspec.Struct, frozen=True, eq=False):
    """A value that a function holds: in its closure, as a default, or as the object it is bound to."""

    holder: Any
    label: str
    value: Any

    @property
    def key(self) -> Key:
        """Key: identifies the place of the value."""
        return ("held", id(self.holder), self.label)


class Binding(msgspec.Struct, frozen=True, eq=False):
    """The statements that bind a name on the top level of a file."""

    scope: Scope
    name: str

    @property
    def key(self) -> Key:
        """Key: identifies the name in its module."""
        return ("binding", *self.scope.key, self.name)


class WholeModule(msgspec.Struct, frozen=True, eq=False):
    """A module of the project that is used as a value, so that anything in it may be used."""

    scope: Scope

    @property
    def key(self) -> Key:
        """Key: identifies the module."""
        return ("module", *self.scope.key)


class Package(msgspec.Struct, frozen=True):
    """An installed distribution."""

    name: str
    version: str

    @property
    def key(self) -> Key:
        """Key: its name."""
        return ("package", self.name)


class Unseen(msgspec.Struct, frozen=True):
    """Something that affects results but cannot be inspected."""

    label: str
    reason: str

    @property
    def key(self) -> Key:
        """Key: its label."""
        return ("unseen", self.label)


Target = Code | Constant | HeldValue | Binding | WholeModule | Package | Unseen


def display_name(name: str, file: str | None, spec: object) -> str:
    """A module's name as people know it; for a script it is the name of its file, however the file was loaded."""
    if file is None:
        return name
    stem = file.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    if name == "__main__":
        own = getattr(spec, "name", None)  # of `python -m`
        return own if isinstance(own, str) else stem
    return name if stem in ("__init__", name.rpartition(".")[2]) else stem


def module_scope(module: ModuleType) -> LiveScope:
    """The scope of a loaded module."""
    return LiveScope(vars(module))

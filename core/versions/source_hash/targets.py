"""What a name can stand for, and where names are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import CellType, ModuleType
from typing import Any

from core.versions.source_hash.origins import Located

Namespace = Mapping[str, Any]
Key = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class LiveScope:
    """The names of a loaded module, as they are now, and the closure's before them."""

    names: Namespace
    cells: Mapping[str, CellType] = field(default_factory=dict)
    code_file: str | None = None

    @property
    def file(self) -> str | None:
        """str | None: the file of the module; in an interactive session that of the piece of source."""
        file = self.names.get("__file__")
        return file if isinstance(file, str) else self.code_file

    @property
    def module_name(self) -> str:
        """str: as people know it."""
        return display_name(str(self.names.get("__name__")), self.file, self.names.get("__spec__"))

    @property
    def package(self) -> str:
        """str: the package that relative imports start from."""
        package = self.names.get("__package__")
        return package if isinstance(package, str) else str(self.names.get("__name__")).rpartition(".")[0]

    @property
    def key(self) -> Key:
        """Key: tells it from other scopes."""
        return ("live", id(self.names), *(id(each) for each in self.cells.values()))


@dataclass(frozen=True, eq=False)
class StaticScope:
    """The names of a module as its source binds them, whether it is imported or not."""

    module: Located

    @property
    def file(self) -> str | None:
        """str | None: the file of the module."""
        return self.module.file

    @property
    def module_name(self) -> str:
        """str: as people know it."""
        return display_name(self.module.name, self.module.file, None)

    @property
    def package(self) -> str:
        """str: the package that relative imports start from."""
        return self.module.name if self.module.folders else self.module.name.rpartition(".")[0]

    @property
    def key(self) -> Key:
        """Key: tells it from other scopes."""
        return ("static", self.module.name)


Scope = LiveScope | StaticScope


@dataclass(frozen=True, eq=False)
class Code:
    """A function or class that exists."""

    value: Any

    @property
    def key(self) -> Key:
        """Key: of the object itself."""
        return ("code", id(self.value))


@dataclass(frozen=True, eq=False)
class Constant:
    """A value that a module has under a name."""

    scope: LiveScope
    name: str
    value: Any

    @property
    def key(self) -> Key:
        """Key: of the name, since equal values may or may not be one object."""
        return ("constant", id(self.scope.names), self.name)


@dataclass(frozen=True, eq=False)
class Held:
    """A value that a function holds: in its closure, as a default, as the object it is bound to."""

    holder: Any
    label: str
    value: Any

    @property
    def key(self) -> Key:
        """Key: of the place."""
        return ("held", id(self.holder), self.label)


@dataclass(frozen=True, eq=False)
class Binding:
    """The statements that bind a name on the top level of a file."""

    scope: Scope
    name: str

    @property
    def key(self) -> Key:
        """Key: of the name in its module."""
        return ("binding", *self.scope.key, self.name)


@dataclass(frozen=True, eq=False)
class WholeModule:
    """A module of the project that is used as a value, so that anything in it may be."""

    scope: Scope

    @property
    def key(self) -> Key:
        """Key: of the module."""
        return ("module", *self.scope.key)


@dataclass(frozen=True)
class Package:
    """An installed distribution."""

    name: str
    version: str

    @property
    def key(self) -> Key:
        """Key: its name."""
        return ("package", self.name)


@dataclass(frozen=True)
class Unseen:
    """Something that changes results and of which nothing can be told."""

    label: str
    reason: str

    @property
    def key(self) -> Key:
        """Key: its label."""
        return ("unseen", self.label)


Target = Code | Constant | Held | Binding | WholeModule | Package | Unseen


def display_name(name: str, file: str | None, spec: object) -> str:
    """A module's name as people know it: a script's is that of its file, however the file was loaded."""
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

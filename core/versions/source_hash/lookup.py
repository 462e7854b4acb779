"""From a name in a scope to the targets it stands for."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

from core.versions.source_hash.files import SourceFile, SourceFiles
from core.versions.source_hash.origins import (
    Origin,
    Owner,
    is_code,
    locate,
    origin_of_code,
    origin_of_module,
    origin_of_namespace,
)
from core.versions.source_hash.references import Import, Reference, references
from core.versions.source_hash.targets import (
    Binding,
    Code,
    Constant,
    HeldValue,
    LiveScope,
    Package,
    Scope,
    StaticScope,
    Target,
    Unseen,
    WholeModule,
    module_scope,
)
from core.versions.source_hash.trace import ABSENT, Trace

Targets = list[Target]
_Trail = frozenset[tuple[str, ...]]
_FOLDER_NAMES = {"__file__", "__path__", "cwd", "getcwd", "gettempdir", "expanduser"}
"""Names whose values differ between folders and machines, even if the project is the same."""


class Lookup:
    """Finds what names stand for: in loaded modules by their values, in others by their source. Imports nothing."""

    def __init__(self, files: SourceFiles) -> None:
        self.files = files
        self.trace = Trace()
        self._depends_on_folder_by_name: dict[tuple[object, ...], bool] = {}

    def resolve(self, reference: Reference, scope: Scope) -> Targets:
        """What a reference stands for; empty for built-ins, the standard library and undefined names.

        A name that is imported inside a function is looked up in the source even if the module is loaded, because
        whether it is loaded depends on what ran earlier in the process.
        """
        if reference.imports:
            rest = reference.chain[1:]
            return _flat(self._imported(each, scope.package, rest, frozenset()) for each in reference.imports)
        if isinstance(scope, StaticScope):
            return self._static(reference.chain, scope, frozenset())
        return self._live(reference.chain, scope)

    def code(self, value: Any) -> Targets:
        """The targets for a function or class: its code if it belongs to the project, else its distribution.

        A function from outside may hold one of the project's, as does the one that `contextlib.contextmanager` returns.
        """
        origin = origin_of_code(value)
        if origin.is_project:
            is_seen = isinstance(value, FunctionType | type)
            return [Code(value) if is_seen else Unseen(f"{value.__module__}.{value.__qualname__}", "written in C")]
        holds_more = isinstance(value, FunctionType) and (value.__closure__ or hasattr(value, "__wrapped__"))
        return [*packages(origin), *([Code(value)] if holds_more else [])]

    def home(self, scope: LiveScope, name: str, value: object) -> tuple[LiveScope, str]:
        """The module that a value was imported from, and its name there."""
        for _ in range(50):  # a limit, since modules may import a name from each other
            file = self.source(scope)
            if file is None or name in file.bindings:
                break
            named = [each for each in file.imports.get(name, ()) if each.name]
            found = None
            for each in named or [Import(star.module, star.level, name) for star in file.stars]:
                module = sys.modules.get(absolute_name(each, scope.package))
                if module is not None and each.name and vars(module).get(each.name, module) is value:
                    found = module_scope(module), each.name
            if found is None:
                break
            scope, name = found
        return scope, name

    def source(self, scope: Scope) -> SourceFile | None:
        """The source of the module of a scope."""
        if scope.file is None:
            return None
        if isinstance(scope, LiveScope):
            return self.files.get(scope.file)
        self.trace.file(scope.file)
        return self.files.get_current(scope.file)

    def depends_on_folder(self, scope: Scope, name: str) -> bool:
        """Whether a module's constant depends on the folder of the project, as Path(__file__).parent does."""
        file = self.source(scope)
        if file is None:
            return False
        key = (id(file), name)
        if key not in self._depends_on_folder_by_name:
            self._depends_on_folder_by_name[key] = False  # until it is known, so that recursion through a cycle ends
            self._depends_on_folder_by_name[key] = self._depends_on_folder(scope, file, name)
        return self._depends_on_folder_by_name[key]

    def _depends_on_folder(self, scope: Scope, file: SourceFile, name: str) -> bool:
        for statement in file.bindings.get(name, ()):
            for reference in file.syntax(statement).references:
                if reference.chain[-1] in _FOLDER_NAMES:
                    return True
                for target in self.resolve(reference, scope):
                    if isinstance(target, Constant | Binding) and self.depends_on_folder(target.scope, target.name):
                        return True
                    if isinstance(target, Code) and isinstance(target.value, FunctionType):
                        found = self.files.function(target.value.__code__)
                        inner = references([found[1]]) if found else ()
                        if any(each.chain[-1] in _FOLDER_NAMES for each in inner):
                            return True
        return False

    def _live(self, chain: tuple[str, ...], scope: LiveScope) -> Targets:
        name, rest = chain[0], chain[1:]
        if name in scope.cells:
            value = self.trace.cell(scope.cells[name])
            if value is ABSENT:
                return []  # not filled yet
            if issubclass(type(value), ModuleType):
                return self._module(value, rest)
            if is_code(value):
                return self.code(value)
            return [HeldValue(scope.cells[name], f"{scope.module_name}.{name}", value)]
        value = self.trace.name(scope.names, name)
        return self._unbound(name, scope) if value is ABSENT else self._member(scope, name, value, rest)

    def _member(self, scope: LiveScope, name: str, value: Any, rest: tuple[str, ...]) -> Targets:
        if issubclass(type(value), ModuleType):
            return self._module(value, rest)
        if name.startswith("__") and name.endswith("__"):
            return []  # such as __file__ and __name__
        scope, name = self.home(scope, name, value)
        origin = origin_of_namespace(scope.names)
        if is_code(value):
            targets = self.code(value)
            made_here = origin.is_project and not any(isinstance(each, Code) and _is_project(each) for each in targets)
            file = self.source(scope)
            if made_here and file and name in file.bindings:
                return [*targets, Binding(scope, name)]  # made by calling code from outside the project
            return targets
        return [Constant(scope, name, value)] if origin.is_project else packages(origin)

    def _module(self, module: ModuleType, rest: tuple[str, ...]) -> Targets:
        origin = origin_of_module(module)
        if not origin.is_project:
            return packages(origin)
        if not rest:
            return [WholeModule(module_scope(module))]
        value = self.trace.name(vars(module), rest[0])
        if value is not ABSENT:
            return self._member(module_scope(module), rest[0], value, rest[1:])
        return self._imported(Import(module.__name__, 0, None), "", rest, frozenset())

    def _unbound(self, name: str, scope: Scope) -> Targets:
        file = self.source(scope)
        if file is None or hasattr(builtins, name):
            return []
        return [Binding(scope, name)] if name in file.bindings else []

    def _imported(self, imported: Import, package: str, rest: tuple[str, ...], trail: _Trail) -> Targets:
        located = locate(absolute_name(imported, package))
        if located is None:
            self.trace.lasts = False
            return []
        if not located.origin.is_project:
            return packages(located.origin)
        scope = StaticScope(located)
        chain = (imported.name, *rest) if imported.name else rest
        if not chain:
            return [WholeModule(scope)]
        step = (located.name, *chain)
        if step in trail:
            return []
        found = self._static(chain, scope, trail | {step})
        is_known = found or chain[0].startswith("__") or self._names_something(chain[0], scope)
        return found if is_known else [Unseen(".".join(step), "its source does not define it")]

    def _names_something(self, name: str, scope: StaticScope) -> bool:
        file = self.source(scope)
        return (file is not None and name in file.imports) or locate(f"{scope.module.name}.{name}") is not None

    def _static(self, chain: tuple[str, ...], scope: StaticScope, trail: _Trail) -> Targets:
        name, rest = chain[0], chain[1:]
        file = self.source(scope)
        found: Targets = []
        if file is not None:
            if name in file.bindings:
                found.append(Binding(scope, name))
            found += _flat(self._imported(each, scope.package, rest, trail) for each in file.imports.get(name, ()))
            if found or name in file.imports:
                return found
        if scope.module.folders and locate(f"{scope.module.name}.{name}"):
            return self._imported(Import(f"{scope.module.name}.{name}", 0, None), "", rest, trail)
        if file is not None and not hasattr(builtins, name):
            for star in file.stars:
                within = self._imported(Import(star.module, star.level, name), scope.package, rest, trail)
                found += [each for each in within if not isinstance(each, Unseen)]
        return found


def packages(origin: Origin) -> Targets:
    """The distributions of an origin, as targets."""
    return [Package(*each) for each in origin.distributions] if origin.owner is Owner.INSTALLED else []


def absolute_name(imported: Import, package: str) -> str:
    """The full name of the module that an import names, in a module of the given package."""
    if not imported.level:
        return imported.module
    above = package.split(".")
    base = ".".join(above[: len(above) - imported.level + 1])
    return f"{base}.{imported.module}" if imported.module else base


def _is_project(code: Code) -> bool:
    return origin_of_code(code.value).is_project


def _flat(found: Iterable[Targets]) -> Targets:
    return [target for each in found for target in each]

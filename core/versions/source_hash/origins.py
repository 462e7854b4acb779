"""Where a module comes from: the standard library, an installed distribution, or the user's project."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import os
import site
import sys
import sysconfig
import types
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_OWN = "cloudstore"
_CORE_FOLDER = Path(__file__).parents[2]
_OWN_FOLDERS = tuple(os.path.realpath(each) + os.sep for each in (_CORE_FOLDER, _CORE_FOLDER.parent / "cloudstore"))


class Owner(Enum):
    """Who a module comes from."""

    STANDARD_LIBRARY = "standard library"
    INSTALLED = "installed"
    PROJECT = "project"


class Origin(NamedTuple):
    """Where a module comes from.

    Attributes:
        owner: the kind of origin.
        distributions: for an installed module, names and versions of the distributions with its top-level package.
    """

    owner: Owner
    distributions: tuple[tuple[str, str], ...] = ()

    @property
    def is_project(self) -> bool:
        """bool: whether its source is followed."""
        return self.owner is Owner.PROJECT

    @property
    def is_own(self) -> bool:
        """bool: whether it is part of this package."""
        return any(name == _OWN for name, _ in self.distributions)


_STANDARD_LIBRARY = Origin(Owner.STANDARD_LIBRARY)
_PROJECT = Origin(Owner.PROJECT)


def origin_of_module(module: types.ModuleType) -> Origin:
    """The origin of a loaded module."""
    return origin_of_namespace(vars(module))


def origin_of_namespace(namespace: Mapping[str, object]) -> Origin:
    """The origin of a loaded module by its global names, such as `__globals__` of a function."""
    file = namespace.get("__file__")
    if not isinstance(file, str):
        file = next(iter(_strings(namespace.get("__path__"))), None)  # a package without __init__.py
    return origin_of(str(namespace.get("__name__")), file)


CODE_TYPES = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
)


def is_code(value: object) -> bool:
    """Whether a value is itself a class or function; unlike isinstance, this runs no code of a proxy for one."""
    return issubclass(type(value), CODE_TYPES)


def origin_of_code(code: Any) -> Origin:
    """The origin of a class or function, including those written in C."""
    if isinstance(code, types.FunctionType):
        return origin_of_namespace(code.__globals__)
    if isinstance(code, types.MethodDescriptorType | types.WrapperDescriptorType):
        return origin_of_code(code.__objclass__)
    name = code.__module__
    if isinstance(code, types.BuiltinFunctionType) and not isinstance(name, str):
        owner = code.__self__  # a method bound to an object, such as random.random
        return origin_of_code(owner if isinstance(owner, type) else type(owner))
    module = sys.modules.get(str(name))
    return origin_of(str(name), None) if module is None else origin_of_module(module)


def outside_name(code: Any) -> str:
    """The full name of a class or function from outside the project; "" for the project's own, which is followed."""
    return "" if origin_of_code(code).is_project else f"{getattr(code, '__module__', None)}.{code.__qualname__}"


def _strings(value: object) -> Iterable[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, Iterable) else []


@cache
def origin_of(name: str, file: str | None) -> Origin:
    """The origin of a module.

    Args:
        name: its dotted name.
        file: its file, or the folder of a package without `__init__.py`; None if it has none.
    """
    top = name.partition(".")[0]
    if file is None:
        return _STANDARD_LIBRARY if top in sys.stdlib_module_names else _PROJECT
    path = os.path.realpath(file)
    if path.startswith(_OWN_FOLDERS):
        return Origin(Owner.INSTALLED, ((_OWN, _version(_OWN)),))
    if _is_below(path, _site_folders()):
        names = _distributions_by_package().get(top, ())
        return (
            Origin(Owner.INSTALLED, tuple((each, _version(each)) for each in sorted(set(names)))) if names else _PROJECT
        )
    return _STANDARD_LIBRARY if _is_below(path, _standard_folders()) or file.startswith("<frozen") else _PROJECT


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(folder) for folder in folders)


@cache
def _standard_folders() -> tuple[str, ...]:
    return tuple({os.path.realpath(sysconfig.get_path(each)) + os.sep for each in ("stdlib", "platstdlib")})


@cache
def _site_folders() -> tuple[str, ...]:
    """The folders in which distributions are installed; an editable one has only its metadata there, not its files."""
    known = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    known += [site.getusersitepackages()]
    known += [each for each in sys.path if Path(each).name in ("site-packages", "dist-packages")]
    known += [each for each in sys.path if each and any(Path(each).glob("*.dist-info"))]
    return tuple({os.path.realpath(each) + os.sep for each in known})


@cache
def _distributions_by_package() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


@cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # such as a checkout on PYTHONPATH


class Located(NamedTuple):
    """A module that may not be imported yet.

    Attributes:
        name: its dotted name.
        file: its source file; None for a package without `__init__.py` and for a module without a file.
        folders: where its submodules are, if it is a package.
    """

    name: str
    file: str | None
    folders: tuple[str, ...]

    @property
    def origin(self) -> Origin:
        """Origin: where it comes from."""
        return origin_of(self.name, self.file or next(iter(self.folders), None))


def locate(name: str) -> Located | None:
    """Finds a module without importing it or the packages above it; None if there is no such module."""
    parent, _, _ = name.rpartition(".")
    folders = None
    if parent:
        above = locate(parent)
        if above is None or not above.folders:
            return None
        folders = list(above.folders)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__spec__", None) is None:  # __main__, or made by hand
        file = getattr(loaded, "__file__", None)
        return Located(
            name, file if isinstance(file, str) else None, tuple(_strings(getattr(loaded, "__path__", None)))
        )
    spec = getattr(loaded, "__spec__", None) or _find_spec(name, folders)
    if spec is None:
        return None
    return Located(name, spec.origin if spec.has_location else None, tuple(spec.submodule_search_locations or ()))


def _find_spec(name: str, folders: list[str] | None) -> importlib.machinery.ModuleSpec | None:
    for finder in sys.meta_path:  # importlib.util.find_spec would import the packages above the module
        find = getattr(finder, "find_spec", None)
        spec = find(name, folders, None) if find else None
        if isinstance(spec, importlib.machinery.ModuleSpec):
            return spec
    return None

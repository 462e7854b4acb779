"""Whose a module is: the standard library's, an installed distribution's, or the project's."""

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
from typing import NamedTuple

_OWN = "cloudstore"
_CORE_FOLDER = Path(__file__).parents[1]
_OWN_FOLDERS = tuple(os.path.realpath(each) + os.sep for each in (_CORE_FOLDER, _CORE_FOLDER.parent / "cloudstore"))


class Owner(Enum):
    """Who a module comes from."""

    STANDARD_LIBRARY = "standard library"
    INSTALLED = "installed"
    PROJECT = "project"


class Origin(NamedTuple):
    """Where a module comes from.

    Attributes:
        owner: whose it is.
        distributions: for an installed one, names and versions of the distributions that have its top-level package.
    """

    owner: Owner
    distributions: tuple[tuple[str, str], ...] = ()

    @property
    def is_project(self) -> bool:
        """bool: whether its source is followed."""
        return self.owner is Owner.PROJECT

    @property
    def is_own(self) -> bool:
        """bool: whether it is a part of this package."""
        return any(name == _OWN for name, _ in self.distributions)


_STANDARD_LIBRARY = Origin(Owner.STANDARD_LIBRARY)
_PROJECT = Origin(Owner.PROJECT)


def origin_of_module(module: types.ModuleType) -> Origin:
    """The origin of a module that is loaded."""
    return origin_of_namespace(vars(module))


def origin_of_namespace(namespace: Mapping[str, object]) -> Origin:
    """The origin of a loaded module by its global names, as a function has them in `__globals__`."""
    file = namespace.get("__file__")
    if not isinstance(file, str):
        file = next(iter(_strings(namespace.get("__path__"))), None)  # a package without __init__.py
    return origin_of(str(namespace.get("__name__")), file)


def _strings(value: object) -> Iterable[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, Iterable) else []


@cache
def origin_of(name: str, file: str | None) -> Origin:
    """The origin of a module.

    Args:
        name: dotted.
        file: it, or the folder of a package without `__init__.py`; None for what has no file.
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
    """Where distributions are installed; an editable one leaves only its metadata there, so its files are not below."""
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
        return "not installed"  # a checkout on PYTHONPATH


def spec_of(name: str) -> importlib.machinery.ModuleSpec | None:
    """The spec of a top-level module that may not be imported yet, found without importing it; None for none."""
    loaded = sys.modules.get(name)
    known = getattr(loaded, "__spec__", None)
    if isinstance(known, importlib.machinery.ModuleSpec):
        return known
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = find(name, None, None) if find else None
        if isinstance(spec, importlib.machinery.ModuleSpec):
            return spec
    return None


def origin_of_top_level(name: str) -> Origin | None:
    """The origin of a top-level module, imported or not; None where there is none of that name."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        return origin_of_module(loaded)
    spec = spec_of(name)
    if spec is None:
        return None
    file = spec.origin if spec.has_location else None
    return origin_of(name, file or next(iter(spec.submodule_search_locations or ()), None))

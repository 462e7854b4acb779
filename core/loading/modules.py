"""The user's code, loaded as Python itself would load it: a file, or a module by its name.

Either way a file of a package is one and the same module, so versions and pickles do not depend on how it was named.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from core.code.file_names import module_of, root_of
from core.config import unknown_name
from core.errors import DagsterInvariantViolationError, DagsterUserCodeExecutionError
from core.forks import ending_forked_children
from core.loading.advice import advice_on_import
from core.printable import printable
from core.types.own_file import know_pipeline_module, module_name_of_file, second_name_of_file


class PipelineFileError(DagsterUserCodeExecutionError):
    """The code of a pipeline raised an exception while it was loaded; the message says what helps, where that is known.

    Args:
        message: which code.
        user_exception: what it raised.
        file: the file that was to be loaded, if one was named.
    """

    def __init__(self, message: str, *, user_exception: BaseException, file: Path | None = None, **kwargs: Any) -> None:
        super().__init__(message, user_exception=user_exception, **kwargs)
        advice = advice_on_import(user_exception, file)
        if advice:
            self.args = (f"{self}. {advice}",)


def load_file(file: Path, within: Path | None = None) -> ModuleType:
    """The module of a Python file. A file of a package is imported as that package's module; another one can import
    modules from its folder, as when Python runs it. Both can import from the folder `within`.

    Args:
        file: the file.
        within: where the program that loads it is started; the working directory by default.

    Raises:
        PipelineFileError: it raised an exception.
        DagsterInvariantViolationError: it is not Python, or its package cannot be imported by its name.
    """
    path, shown = file.absolute(), printable(str(file))
    if path.suffix != ".py":
        raise DagsterInvariantViolationError(f"{shown} is not a Python file: its name must end in .py.")
    name, root, start = module_of(path), root_of(path), within or Path.cwd()
    if root == path.parent and _imports_from_its_package(path) and path.is_relative_to(start):
        # A package without __init__.py has no first folder; what its files have in common is where they are run.
        root = start
        name = ".".join(path.relative_to(root).with_suffix("").parts)
    _search_first(start)
    _search_first(root)
    if root == path.parent:
        return _known(_executed(path, file))
    _check_top_level(name.partition(".")[0], root, shown)
    sys.path.append(str(path.parent))  # last: a module of a package must not hide one of Python's
    return _known(_imported(name, shown, file))


def load_module(name: str, within: Path | None = None, by_its_name: bool = False) -> ModuleType:
    """The module of that name, as `python -m` finds it: in the folder `within` first.

    A file in a folder without `__init__.py` is loaded by `load_file`, which does not know that folder as a package:
    else it would be another module when it is named by -m than when it is named by -f.

    Args:
        name: its dotted name.
        within: as of `load_file`.
        by_its_name: whether the module gets that name in any case, as where Python imports it.

    Raises:
        PipelineFileError: it raised an exception.
        DagsterInvariantViolationError: there is none; the message says what there is.
    """
    _check_module_name(name)
    start = within or Path.cwd()
    _search_first(start)
    parts = name.split(".")
    if (start / parts[0] / "__init__.py").is_file():
        _check_top_level(parts[0], start, f"Module {name}")
    for end in range(1, len(parts) + 1):
        _check_is_there(".".join(parts[:end]), name)
        if end < len(parts):
            _imported(".".join(parts[:end]), f"Module {name}", None)
    spec = importlib.util.find_spec(name)
    file = Path(spec.origin) if spec and spec.origin and spec.has_location else None
    if not by_its_name and file is not None and module_of(file) != name and not _imports_from_its_package(file):
        return load_file(file, start)
    return _known(_imported(name, f"Module {name}", file))


def _known(module: ModuleType) -> ModuleType:
    know_pipeline_module(module)
    return module


def _search_first(folder: Path) -> None:
    sys.path[:] = [str(folder), *(each for each in sys.path if each != str(folder))]


def _imported(name: str, shown: str, file: Path | None) -> ModuleType:
    try:
        with ending_forked_children():
            __import__(name)  # importlib's function would stand in the user's traceback
    except (Exception, SystemExit) as error:  # a script without `if __name__ == "__main__"` exits by itself
        raise PipelineFileError(f"{shown} could not be loaded", user_exception=error, file=file) from error
    return sys.modules[name]


def _executed(path: Path, file: Path) -> ModuleType:
    name, shown = _free_name(path), printable(str(file))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DagsterInvariantViolationError(f"{shown} is not a Python file: its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that values of classes of the file can be pickled
    try:
        with ending_forked_children():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PipelineFileError(f"{shown} could not be loaded", user_exception=error, file=file) from error
    return module


def _free_name(path: Path) -> str:
    """The name of the file, unless another module with that name is loaded or belongs to the standard library."""
    name = module_name_of_file(path)
    loaded = sys.modules.get(name)
    is_free = loaded is None or getattr(loaded, "__file__", None) == str(path)
    return name if is_free else second_name_of_file(path)


def _imports_from_its_package(path: Path) -> bool:
    """Whether the file has an import such as `from . import helpers`, which only a file of a package can have."""
    try:
        nodes = ast.walk(ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False  # loading it says why
    return any(isinstance(each, ast.ImportFrom) and each.level > 0 for each in nodes)


def _check_top_level(name: str, root: Path, shown: str) -> None:
    """Raises an error if the top-level package of that name would be another one than that in the folder `root`."""
    loaded = sys.modules.get(name)
    places = [os.path.realpath(each) for each in getattr(loaded, "__path__", [])]
    if loaded is not None and os.path.realpath(root / name) not in places:
        raise DagsterInvariantViolationError(
            f"{shown} is in a package called {name!r}, and another {name!r} is loaded already, from "
            f"{getattr(loaded, '__file__', None) or name}. Rename the folder {root / name}."
        )


def _check_module_name(name: str) -> None:
    if name.endswith(".py") or os.sep in name:
        raise DagsterInvariantViolationError(f"-m expects the dotted name of a module, got {name!r}. Try: -f {name}")
    if not all(part.isidentifier() for part in name.split(".")):
        raise DagsterInvariantViolationError(
            f"-m expects the dotted name of a module, such as my.package.pipelines; got {name!r}. "
            "The mode is chosen with --mode."
        )


def _check_is_there(name: str, wanted: str) -> None:
    """Raises an error that says which part of a module's name was not found, and what there is in its place."""
    above, _, _ = name.rpartition(".")
    parent = sys.modules.get(above)
    if name in sys.modules:
        return
    if above and not hasattr(parent, "__path__"):
        raise DagsterInvariantViolationError(
            f"Module {wanted} cannot be loaded: {above} is a file and not a package, so nothing can be in it. "
            f"Try: -m {above} -a {name.removeprefix(above + '.')}"
        )
    if importlib.util.find_spec(name) is not None:
        return
    folders = [str(each) for each in parent.__path__] if parent is not None else [str(Path.cwd())]
    known = {f"{above}.{each}" if above else each for each in modules_in(folders)}
    said = [f"-m {wanted}: {unknown_name('module', name, known)}", f"It was looked for in {', '.join(folders)}."]
    if not above:
        said.append(advice_on_import(ModuleNotFoundError(name=name), None))
    raise DagsterInvariantViolationError(" ".join(filter(None, said)))


def modules_in(folders: Iterable[str]) -> list[str]:
    """The names of the modules and packages in some folders that can be imported."""
    folders = list(folders)
    found = [each.name for each in pkgutil.iter_modules(folders)]
    without_init = (each.parent.name for folder in folders for each in Path(folder).glob("*/*.py"))
    return [each for each in {*found, *without_init} if each.isidentifier()]

"""The names by which the file that is run itself, and the file of a pipeline, are known to pickles.

Python calls the module of a file that it runs `__main__`, and so it would call everything that the file defines in a
pickle; where the file is imported, or a pipeline is loaded from it, it has another name. These say what is meant.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from core.code.file_names import is_named, module_of

MAIN_NAMES = frozenset(("__main__", "__mp_main__"))  # the second in processes that multiprocessing has spawned
_SUFFIX = "_pipeline_file"
_pipeline_modules: list[ModuleType] = []


def module_name_of_file(path: str | Path) -> str:
    """The name of the module of a pipeline's file: the file's own, with the packages that it is in, or one beside it
    where that is of the standard library's.
    """
    name = module_of(path)
    return name if name not in sys.stdlib_module_names else name + _SUFFIX


def second_name_of_file(path: str | Path) -> str:
    """The name of the module of a pipeline's file where another module has the first one."""
    return Path(path).stem + _SUFFIX


def know_pipeline_module(module: ModuleType) -> None:
    """Has a loaded module stand for all names that its file may have had where a pickle was written: `pipelines`, or
    `package.pipelines` where it was a part of a package.
    """
    _pipeline_modules.append(module)


def main_name() -> str | None:
    """The name by which others import the file that is run; None where none can: in a notebook, in `python -c`."""
    main = sys.modules["__main__"]
    spec, path = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:  # python -m package.module
        name = str(spec.name)
    else:
        name = module_name_of_file(path) if path is not None and path.endswith(".py") else "__main__"
    return None if name.rpartition(".")[2] in MAIN_NAMES else name


def name_in_main(thing: Any) -> tuple[str, str] | None:
    """The module, as others import it, and the name in it of something that the file that is run defines; else None."""
    if getattr(thing, "__module__", None) not in MAIN_NAMES:
        return None
    module, name = main_name(), getattr(thing, "__qualname__", "")
    try:
        is_there = attrgetter(name)(sys.modules["__main__"]) is thing
    except AttributeError:
        return None
    return (module, name) if module is not None and is_there else None


def of_file(module: str, name: str) -> Any:
    """What a pickle calls `name` in the file whose module is `module`. Pickles name this function: it does not move.

    Raises:
        ImportError, AttributeError: it is not there.
    """
    found = sys.modules["__main__"] if _is_main(module) else stand_in(module) or importlib.import_module(module)
    return attrgetter(name)(found)


def stand_in(name: str) -> ModuleType | None:
    """The module that is meant by the name of one that is not loaded: the file that is run, or a pipeline's file under
    its other name. None where it is just the one to import.
    """
    if name in sys.modules:
        return None
    first = name.removesuffix(_SUFFIX)
    if first + _SUFFIX in sys.modules:
        return sys.modules[first + _SUFFIX]
    if _is_main(name):
        return sys.modules["__main__"]
    for module in _pipeline_modules:
        if _is_of(name, module.__file__):
            return module
    is_second = first != name and first not in sys.stdlib_module_names
    return importlib.import_module(first) if is_second else None


def _is_main(name: str) -> bool:
    """Whether a module of this name would be that of the file that is run."""
    return name == main_name() or _is_of(name, getattr(sys.modules["__main__"], "__file__", None))


def _is_of(name: str, path: str | None) -> bool:
    """Whether a module of this name, which is not loaded, would be that of a file."""
    if path is None or not path.endswith(".py") or not is_named(name.removesuffix(_SUFFIX), path):
        return False
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return True
    return spec is None or spec.origin is None or Path(spec.origin).resolve() == Path(path).resolve()

"""Names of a package whose modules are imported only when a name is first used."""

from __future__ import annotations

import importlib
import opcode
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str], stands_for: str = "") -> Callable[[str], Any]:
    """A module-level `__getattr__` (PEP 562) for `package`.

    For names whose modules import a heavy library, so that programs that never use them do not pay for the import.

    Args:
        package: the `__name__` of the package.
        homes: name -> the full name of the module that defines it.
        stands_for: the module of Dagster 0.11 whose names are here. Of one that is not, the error says what to use.
    """

    def __getattr__(name: str) -> Any:
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        message = None
        if stands_for and not name.startswith("__"):
            message = importlib.import_module("core.absent").advice_on_import(package, name, stands_for)
        if message is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if _is_import_from(sys._getframe(1)):
            raise ImportError(message, name=package)
        raise AttributeError(message)

    return __getattr__


def _is_import_from(caller: FrameType) -> bool:
    """Whether `from package import name` asks, which would say of an AttributeError no more than that it happened."""
    if caller.f_code.co_name == "_handle_fromlist":  # it asks for names of packages, before the statement does
        return caller.f_globals.get("__name__") == "importlib._bootstrap"
    return caller.f_code.co_code[caller.f_lasti] == opcode.opmap["IMPORT_FROM"]

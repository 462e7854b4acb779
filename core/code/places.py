"""Texts and paths below the project's folders, told so that they are the same on every machine."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from core.cached import cached_property
from core.code.file_names import module_of
from core.code.origins import origin_of_module


class Places:
    """The folders that the project's modules are imported from, as they are while one look lasts."""

    def portable(self, text: str) -> str:
        """The text with the project's folders by their numbers; it cannot pass for a text that is written so."""
        if os.sep not in text or self._pattern is None:
            return f"text {text}"
        parts = self._pattern.split(text)
        if len(parts) == 1:
            return f"text {text}"
        told = [f"{len(part)}:{part}" if at % 2 == 0 else str(self._roots[part]) for at, part in enumerate(parts)]
        return f"text below {' '.join(told)}"

    @cached_property
    def _roots(self) -> dict[str, int]:
        """The folders in the order of `sys.path`, and those that are not on it after them."""
        found = {root for module in list(sys.modules.values()) for root in _roots_of(module)}
        on_path = {os.path.realpath(each): None for each in sys.path}
        ordered = [*(each for each in on_path if each in found), *sorted(found - on_path.keys())]
        return {root: number for number, root in enumerate(ordered)}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        roots = sorted((root for root in self._roots if root != os.sep), key=len, reverse=True)
        return re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, roots))})(?![^/\\])") if roots else None


def _roots_of(module: object) -> tuple[str, ...]:
    """The folder above the top-level package of a module of the project, as it is written and as it is resolved."""
    if not issubclass(type(module), ModuleType) or not isinstance(module, ModuleType):
        return ()
    names = vars(module)
    file, name = names.get("__file__"), names.get("__name__")
    if not isinstance(file, str) or not isinstance(name, str) or not origin_of_module(module).is_project:
        return ()
    return _root(file, name)


@cache
def _root(file: str, name: str) -> tuple[str, ...]:
    if name == "__main__":
        name = module_of(file)
    depth = name.count(".") + (Path(file).stem == "__init__")
    parents = Path(os.path.abspath(file)).parents  # noqa: PTH100  links are kept: the text may have them
    root = str(parents[min(depth, len(parents) - 1)])
    return root, os.path.realpath(root)

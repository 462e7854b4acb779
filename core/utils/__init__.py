"""What files of pipelines import beside definitions: paths beside a file, merged dicts, YAML files."""

from __future__ import annotations

import os

from core.utils.merger import deep_merge_dicts, merge_dicts
from core.utils.yaml_utils import (
    load_yaml_from_glob_list,
    load_yaml_from_globs,
    load_yaml_from_path,
    merge_yaml_strings,
    merge_yamls,
)

__all__ = [
    "deep_merge_dicts",
    "file_relative_path",
    "load_yaml_from_glob_list",
    "load_yaml_from_globs",
    "load_yaml_from_path",
    "merge_dicts",
    "merge_yaml_strings",
    "merge_yamls",
]


def file_relative_path(dunderfile: str, relative_path: str) -> str:
    """The path of something that lies beside a Python file, wherever the program runs.

    Args:
        dunderfile: `__file__` of the Python file.
        relative_path: from the folder of that file.

    Example:
        >>> from core import file_relative_path  # most often with __file__ as the first argument
        >>> file_relative_path("/projects/shop/pipelines.py", "config/local.yaml")
        '/projects/shop/config/local.yaml'
    """
    return os.path.join(os.path.dirname(dunderfile), relative_path)  # noqa: PTH118, PTH120  "x/../y" stays as it is

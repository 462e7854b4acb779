"""YAML files that hold mappings, one after another merged onto those before. They are read as config is."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from core.errors import DagsterInvalidConfigError
from core.serdes.yaml_file import load_yaml, read_yaml_mapping
from core.utils.merger import deep_merge_dicts
from core.wording import a_kind_of

AnyPath = str | os.PathLike[str]


def load_yaml_from_path(path: AnyPath) -> dict[str, Any]:
    """The mapping in a YAML file; that of an empty file is empty.

    Raises:
        DagsterInvalidConfigError: the file cannot be read, is not YAML, or holds something else.

    Example:
        >>> from pathlib import Path
        >>> from core.utils import load_yaml_from_path
        >>> written = Path("local.yaml").write_text("resources: {s3: {config: {region_name: eu-west-1}}}")
        >>> load_yaml_from_path("local.yaml")["resources"]["s3"]["config"]
        {'region_name': 'eu-west-1'}
    """
    return read_yaml_mapping(Path(path))


def merge_yamls(file_list: Sequence[AnyPath]) -> dict[str, Any]:
    """The mappings of YAML files, merged in this order: mapping by mapping, and a later value wins.

    Raises:
        DagsterInvalidConfigError: as `load_yaml_from_path`.

    Example:
        >>> from pathlib import Path
        >>> from core.utils import merge_yamls
        >>> sizes = [Path("base.yaml").write_text("{rows: 10, city: Oslo}"), Path("small.yaml").write_text("rows: 2")]
        >>> merge_yamls(["base.yaml", "small.yaml"])
        {'rows': 2, 'city': 'Oslo'}
    """
    return _merged(map(load_yaml_from_path, file_list))


def merge_yaml_strings(yaml_strs: Sequence[str]) -> dict[str, Any]:
    """The mappings in YAML texts, merged as by `merge_yamls`.

    Raises:
        DagsterInvalidConfigError: a text is not YAML, or holds something else.

    Example:
        >>> from core.utils import merge_yaml_strings
        >>> merge_yaml_strings(["solids: {load: {config: 3}}", "resources: {}"])
        {'solids': {'load': {'config': 3}}, 'resources': {}}
    """
    return _merged(_mapping_of(number, text) for number, text in enumerate(yaml_strs, 1))


def load_yaml_from_globs(*globs: AnyPath) -> dict[str, Any]:
    """The mappings of all files that paths or patterns name, merged as by `merge_yamls`.

    Raises:
        DagsterInvalidConfigError: as `load_yaml_from_path`.

    Example:
        >>> from pathlib import Path
        >>> from core.utils import load_yaml_from_globs
        >>> sizes = [Path("base.yaml").write_text("rows: 10"), Path("local.a.yaml").write_text("city: Oslo")]
        >>> load_yaml_from_globs("base.yaml", "local.*.yaml")
        {'rows': 10, 'city': 'Oslo'}
    """
    return load_yaml_from_glob_list(globs)


def load_yaml_from_glob_list(glob_list: Sequence[AnyPath]) -> dict[str, Any]:
    """As `load_yaml_from_globs`, of a list.

    Args:
        glob_list: paths or patterns.

    Raises:
        DagsterInvalidConfigError: as `load_yaml_from_path`.

    Example:
        >>> from pathlib import Path
        >>> from core.utils import load_yaml_from_glob_list
        >>> written = Path("base.yaml").write_text("rows: 10")
        >>> load_yaml_from_glob_list(["base.yaml", "missing.*.yaml"])
        {'rows': 10}
    """
    return merge_yamls([file for pattern in glob_list for file in files_of(pattern)])


def files_of(pattern: AnyPath) -> list[str]:
    """The files that a path or pattern names: itself where it is the path of one, else all matches, by name.

    Args:
        pattern: a path, in which `*`, `?` and `[...]` stand for what they match, and `**` for folders.
    """
    path = os.fspath(pattern)
    if os.path.exists(path):  # noqa: PTH110  the empty text names no file, and as a Path the working directory
        return [path]
    return sorted(glob.glob(path, recursive=True))  # noqa: PTH207  a Path takes no absolute patterns


def _merged(mappings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return reduce(deep_merge_dicts, mappings, dict[str, Any]())


def _mapping_of(number: int, text: str) -> dict[str, Any]:
    if not isinstance(text, str):
        raise DagsterInvalidConfigError(f"YAML text {number} must be a text, not {a_kind_of(text)}.")
    value = load_yaml(text, f"YAML text {number}")
    if value is not None and not isinstance(value, dict):
        raise DagsterInvalidConfigError(f"YAML text {number} must hold a mapping, not {a_kind_of(value)}.")
    return value or {}

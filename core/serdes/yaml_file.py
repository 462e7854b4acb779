"""Reading YAML files that hold a mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import DagsterInvalidConfigError


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty one.

    Raises:
        DagsterInvalidConfigError: the file cannot be read, is not YAML, or holds something else; with its path.
    """
    import yaml  # 30 ms to import; most processes read no YAML

    try:
        with path.open(encoding="utf-8") as stream:
            content = yaml.safe_load(stream)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DagsterInvalidConfigError(f"{path} is not YAML: {error}") from error
    except OSError as error:
        raise DagsterInvalidConfigError(f"Cannot read {path}: {error.strerror}.") from error
    if content is not None and not isinstance(content, dict):
        raise DagsterInvalidConfigError(f"{path} must hold a mapping, not a {type(content).__name__}.")
    return content or {}

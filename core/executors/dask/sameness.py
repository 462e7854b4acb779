"""What must be the same in the process of a run and on the workers of its cluster."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_CODE = "the code of cloudstore"


@cache
def own_versions() -> dict[str, str]:
    """Versions of what this process consists of, by what they are of."""
    folder = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return {
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "cloudstore": importlib.metadata.version("cloudstore"),
        _CODE: digest.hexdigest()[:12],
    }


def difference(of_run: Mapping[str, str]) -> str | None:
    """What differs here from where the run is, after "this worker"; None where nothing does.

    Args:
        of_run: the versions there.
    """
    here = own_versions()
    for name, version in of_run.items():
        if here.get(name) != version:
            what = name if name != _CODE else f"another state of {name}, although its version is {here['cloudstore']}:"
            return f"has {what} {here.get(name)}, and the process of the run has {version}"
    return None

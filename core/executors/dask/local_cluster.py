"""A cluster on this machine, in processes of its own: its scheduler does not hold up the run, nor print there.

It ends when its standard input does, so it does not outlive who has started it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

_QUIET = {"distributed": "critical", "tornado.application": "critical", "tornado": "critical", "asyncio": "critical"}


def main() -> None:
    """Reads arguments of LocalCluster as a line of JSON; writes one with its address, or why there is none."""
    arguments: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", **json.loads(sys.stdin.readline())}
    import dask

    dask.config.set({"logging": _QUIET})  # before the import below reads it; workers get it too
    try:
        from distributed import LocalCluster

        cluster = LocalCluster(**arguments)
    except Exception as error:  # noqa: BLE001  told to who has started it
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        return
    with cluster:
        print(json.dumps({"address": cluster.scheduler_address}), flush=True)
        sys.stdin.read()

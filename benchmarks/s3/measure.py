"""One measure of one way to use a bucket, as a program: its figure is its last line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.s3.measures import MEASURES
from benchmarks.s3.store import opened


def main(name: str, engine: str, options: str, bucket: str, path: str) -> None:
    """Prints the figure.

    Args:
        name: of the measure.
        engine: of the way.
        options: of the client, as JSON.
        bucket: an empty one.
        path: a file to move.
    """
    store = opened(engine, json.loads(options), bucket)
    store.client.list_buckets()  # the first request takes longer than the others
    print(MEASURES[name](store, Path(path)))


main(*sys.argv[1:])

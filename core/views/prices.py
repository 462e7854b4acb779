"""What the use of remote storage costs, according to a table of prices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.config import Field, FloatSource, resolve_config
from core.printable import printable
from core.serdes.yaml_file import read_yaml_mapping
from core.usage import Usage

_GB = 1e9  # as bills count


class Prices(msgspec.Struct, frozen=True):
    """Prices in US dollars. The defaults are those of S3 Standard in us-east-1, used from the same region.

    Source: https://aws.amazon.com/s3/pricing/ (2026-11).

    Attributes:
        per_1000_writes: for PUT, COPY, POST and LIST requests.
        per_1000_reads: for GET, HEAD and all other requests.
        per_gb_sent: for data sent to the store.
        per_gb_received: for data received from it.
    """

    per_1000_writes: float = 0.005
    per_1000_reads: float = 0.0004
    per_gb_sent: float = 0.0
    per_gb_received: float = 0.0

    def cost(self, usage: Usage) -> float:
        """The cost of some use in dollars, without the storage itself."""
        reads = usage.requests - usage.write_requests
        requests = usage.write_requests * self.per_1000_writes + reads * self.per_1000_reads
        traffic = usage.bytes_sent * self.per_gb_sent + usage.bytes_received * self.per_gb_received
        return requests / 1000 + traffic / _GB


_SCHEMA = {
    name: Field(FloatSource, default_value=getattr(Prices(), name), is_required=False)
    for name in Prices.__struct_fields__
}


def prices_from(file: Path | None, settings: Mapping[str, Any]) -> Prices:
    """The prices in a YAML file, else those in the setting `prices` of `dagster.yaml`, else the defaults.

    Raises:
        DagsterInvalidConfigError: an unknown price, or one that is not a number.
    """
    if file is not None:
        return Prices(**resolve_config(_SCHEMA, read_yaml_mapping(file), f"prices in {printable(str(file))}"))
    return Prices(**resolve_config(_SCHEMA, settings.get("prices") or {}, "prices in the settings of dagster.yaml"))

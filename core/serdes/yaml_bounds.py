"""How large YAML may be that this package reads: it is what people write."""

from __future__ import annotations

MAX_BYTES = 1_000_000  # PyYAML takes some seconds for it
MAX_DEPTH = 100  # levels of mappings and lists
MAX_NODES = 100_000  # with what aliases stand for

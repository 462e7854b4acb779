"""Live code and objects as graphs, and digests of them.

The rule: the version of code is a digest of the live things that it can reach, walked as objects; what cannot be walked
leaves it without a version, and is named.
"""

from typing import TYPE_CHECKING

from core.lazy import lazy_names

if TYPE_CHECKING:
    from core.code.sources import Sources
    from core.code.walk import Seen, look_at
else:
    # Most runs need no walk, and it needs importlib.metadata, which imports email, zipfile and sockets.
    __getattr__ = lazy_names(
        __name__, {"Seen": "core.code.walk", "Sources": "core.code.sources", "look_at": "core.code.walk"}
    )

__all__ = ["Seen", "Sources", "look_at"]

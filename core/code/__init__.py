"""Live code and objects as graphs, and digests of them.

The rule: the version of code is a digest of the live things that it can reach, walked as objects; what cannot be walked
leaves it without a version, and is named.
"""

from core.code.sources import Sources
from core.code.walk import Seen, look_at

__all__ = ["Seen", "Sources", "look_at"]

"""Door to `build_resources`, by the name that tests import it from."""

from core.definitions.direct.resources import build_resources

__all__ = ["build_resources"]

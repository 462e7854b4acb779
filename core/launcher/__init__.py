"""What launches runs in processes of their own."""

from typing import TYPE_CHECKING

from core.launcher.base import RunLauncher
from core.lazy import lazy_names

if TYPE_CHECKING:
    from core.launcher.default import DefaultRunLauncher
else:
    __getattr__ = lazy_names(__name__, {"DefaultRunLauncher": "core.launcher.default"})

__all__ = ["DefaultRunLauncher", "RunLauncher"]

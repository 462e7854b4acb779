"""What launches runs in processes of their own."""

from core.launcher.base import RunLauncher

__all__ = ["RunLauncher"]

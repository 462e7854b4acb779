"""temporary"""

from core.usage import Usage, UsageMeter

__all__ = ["Usage", "UsageMeter"]

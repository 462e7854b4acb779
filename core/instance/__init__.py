"""The instance and what it is made from."""

from core.instance.instance import DagsterInstance, InstanceType, persistent_instance, persistent_ref
from core.instance.ref import InstanceRef

__all__ = ["DagsterInstance", "InstanceRef", "InstanceType", "persistent_instance", "persistent_ref"]

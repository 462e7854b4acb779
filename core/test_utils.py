"""Door to instances for tests, by the name that tests import them from."""

from core.testing.instances import instance_for_test

__all__ = ["instance_for_test"]

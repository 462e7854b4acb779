"""Executing one solid, or some of a pipeline's, as tests do, and instances for tests."""

from core.testing.instances import instance_for_test
from core.testing.solids import execute_solid, execute_solid_within_pipeline, execute_solids_within_pipeline

__all__ = ["execute_solid", "execute_solid_within_pipeline", "execute_solids_within_pipeline", "instance_for_test"]

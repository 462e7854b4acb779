"""Executing runs: contexts, resources, one step, the loop over steps, results."""

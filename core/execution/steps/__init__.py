"""Executing steps: one step with its inputs and outputs, and all steps of a run one after another."""

"""Doors to contexts, by the paths that pipelines import them from."""

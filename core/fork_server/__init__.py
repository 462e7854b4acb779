"""A program that loads a pipeline once and forks a child for each step: see `core.executors.processes`."""

from core.fork_server.serving import main

__all__ = ["main"]

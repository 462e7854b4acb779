"""Repositories: the pipelines, schedules, sensors and partition sets that are found and listed together."""

from core.repositories.data import CachingRepositoryData, RepositoryData
from core.repositories.definition import RepositoryDefinition, repository

__all__ = ["CachingRepositoryData", "RepositoryData", "RepositoryDefinition", "repository"]

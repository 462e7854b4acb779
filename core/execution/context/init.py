"""Door to the context of resources, by the name that pipelines import it from."""

from core.definitions.direct.resources import build_init_resource_context
from core.definitions.resource import InitResourceContext

__all__ = ["InitResourceContext", "build_init_resource_context"]

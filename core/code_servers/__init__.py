"""Code locations: repositories whose code this process or a server has loaded, and what is asked of it there."""

from core.code_servers.in_process import InProcessCodeLocation
from core.code_servers.locations import CodeLocation
from core.code_servers.over_grpc import GrpcCodeLocation
from core.code_servers.workspace import Workspace

__all__ = ["CodeLocation", "GrpcCodeLocation", "InProcessCodeLocation", "Workspace"]

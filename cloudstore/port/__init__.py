"""`cloudstore port`: code and `dagster.yaml` files of Dagster 0.11, rewritten for this package."""

from cloudstore.port.command import port

__all__ = ["port"]

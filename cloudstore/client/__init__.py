"""The client of everything that talks to S3, made from one schema of options."""

from cloudstore.client.connections import connect_anew_in_forked_children
from cloudstore.client.make import make_client
from cloudstore.client.options import S3_OPTIONS
from cloudstore.client.tuning import connections_of

__all__ = ["S3_OPTIONS", "connect_anew_in_forked_children", "connections_of", "make_client"]

"""For tests and development: an S3 server on this machine, and a proxy that makes it fail as it is told."""

from cloudstore.testing.fault_proxy import FaultProxy, faulty_s3_server
from cloudstore.testing.faults import Fault, FaultRecord
from cloudstore.testing.server import EmbeddedS3Server, embedded_s3_server
from cloudstore.testing.weed import EmbeddedS3ServerError

__all__ = [
    "EmbeddedS3Server",
    "EmbeddedS3ServerError",
    "Fault",
    "FaultProxy",
    "FaultRecord",
    "embedded_s3_server",
    "faulty_s3_server",
]

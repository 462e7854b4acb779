"""What tests and development need: an S3 server of their own."""

from cloudstore.testing.server import EmbeddedS3Server, embedded_s3_server
from cloudstore.testing.weed import EmbeddedS3ServerError

__all__ = ["EmbeddedS3Server", "EmbeddedS3ServerError", "embedded_s3_server"]

"""Door to `cloudstore.files.manager`, by the name that users import and that pickled handles state."""

from cloudstore.files.manager import S3FileHandle, S3FileManager

__all__ = ["S3FileHandle", "S3FileManager"]

"""The codec of tables: Parquet, and what of each library's tables it keeps."""

from core.values.codecs.tables.codec import ParquetCodec

__all__ = ["ParquetCodec"]

"""Files in buckets: the file manager, the cache, the solids and fingerprints of objects."""

"""What S3 itself is about: exact keys, its errors as ours, whether a bucket can be used."""

"""Values and files in a bucket on the embedded server, next to bare boto3 and the newest dagster-aws."""

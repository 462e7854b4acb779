"""Values and files in a bucket on the embedded server, beside bare boto3 and the newest dagster-aws."""

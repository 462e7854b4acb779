"""Makes buckets with the settings that this project wants, on any S3 endpoint. Running it again changes nothing.

    python localstack/create_buckets.py [--endpoint-url URL] [NAME...]

Endpoint, region and credentials come from where every AWS tool takes them, less what the options say. Each bucket
- is not versioned: a version is paid for until a lifecycle rule deletes it, and nothing here reads old ones;
- aborts multipart uploads that are a day old: the parts that a killed process left are paid for, and listed nowhere;
- blocks public access.
Other lifecycle rules, settings and objects of a bucket that exists stay as they are. What a store does not know
(LocalStack and AWS know all of it) is said on stderr, and left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUCKETS_OF_THE_EXAMPLES = ("flights", "lab", "my-bucket")  # examples/flights, examples/s3_parts, README.md
ABORT_AFTER_DAYS = 1
RULE: Any = {
    "ID": "abort-incomplete-multipart-uploads",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_AFTER_DAYS},
}
BLOCKED: Any = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
NOT_IMPLEMENTED = ("NotImplemented", "MethodNotAllowed", "501", "405")
NOT_SET = ("NoSuchLifecycleConfiguration", "NoSuchPublicAccessBlockConfiguration")


def main() -> int:
    """Makes the buckets; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--endpoint-url", help="the store; by default AWS_ENDPOINT_URL_S3, else AWS")
    parser.add_argument("--region", help="where new buckets are made; by default the profile's")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(BUCKETS_OF_THE_EXAMPLES)}")
    options = parser.parse_args()
    name = ""
    try:
        client = boto3.client("s3", endpoint_url=options.endpoint_url, region_name=options.region)
        for name in options.names or BUCKETS_OF_THE_EXAMPLES:
            changes = set_up(client, name)
            print(f"{name}: {', '.join(changes) or 'unchanged'}")
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: an endpoint that is no URL
        print(f"create_buckets.py: {name or 'no client'}: {error}", file=sys.stderr)
        return 1
    return 0


def set_up(client: S3Client, bucket: str) -> list[str]:
    """Makes one bucket, or changes the settings in which it differs.

    Returns:
        list[str]: what was done, in words; empty when all was so already.

    Raises:
        ClientError: the store refused something, such as a name that is taken by somebody else (403).
    """
    steps = {
        "created": _create,
        "versioning suspended": _suspend_versioning,
        f"multipart uploads aborted after {ABORT_AFTER_DAYS} day": _abort_incomplete_uploads,
        "public access blocked": _block_public_access,
    }
    return [words for words, step in steps.items() if _is_done(words, step, client, bucket)]


def _is_done(words: str, step: Callable[[S3Client, str], bool], client: S3Client, bucket: str) -> bool:
    try:
        return step(client, bucket)
    except ClientError as error:
        if _code(error) not in NOT_IMPLEMENTED:
            raise
        print(f"{bucket}: this store does not know {error.operation_name}, so not: {words}", file=sys.stderr)
        return False


def _create(client: S3Client, bucket: str) -> bool:
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if _code(error) not in ("404", "NoSuchBucket"):
            raise
    else:
        return False
    region: Any = client.meta.region_name
    # us-east-1 is the one that AWS refuses to be told.
    where: Any = {} if region in ("us-east-1", "aws-global") else {"LocationConstraint": region}
    client.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
    return True


def _suspend_versioning(client: S3Client, bucket: str) -> bool:
    if client.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":  # a new bucket has no status
        return False
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    return True


def _abort_incomplete_uploads(client: S3Client, bucket: str) -> bool:
    before: Any = _or_nothing(lambda: client.get_bucket_lifecycle_configuration(Bucket=bucket)).get("Rules", [])
    ours = [rule for rule in before if rule.get("ID") == RULE["ID"]]
    if [_meaning(rule) for rule in ours] == [_meaning(RULE)]:
        return False
    others = [rule for rule in before if rule.get("ID") != RULE["ID"]]  # putting replaces all
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*others, RULE]})
    return True


def _meaning(rule: Any) -> tuple[Any, ...]:
    """What a rule does; stores give the prefix of all keys back in different places, or not at all."""
    prefix = rule.get("Filter", {}).get("Prefix") or rule.get("Prefix") or ""
    return prefix, rule["Status"], rule.get("AbortIncompleteMultipartUpload")


def _block_public_access(client: S3Client, bucket: str) -> bool:
    before = _or_nothing(lambda: client.get_public_access_block(Bucket=bucket))
    if before.get("PublicAccessBlockConfiguration") == BLOCKED:
        return False
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=BLOCKED)
    return True


def _or_nothing(ask: Callable[[], Any]) -> dict[str, Any]:
    """The answer, or {} where the bucket has no such setting."""
    try:
        answer: dict[str, Any] = ask()
    except ClientError as error:
        if _code(error) not in NOT_SET:
            raise
        return {}
    return answer


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))


if __name__ == "__main__":
    sys.exit(main())

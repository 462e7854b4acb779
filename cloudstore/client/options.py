"""The options of everything that talks to S3: the values of each, and which go together.

Whatever botocore refuses is refused here, when config is checked, by the option's name and with what would be valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudstore.client.option_types import BUCKET, ENDPOINT, NAME, PREFIX, SECONDS, TAGS, one_of, text, whole_number
from core.config import BoolSource, Field

_SIGNING_OPTIONS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "role_arn")
_KMS_ENCRYPTIONS = ("aws:kms", "aws:kms:dsse")
_MOST_ATTEMPTS = 1000
_MOST_CONNECTIONS = 10_000  # the pool makes a place for each at once

Rule = Callable[[Mapping[str, Any]], str | None]


def _beside(name: str) -> Rule:
    return lambda options: None if name in options else f"this only takes effect together with {name}; add it"


def _beside_kms(options: Mapping[str, Any]) -> str | None:
    if options.get("server_side_encryption") in _KMS_ENCRYPTIONS:
        return None
    return f"a KMS key needs server_side_encryption to be {' or '.join(_KMS_ENCRYPTIONS)}"


def _unsigned_alone(options: Mapping[str, Any]) -> str | None:
    given = [name for name in _SIGNING_OPTIONS if name in options]
    if not options["use_unsigned_session"] or not given:
        return None
    return f"unsigned requests carry no credentials; leave this out, or {' and '.join(given)}"


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html
def _payer_known(options: Mapping[str, Any]) -> str | None:
    if not options["requester_pays"] or not options["use_unsigned_session"]:
        return None
    return "the payer is known by the credentials, and use_unsigned_session sends none; leave out one of the two"


_CONNECTION: dict[str, Field] = {
    "region_name": Field(
        text("a region's name such as eu-central-1", r"(?![0-9]+$)(?!-)[A-Za-z0-9-]{1,63}(?<!-)"),
        is_required=False,
        description="AWS region, such as eu-central-1; by default the profile's.",
    ),
    "endpoint_url": Field(
        ENDPOINT, is_required=False, description="URL of a store other than AWS, such as http://127.0.0.1:9000."
    ),
    "profile_name": Field(
        NAME, is_required=False, description="Profile of the AWS configuration files to take settings from."
    ),
    "use_unsigned_session": Field(
        BoolSource,
        default_value=False,
        description="Send no credentials, to read a public bucket.",
        rule=_unsigned_alone,
    ),
    "max_attempts": Field(
        whole_number(_MOST_ATTEMPTS),
        is_required=False,
        description="Maximum number of times that a request is sent, the first one included; by default what "
        "AWS_MAX_ATTEMPTS or the profile says, else 5.",
    ),
    "retry_mode": Field(
        one_of("legacy", "standard", "adaptive"),
        is_required=False,
        description="How botocore spaces its retries; by default what AWS_RETRY_MODE or the profile says, else "
        "standard.",
    ),
    "connect_timeout_seconds": Field(SECONDS, default_value=5.0, description="Maximum time for connecting."),
    "read_timeout_seconds": Field(
        SECONDS,
        default_value=60.0,
        description="Maximum time for the store to be silent during a request.",
    ),
    "max_pool_connections": Field(
        whole_number(_MOST_CONNECTIONS),
        default_value=32,
        description="Connections kept open; additional threads open a new one each time.",
    ),
    "addressing_style": Field(
        one_of("auto", "path", "virtual"),
        is_required=False,
        description="Where the bucket's name goes: path (most other stores than AWS), virtual (the host name), auto; "
        "by default what the profile says, else auto.",
    ),
    "use_ssl": Field(BoolSource, default_value=True, description="Use HTTPS where endpoint_url does not say."),
    "verify": Field(BoolSource, default_value=True, description="Check the server's certificate."),
    "verify_cert_path": Field(
        NAME,
        is_required=False,
        description="File of the authorities whose certificates are trusted; by default AWS_CA_BUNDLE's or botocore's.",
    ),
    "checksum_mode": Field(
        one_of("when_supported", "when_required"),
        is_required=False,
        description="when_required for stores that refuse the checksums that AWS accepts with every request; by "
        "default what AWS_REQUEST_CHECKSUM_CALCULATION, AWS_RESPONSE_CHECKSUM_VALIDATION or the profile say, else "
        "when_supported.",
    ),
}

_CREDENTIALS: dict[str, Field] = {
    "aws_access_key_id": Field(
        text("text without spaces and line breaks", r"[!-~]+"),
        is_required=False,
        is_secret=True,
        description="Key id; by default from the environment.",
        rule=_beside("aws_secret_access_key"),
    ),
    "aws_secret_access_key": Field(
        text("text without spaces and line breaks", r"[^\s\ud800-\udfff]+"),  # surrogates: bytes that are not UTF-8
        is_required=False,
        is_secret=True,
        description="Secret key; by default from the environment.",
        rule=_beside("aws_access_key_id"),
    ),
    "aws_session_token": Field(
        text("text without spaces and line breaks", r"[!-~]*"),
        is_required=False,
        is_secret=True,
        description="Token of temporary credentials.",
        rule=_beside("aws_access_key_id"),
    ),
    # The patterns are those of https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, but for the
    # account: other stores' have names, or none (https://docs.ceph.com/en/latest/radosgw/STS/).
    "role_arn": Field(
        text(
            "the ARN of a role such as arn:aws:iam::123456789012:role/reader",
            r"(?=.{20,2048}$)arn:[a-z0-9-]+:iam::[A-Za-z0-9_-]*:role/[!-~]+",
        ),
        is_required=False,
        description="Role to assume with the other credentials, and renewed automatically; it needs a region.",
    ),
    "role_session_name": Field(
        text("2 to 64 letters, digits and _+=,.@-", r"[A-Za-z0-9_+=,.@-]{2,64}"),
        is_required=False,
        description="Name of the session in the audit log; by default cloudstore.",
        rule=_beside("role_arn"),
    ),
    "external_id": Field(
        text("2 to 1224 letters, digits and _+=,.@:/-", r"[A-Za-z0-9_+=,.@:/-]{2,1224}"),
        is_required=False,
        is_secret=True,
        description="Id that the owner of a role in another account asks for.",
        rule=_beside("role_arn"),
    ),
    "sts_endpoint_url": Field(
        ENDPOINT,
        is_required=False,
        description="URL of the service that assumes roles; by default AWS's, even if endpoint_url is another store.",
        rule=_beside("role_arn"),
    ),
}

_OBJECTS: dict[str, Field] = {
    "server_side_encryption": Field(
        one_of("AES256", *_KMS_ENCRYPTIONS),
        is_required=False,
        description="How new objects are encrypted in the store; by default as the bucket is configured.",
    ),
    "sse_kms_key_id": Field(
        text(
            "a KMS key's id, its ARN, or alias/NAME",
            r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[\w/-]+|alias/[\w/-]+|(?!arn:|alias/)[\w-]+",
        ),
        is_required=False,
        description="KMS key that encrypts new objects; needs kms:GenerateDataKey and kms:Decrypt on that key.",
        rule=_beside_kms,
    ),
    "acl": Field(
        one_of(
            "private",
            "public-read",
            "public-read-write",
            "authenticated-read",
            "aws-exec-read",
            "bucket-owner-read",
            "bucket-owner-full-control",
        ),
        is_required=False,
        description="Canned ACL of new objects; needs s3:PutObjectAcl.",
    ),
    "storage_class": Field(
        one_of(
            "STANDARD",
            "STANDARD_IA",
            "ONEZONE_IA",
            "INTELLIGENT_TIERING",
            "GLACIER_IR",
            "GLACIER",
            "DEEP_ARCHIVE",
            "REDUCED_REDUNDANCY",
            "EXPRESS_ONEZONE",
            "OUTPOSTS",
            "SNOW",
        ),
        is_required=False,
        description="Storage class of new objects; those of GLACIER and DEEP_ARCHIVE cannot be read until restored.",
    ),
    "object_tags": Field(
        TAGS, is_required=False, description="Tags of new objects, at most 10; needs s3:PutObjectTagging."
    ),
    "requester_pays": Field(
        BoolSource,
        is_required=False,
        description="Pay for requests to buckets whose owners leave that to the requester.",
        rule=_payer_known,
    ),
}

S3_OPTIONS: dict[str, Field] = {**_CONNECTION, **_CREDENTIALS, **_OBJECTS}

BUCKET_OPTIONS: dict[str, Field] = {
    "s3_bucket": Field(BUCKET, description="The bucket."),
    "s3_prefix": Field(PREFIX, default_value="dagster", description="Where in the bucket, as a path."),
}

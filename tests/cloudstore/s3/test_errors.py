from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import RestXMLParser

from cloudstore import transfer
from cloudstore.s3.errors import S3ConditionConflict, S3ConditionFailed, translate_errors
from core.errors import (
    DagsterObjectAccessError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterObjectStoreError,
)


def answer(status: int, code: str, message: str = "", **headers: str) -> boto.ClientError:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}
    return boto.ClientError(response, "Operation")


@pytest.mark.parametrize(
    ("raised", "action", "error", "message"),
    [
        (answer(404, "NoSuchKey"), "GetObject", DagsterObjectNotFoundError, "no object at s3://b/k"),
        (answer(404, "404"), "HeadObject", DagsterObjectNotFoundError, "no object at s3://b/k"),
        (answer(404, "NoSuchBucket"), "PutObject", DagsterObjectNotFoundError, "aws s3 mb s3://b"),
        (answer(404, "NoSuchUpload"), "UploadPart", DagsterObjectStoreError, "NoSuchUpload"),
        (answer(403, "AccessDenied"), "PutObject", DagsterObjectAccessError, "s3://b/k.*allow s3:PutObject"),
        (answer(403, "403"), "HeadObject", DagsterObjectAccessError, "HeadObject.*allow s3:GetObject"),
        (answer(403, "AccessDenied"), "ListObjectsV2", DagsterObjectAccessError, "allow s3:ListBucket"),
        (answer(403, "AccessDenied"), "UploadPart", DagsterObjectAccessError, "allow s3:PutObject"),
        (answer(403, "InvalidAccessKeyId"), "GetObject", DagsterObjectAccessError, "aws_access_key_id"),
        (answer(403, "SignatureDoesNotMatch"), "GetObject", DagsterObjectAccessError, "aws_secret_access_key"),
        (answer(400, "ExpiredToken"), "GetObject", DagsterObjectAccessError, "new session token"),
        (answer(403, "RequestTimeTooSkewed"), "GetObject", DagsterObjectAccessError, "clock"),
        (answer(412, "PreconditionFailed"), "PutObject", S3ConditionFailed, "s3://b/k"),
        (answer(412, "PreconditionFailed"), "GetObject", DagsterObjectStoreError, "replaced or deleted"),
        (answer(409, "ConditionalRequestConflict"), "PutObject", S3ConditionConflict, "under way"),
        (answer(400, "BadDigest"), "PutObject", DagsterObjectStoreError, "nothing was stored"),
        (
            answer(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-north-1"}),
            "GetObject",
            DagsterObjectStoreError,
            "region_name to 'eu-north-1'",
        ),
        (answer(503, "SlowDown", "Reduce your rate"), "GetObject", DagsterObjectStoreError, "503.*Reduce your rate"),
        (boto.NoCredentialsError(), "GetObject", DagsterObjectAccessError, "aws_access_key_id"),
        (
            boto.EndpointConnectionError(endpoint_url="http://user:pw@host:9/b/k?X-Amz-Signature=abc"),
            "GetObject",
            DagsterObjectStoreError,
            "Cannot connect to http://host:9 ",
        ),
        (boto.ConnectTimeoutError(endpoint_url="http://host:9/b"), "GetObject", DagsterObjectStoreError, "host:9"),
        (
            boto.SSLError(endpoint_url="https://host:9/b", error="no certificate"),
            "GetObject",
            DagsterObjectStoreError,
            "https://host:9 .*verify_cert_path",
        ),
        (
            boto.ProxyConnectionError(proxy_url="http://me:hunter2@proxy:9"),
            "GetObject",
            DagsterObjectStoreError,
            r"\(ProxyConnectionError\)\. Check the proxy that HTTP_PROXY",
        ),
        (boto.FlexibleChecksumError(error_msg="Expected"), "GetObject", DagsterObjectCorruptError, "checksum"),
        (
            boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
            "GetObject",
            DagsterObjectStoreError,
            "broke off",
        ),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, boto.ClientError) else None,
)
def test_each_failure_has_its_error(raised: Exception, action: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught, translate_errors(action, "b", "k"):
        raise raised
    assert type(caught.value) is error
    assert caught.value.__cause__ is raised


def test_messages_hold_no_secrets() -> None:
    url = "https://me:hunter2@host/b/k?X-Amz-Credential=AKIA&X-Amz-Security-Token=tok%2Fen&X-Amz-Signature=51gn"
    for raised in (
        boto.EndpointConnectionError(endpoint_url=url),
        boto.ReadTimeoutError(endpoint_url=url),
        boto.HTTPClientError(error=f"failed: {url}"),
        answer(400, "Odd", f"cannot take {url}"),
    ):
        with pytest.raises(DagsterObjectStoreError) as caught, translate_errors("GetObject", "b", "k"):
            raise raised
        assert not [secret for secret in ("hunter2", "AKIA", "tok", "51gn") if secret in str(caught.value)]


@pytest.mark.parametrize("message", ["<Message/>", "<Message></Message>", "<Message>a<B>b</B></Message>", ""])
def test_an_answer_without_a_message_is_understood(message: str) -> None:
    body = f"<Error><Code>NoSuchKey</Code>{message}</Error>".encode()
    response: Any = RestXMLParser().parse({"status_code": 404, "headers": {}, "body": body}, None)
    with pytest.raises(DagsterObjectNotFoundError, match="no object at s3://b/k"), translate_errors("Get", "b", "k"):
        raise boto.ClientError(response, "GetObject")


def test_errors_of_other_origin_pass_unchanged() -> None:
    for raised in (ValueError("mine"), OSError("disk full"), DagsterObjectNotFoundError("mine")):
        with pytest.raises(type(raised)) as caught, translate_errors("PutObject", "b", "k"):
            raise raised
        assert caught.value is raised
        assert caught.value.__cause__ is None


def test_a_missing_object_and_a_missing_bucket_are_told_apart(store: Any) -> None:
    with pytest.raises(DagsterObjectNotFoundError, match="no object"):
        transfer.get_bytes(store.client, store.bucket, "k")
    for act in (transfer.get_bytes, transfer.open_stream):
        with pytest.raises(DagsterObjectNotFoundError, match="bucket 'no-such-bucket' does not exist"):
            act(store.client, "no-such-bucket", "k")
    with pytest.raises(DagsterObjectNotFoundError, match="bucket 'no-such-bucket' does not exist"):
        transfer.put_bytes(store.client, "no-such-bucket", "k", b"")


def test_a_refusal_is_never_a_missing_object(embedded: Any) -> None:
    with pytest.raises(DagsterObjectAccessError):
        transfer.exists(embedded.client_with(aws_secret_access_key="wrong"), embedded.bucket, "k")

from __future__ import annotations

import socket
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import RestXMLParser

from cloudstore import transfer
from cloudstore.client import make_client
from cloudstore.s3.errors import S3ConditionConflict, S3ConditionFailed, check_bucket, translate_errors
from core.errors import (
    DagsterObjectAccessError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterObjectStoreError,
    DagsterResourceUnavailableError,
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


def test_an_answer_with_an_empty_code_is_not_a_stores(proxy: Any) -> None:
    proxy.fail((404, "<Error><Code></Code><Message></Message></Error>"), method="GET")
    with pytest.raises(DagsterResourceUnavailableError, match="not as an S3 server does"):
        check_bucket(proxy.client(), proxy.store.bucket)


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


@pytest.mark.parametrize("prefix", ["", "some/prefix"])
def test_a_usable_bucket_passes_in_one_request(store: Any, prefix: str) -> None:
    before = store.usage.read()
    check_bucket(store.client, store.bucket, prefix)
    assert (store.usage.read() - before).requests == 1


def test_a_bucket_without_leave_to_list_passes(proxy: Any) -> None:
    # AWS answers so where s3:ListBucket is not granted.
    proxy.fail((403, "<Error><Code>AccessDenied</Code></Error>"), method="GET")
    check_bucket(proxy.client(), proxy.store.bucket)
    assert proxy.seen == ["GET"]


def test_a_missing_bucket_is_unavailable(store: Any) -> None:
    with pytest.raises(DagsterResourceUnavailableError, match=r"does not exist.*aws s3 mb s3://no-such-bucket"):
        check_bucket(store.client, "no-such-bucket", "p")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aws_access_key_id": "nobody"}, "Check aws_access_key_id"),
        ({"aws_secret_access_key": "hunter2"}, "Check aws_secret_access_key"),
    ],
)
def test_wrong_credentials_are_unavailable(embedded: Any, options: dict[str, str], message: str) -> None:
    with pytest.raises(DagsterResourceUnavailableError, match=message) as caught:
        check_bucket(embedded.client_with(**options), embedded.bucket)
    assert "hunter2" not in str(caught.value)


def test_an_expired_token_and_another_region_are_unavailable(proxy: Any) -> None:
    proxy.fail((400, "<Error><Code>ExpiredToken</Code></Error>"), method="GET")
    with pytest.raises(DagsterResourceUnavailableError, match="new session token"):
        check_bucket(proxy.client(), proxy.store.bucket)
    wrong = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region></Error>"
    proxy.decide = lambda method, path: (400, wrong)
    with pytest.raises(DagsterResourceUnavailableError, match="region_name to 'eu-north-1'"):
        check_bucket(proxy.client(), proxy.store.bucket)


def test_no_credentials_at_all_are_unavailable(embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(DagsterResourceUnavailableError, match="no usable credentials"):
        check_bucket(make_client({"endpoint_url": embedded.options["endpoint_url"]}), embedded.bucket)


def test_a_server_that_is_no_store_is_unavailable(proxy: Any) -> None:
    proxy.fail((404, "<html>not here</html>"), method="GET")
    with pytest.raises(DagsterResourceUnavailableError, match="not as an S3 server"):
        check_bucket(proxy.client(), proxy.store.bucket)


@pytest.mark.parametrize(("max_attempts", "sent"), [(1, 1), (2, 2), (20, 3)])
@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_an_unreachable_endpoint_is_given_up_soon(embedded: Any, mode: str, max_attempts: int, sent: int) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused while it is held
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        client = embedded.client_with(endpoint_url=url, max_attempts=max_attempts, retry_mode=mode)
        before = embedded.usage.read()
        with pytest.raises(DagsterResourceUnavailableError, match=f"Cannot connect to {url} "):
            check_bucket(client, embedded.bucket)
    assert (embedded.usage.read() - before).requests == sent


def test_the_check_leaves_the_client_as_patient_as_before(embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)  # botocore's pauses between attempts
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        client = embedded.client_with(endpoint_url=url, max_attempts=6)
        with pytest.raises(DagsterResourceUnavailableError):
            check_bucket(client, embedded.bucket)
        before = embedded.usage.read()
        with pytest.raises(DagsterObjectStoreError, match="Cannot connect"):
            transfer.get_bytes(client, embedded.bucket, "k")
    assert (embedded.usage.read() - before).requests == 6

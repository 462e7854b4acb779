"""The check, before a run starts, that a bucket can be used."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from cloudstore import transfer
from cloudstore.client import make_client
from cloudstore.s3.bucket import check_bucket
from core.errors import DagsterObjectStoreError, DagsterResourceUnavailableError


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


def test_an_answer_with_an_empty_code_is_not_a_stores(proxy: Any) -> None:
    proxy.fail((404, "<Error><Code></Code><Message></Message></Error>"), method="GET")
    with pytest.raises(DagsterResourceUnavailableError, match="not as an S3 server does"):
        check_bucket(proxy.client(), proxy.store.bucket)

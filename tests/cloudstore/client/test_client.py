from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest
from botocore.utils import parse_timestamp

from cloudstore import transfer
from cloudstore.client import S3_OPTIONS, make_client
from cloudstore.client.tuning import parse_time
from core.config import resolve_config
from core.errors import (
    DagsterInvalidConfigError,
    DagsterObjectAccessError,
    DagsterObjectNotFoundError,
    DagsterResourceUnavailableError,
)
from core.usage import Usage

LOCAL = {"endpoint_url": "http://127.0.0.1:9", "aws_access_key_id": "id", "aws_secret_access_key": "secret"}


def test_options_reach_the_client() -> None:
    options = {
        **LOCAL,
        "region_name": "eu-central-1",
        "max_attempts": 7,
        "retry_mode": "legacy",
        "connect_timeout_seconds": 1.5,
        "read_timeout_seconds": 2.5,
        "max_pool_connections": 3,
        "addressing_style": "virtual",
        "checksum_mode": "when_required",
    }
    client = make_client(resolve_config(S3_OPTIONS, options, "S3 options"))
    config: Any = client.meta.config
    assert client.meta.endpoint_url == LOCAL["endpoint_url"]
    assert client.meta.region_name == "eu-central-1"
    assert config.retries == {"total_max_attempts": 7, "mode": "legacy"}
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (1.5, 2.5, 3)
    assert config.s3["addressing_style"] == "virtual"
    assert config.request_checksum_calculation == config.response_checksum_validation == "when_required"


def test_an_unsigned_client_sends_no_credentials(embedded: Any) -> None:
    without = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"))
    client = embedded.client_with(use_unsigned_session=True, **without)
    headers: list[str] = []
    client.meta.events.register("before-send.s3", lambda request, **_: headers.extend(request.headers))
    with pytest.raises(Exception, match=r"Denied|403"):
        client.get_object(Bucket=embedded.bucket, Key="k")
    assert "Authorization" not in headers


def test_a_second_client_reads_no_service_descriptions_but_the_environment_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {"endpoint_url": LOCAL["endpoint_url"]}
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "first")
    make_client(options)
    monkeypatch.setattr(botocore.loaders.JSONFileLoader, "load_file", lambda *_: pytest.fail("read from disk"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "second")
    client: Any = make_client(options)
    assert client._request_signer._credentials.access_key == "second"


def test_the_authorities_of_the_environment_are_trusted_unless_the_options_say_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine, theirs = tmp_path / "mine.pem", tmp_path / "theirs.pem"
    mine.touch()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(theirs))

    def trusted(**options: Any) -> object:
        client: Any = make_client({**LOCAL, **options})
        return client._endpoint.http_session._verify

    assert trusted() == str(theirs)
    assert trusted(verify_cert_path=str(mine)) == str(mine)
    assert trusted(verify=False) is False


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"profile_name": "nobody"}, DagsterResourceUnavailableError, "nobody"),
        ({"aws_access_key_id": "id"}, DagsterInvalidConfigError, "aws_access_key_id: .* aws_secret_access_key"),
        ({"verify_cert_path": "/no/such.pem"}, DagsterResourceUnavailableError, "/no/such.pem"),
        (
            {"endpoint_url": "http://user:hunter2@bad_host!"},
            DagsterInvalidConfigError,
            "endpoint_url: expected an http",
        ),
        ({"max_attempts": 0}, DagsterInvalidConfigError, "max_attempts: expected a whole number from 1"),
    ],
)
def test_unusable_options_are_named(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make_client(options)
    assert "hunter2" not in str(caught.value)


ENDPOINTS = [
    "ftp://host",
    "http://host?x=1",
    "http://host:99999",
    "http://host:abc",
    "http://user:hunter2@host",
    "http://",
]
FILES = {
    "s3 = path": "profile's s3 in the AWS configuration file .* must be a block of indented lines",
    "credential_process = /no/such/program": "credentials are missing: .*/no/such/program'. Check what the environment",
    "role_arn = arn:aws:iam::123456789012:role/x": "credentials are missing: .* source_profile or credential_source",
}


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the AWS configuration file's default profile."""
    path = tmp_path / "aws-config"
    for name, value in {"CONFIG_FILE": str(path), "SHARED_CREDENTIALS_FILE": str(path), "REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return lambda text: [path.write_text(f"[default]\n{text}\n"), None][1]


@pytest.mark.parametrize("url", ENDPOINTS)
@pytest.mark.parametrize("place", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "profile"])
def test_an_endpoint_is_checked_wherever_it_is_from(
    url: str, place: str, profile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile(f"endpoint_url = {url}")
    if place != "profile":
        monkeypatch.setenv(place, url)
    with pytest.raises(DagsterInvalidConfigError, match="endpoint") as caught:
        make_client({})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("text", "said"), FILES.items(), ids=FILES)
def test_what_a_profile_names_is_there_or_named(text: str, said: str, profile: Callable[[str], None]) -> None:
    profile(text)
    with pytest.raises((DagsterInvalidConfigError, DagsterResourceUnavailableError), match=said):
        make_client({})


def test_a_profile_that_is_not_there_is_named_in_one_line(
    profile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile("")
    monkeypatch.setenv("AWS_PROFILE", "\x1b[31m\nx")
    with pytest.raises(
        DagsterResourceUnavailableError, match=re.escape(r"profile (\x1b[31m\nx) could not be found. Check")
    ):
        make_client({})


def test_credentials_that_cannot_be_fetched_refuse_the_request(
    profile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile("")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/such/token")
    client = make_client({"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(DagsterObjectAccessError, match=r"There are no usable credentials .*'/no/such/token'"):
        transfer.put_bytes(client, "bucket", "key", b"")


def _use(store: Any, act: Callable[[], object]) -> Usage:
    before = store.usage.read()
    act()
    return store.usage.read() - before  # type: ignore[no-any-return]


def _counts(use: Usage) -> tuple[int, int, int]:
    return use.requests, use.bytes_sent, use.bytes_received


def test_small_requests_are_counted_exactly(store: Any) -> None:
    client, bucket = store.client, store.bucket
    assert _counts(_use(store, lambda: transfer.put_bytes(client, bucket, "k", b"12345"))) == (1, 5, 0)
    assert _counts(_use(store, lambda: transfer.exists(client, bucket, "k"))) == (1, 0, 0)
    use = _use(store, lambda: transfer.get_bytes(client, bucket, "k"))
    assert _counts(use) == (1, 0, 5)
    assert use.seconds > 0


def test_an_error_counts_with_the_length_of_its_message(store: Any) -> None:
    with pytest.raises(DagsterObjectNotFoundError) as caught:
        _use(store, lambda: transfer.get_bytes(store.client, store.bucket, "k"))
    cause: Any = caught.value.__cause__
    before = store.usage.read()
    with pytest.raises(DagsterObjectNotFoundError):
        transfer.get_bytes(store.client, store.bucket, "k")
    length = int(cause.response["ResponseMetadata"]["HTTPHeaders"]["content-length"])
    assert _counts(store.usage.read() - before) == (1, 0, length)


def test_a_multipart_upload_counts_every_part(store: Any) -> None:
    size = transfer.PART_BYTES + 7
    manifest: list[int] = []
    store.client.meta.events.register(
        "before-send.s3.CompleteMultipartUpload", lambda request, **_: manifest.append(len(request.body))
    )
    use = _use(store, lambda: transfer.put_stream(store.client, store.bucket, "k", BytesIO(bytes(size))))
    assert (use.requests, use.bytes_sent) == (4, size + manifest[0])
    assert use.write_requests == 4


def test_writes_are_counted_as_bills_have_them(store: Any) -> None:
    client, bucket = store.client, store.bucket
    for write in (
        lambda: client.put_object(Bucket=bucket, Key="k", Body=b"x"),
        lambda: client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"}),
        lambda: client.list_objects_v2(Bucket=bucket),
    ):
        use = _use(store, write)
        assert (use.requests, use.write_requests) == (1, 1)
    for other in (
        lambda: client.get_object(Bucket=bucket, Key="k"),
        lambda: client.head_object(Bucket=bucket, Key="k"),
        lambda: client.delete_object(Bucket=bucket, Key="k"),
    ):
        use = _use(store, other)
        assert (use.requests, use.write_requests) == (1, 0)


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_request_is_sent_max_attempts_times_and_each_is_counted(proxy: Any, mode: str) -> None:
    proxy.fail((503, ""), (503, ""), (503, ""), method="PUT")
    client = proxy.client(max_attempts=2, retry_mode=mode)
    before = proxy.store.usage.read()
    with pytest.raises(Exception, match="503"):
        transfer.put_bytes(client, proxy.store.bucket, "k", b"12345")
    assert _counts(proxy.store.usage.read() - before) == (2, 10, 0)
    assert proxy.seen == ["PUT", "PUT"]


def test_requests_that_get_no_answer_are_counted(proxy: Any) -> None:
    proxy.fail("lose the answer", method="PUT")
    before = proxy.store.usage.read()
    transfer.put_bytes(proxy.client(), proxy.store.bucket, "k", b"12345")
    assert _counts(proxy.store.usage.read() - before) == (2, 10, 0)


@pytest.mark.parametrize(
    "module", ["client", "client.options", "file_manager", "files.manager", "s3.errors", "s3.keys", "transfer"]
)
def test_importing_loads_no_cloud_library(module: str) -> None:
    code = f"import sys, cloudstore.{module}; print(sorted({{'boto3', 'botocore', 'smart_open'}} & sys.modules.keys()))"
    root = Path(__file__).parents[3]
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    "told",
    ["Sun, 22 Nov 2026 06:08:49 GMT", "2026-11-22T06:08:49Z", "2026-11-22T06:08:49.000Z", "2026-11-22 06:08:49 GMT"],
)
def test_times_in_answers_are_read_as_botocore_reads_them(told: str) -> None:
    assert parse_time(told) == parse_timestamp(told) == datetime(2026, 11, 22, 6, 8, 49, tzinfo=UTC)


@pytest.mark.parametrize(("size_bytes", "is_asked"), [(0, False), (1000, False), (1 << 20, True)])
def test_the_store_is_asked_before_large_bodies_alone(embedded: Any, size_bytes: int, is_asked: bool) -> None:
    client = make_client(embedded.options)
    asked: list[bool] = []
    client.meta.events.register("before-send.s3", lambda request, **_: asked.append("Expect" in request.headers))
    client.put_object(Bucket=embedded.bucket, Key="k", Body=bytes(size_bytes))
    client.put_object(Bucket=embedded.bucket, Key="k", Body=BytesIO(bytes(size_bytes)))
    assert asked == [is_asked, is_asked]
    assert client.get_object(Bucket=embedded.bucket, Key="k")["Body"].read() == bytes(size_bytes)

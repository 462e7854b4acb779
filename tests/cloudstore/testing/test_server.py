"""What the embedded server promises as an S3 server: keys, secrets, buckets, conditional writes, kept data."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from cloudstore.testing import EmbeddedS3Server, EmbeddedS3ServerError, embedded_s3_server

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.fixture
def client(s3_server: EmbeddedS3Server) -> Iterator["S3Client"]:
    with closing(s3_server.client()) as made:
        yield made


def _get(client: "S3Client", bucket: str, key: str) -> bytes:
    with closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
        return body.read()


def test_what_is_put_is_got_back(client: "S3Client", bucket: str) -> None:
    content = bytes(range(256)) * 1000
    client.put_object(Bucket=bucket, Key="folder/key", Body=content)
    assert _get(client, bucket, "folder/key") == content


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"aws_access_key_id": "unknown"}, "InvalidAccessKeyId"),
    ],
)
def test_wrong_credentials_are_refused(s3_server: EmbeddedS3Server, wrong: dict[str, str], code: str) -> None:
    with closing(s3_server.client(**wrong)) as stranger, pytest.raises(ClientError) as refusal:
        stranger.list_buckets()
    assert refusal.value.response["Error"]["Code"] == code


def test_a_missing_bucket_is_an_error_and_is_not_created(client: "S3Client") -> None:
    with pytest.raises(ClientError) as missing:
        client.put_object(Bucket="nobody-made-this", Key="key", Body=b"")
    assert missing.value.response["Error"]["Code"] == "NoSuchBucket"
    with pytest.raises(ClientError) as missing:
        client.get_object(Bucket="nobody-made-this", Key="key")
    assert missing.value.response["Error"]["Code"] == "NoSuchBucket"


def test_of_many_conditional_writes_one_wins(client: "S3Client", bucket: str) -> None:
    def write(number: int) -> bool:
        try:
            client.put_object(Bucket=bucket, Key="once", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(write, range(8)))
    assert won.count(True) == 1
    assert _get(client, bucket, "once") == str(won.index(True)).encode()


def test_buckets_get_the_given_or_a_new_name(s3_server: EmbeddedS3Server, client: "S3Client") -> None:
    made = {s3_server.create_bucket("a-name-of-ours"), s3_server.create_bucket(), s3_server.create_bucket()}
    assert len(made) == 3
    assert "a-name-of-ours" in made
    assert made <= {found["Name"] for found in client.list_buckets()["Buckets"]}


def test_the_environment_is_all_that_another_program_needs(s3_server: EmbeddedS3Server, bucket: str) -> None:
    script = "import boto3; print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**plain, "NO_PROXY": "127.0.0.1", **s3_server.environment()}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert bucket in run.stdout


def test_settings_of_this_machine_do_not_reach_the_client(
    s3_server: EmbeddedS3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-another-account")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with closing(s3_server.client()) as client:
        client.head_bucket(Bucket=bucket)


def test_the_secret_is_shown_nowhere(s3_server: EmbeddedS3Server) -> None:
    secret = s3_server.secret_key
    assert secret not in repr(s3_server)
    assert s3_server.access_key in repr(s3_server)
    assert secret not in (s3_server.directory / "server.log").read_text()
    if sys.platform == "linux":
        assert secret.encode() not in Path(f"/proc/{s3_server.pid}/cmdline").read_bytes()
    with_secret = [path for path in s3_server.directory.glob("*.json") if secret in path.read_text()]
    assert {path.name for path in with_secret} == {"s3.json", "server.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in with_secret} == {0o600}


def test_two_servers_at_once_know_nothing_of_each_other(s3_server: EmbeddedS3Server, bucket: str) -> None:
    with embedded_s3_server() as other:
        assert other.pid != s3_server.pid
        assert (other.access_key, other.secret_key) != (s3_server.access_key, s3_server.secret_key)
        with closing(other.client()) as client:
            assert client.list_buckets()["Buckets"] == []
        credentials = {"aws_access_key_id": other.access_key, "aws_secret_access_key": other.secret_key}
        with closing(s3_server.client(**credentials)) as stranger, pytest.raises(ClientError):
            stranger.head_bucket(Bucket=bucket)


def test_a_directory_keeps_data_credentials_and_port(tmp_path: Path) -> None:
    home = tmp_path / "kept" / "here"
    with embedded_s3_server(home) as first, closing(first.client()) as client:
        client.put_object(Bucket=first.create_bucket("kept"), Key="key", Body=b"value")
        with pytest.raises(EmbeddedS3ServerError, match="is using"), embedded_s3_server(home):
            pass
    with embedded_s3_server(home) as second, closing(second.client()) as client:
        assert _get(client, "kept", "key") == b"value"
        client.put_object(Bucket=second.create_bucket(), Key="key", Body=b"another")
        assert (second.access_key, second.secret_key) == (first.access_key, first.secret_key)
        assert second.endpoint_url == first.endpoint_url
    assert home.is_dir()


def test_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text(json.dumps({"access_key": 1}))
    with pytest.raises(EmbeddedS3ServerError, match=r"server\.json is damaged"), embedded_s3_server(tmp_path):
        pass


def test_half_a_pair_of_credentials_is_refused() -> None:
    with pytest.raises(ValueError, match="together"), embedded_s3_server(access_key="only"):
        pass


def test_the_import_is_cheap() -> None:
    script = (
        "import sys, cloudstore.testing, cloudstore.dev_server\n"
        "print([heavy for heavy in ('boto3', 'botocore', 'sqlalchemy', 'pandas', 'rich') if heavy in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"

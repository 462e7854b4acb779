"""A role is assumed with the client's other credentials, and renewed."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from cloudstore import transfer
from cloudstore.client import make_client
from cloudstore.s3.bucket import check_bucket
from core.errors import DagsterObjectAccessError, DagsterResourceUnavailableError

ROLE = "arn:aws:iam::123456789012:role/reader"
_SPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_GIVEN = f"""<AssumeRoleResponse xmlns="{_SPACE}"><AssumeRoleResult><Credentials><AccessKeyId>ROLEKEY%d</AccessKeyId>
<SecretAccessKey>hunter2</SecretAccessKey><SessionToken>token%d</SessionToken><Expiration>%s</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
_DENIED = f"""<ErrorResponse xmlns="{_SPACE}"><Error><Code>AccessDenied</Code><Message>me is not authorized to perform
sts:AssumeRole</Message></Error></ErrorResponse>"""


@dataclass
class Roles:
    """A service that gives roles for `lifetime`, each with another key, or refuses to; and what it was asked."""

    lifetime: timedelta = timedelta(hours=1)
    denies: bool = False
    endpoint_url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    signed_by: list[str] = field(default_factory=list)

    def answer(self, body: str, authorization: str) -> tuple[int, str]:
        self.asked.append(dict(parse_qsl(body)))
        self.signed_by.append(authorization.partition("Credential=")[2].partition("/")[0])
        number, end = len(self.asked), datetime.now(UTC) + self.lifetime
        return (403, _DENIED) if self.denies else (200, _GIVEN % (number, number, end.strftime("%Y-%m-%dT%H:%M:%SZ")))


@pytest.fixture
def roles() -> Iterator[Roles]:
    service = Roles()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, text = service.answer(body, self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.endpoint_url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def new_client(roles: Roles, new_store: Any, moto_options: dict[str, Any]) -> Callable[..., tuple[Any, str, list[str]]]:
    """Makes a client with a role, a bucket to use it on, and a list of the keys that its requests are signed with."""

    def new(**options: Any) -> tuple[Any, str, list[str]]:
        store, signed_by = new_store(moto_options), []
        client = store.client_with(**{"role_arn": ROLE, "sts_endpoint_url": roles.endpoint_url, **options})

        def note(request: Any, **_: Any) -> None:
            authorization = request.headers["Authorization"].decode()
            signed_by.append(authorization.partition("Credential=")[2].partition("/")[0])

        client.meta.events.register("before-send.s3", note)
        return client, store.bucket, signed_by

    return new


def test_a_role_is_assumed_once_when_it_is_needed(new_client: Any, roles: Roles) -> None:
    client, bucket, signed_by = new_client(role_session_name="me@here", external_id="a:b/c")
    assert roles.asked == []
    transfer.put_bytes(client, bucket, "k", b"x")
    assert transfer.get_bytes(client, bucket, "k") == b"x"
    (asked,) = roles.asked
    assert (asked["Action"], asked["RoleArn"]) == ("AssumeRole", ROLE)
    assert (asked["RoleSessionName"], asked["ExternalId"]) == ("me@here", "a:b/c")
    assert roles.signed_by == ["test"]
    assert signed_by == ["ROLEKEY1", "ROLEKEY1"]


def test_a_role_has_a_session_name_and_no_external_id_by_default(new_client: Any, roles: Roles) -> None:
    client, bucket, _ = new_client()
    transfer.put_bytes(client, bucket, "k", b"x")
    assert roles.asked[0]["RoleSessionName"] == "cloudstore"
    assert "ExternalId" not in roles.asked[0]


def test_a_role_is_renewed_before_it_expires(new_client: Any, roles: Roles) -> None:
    roles.lifetime = timedelta(minutes=5)  # botocore renews what has less than ten minutes
    client, bucket, signed_by = new_client()
    for _ in range(3):
        transfer.put_bytes(client, bucket, "k", b"x")
    assert signed_by == ["ROLEKEY1", "ROLEKEY2", "ROLEKEY3"]


def test_a_role_is_assumed_with_what_the_environment_has(
    new_client: Any, roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fromenv")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client, bucket, signed_by = new_client(aws_access_key_id=None, aws_secret_access_key=None)
    transfer.put_bytes(client, bucket, "k", b"x")
    assert (roles.signed_by, signed_by) == (["fromenv"], ["ROLEKEY1"])


def test_many_threads_share_one_role(new_client: Any, roles: Roles) -> None:
    client, bucket, signed_by = new_client()
    threads = [threading.Thread(target=transfer.put_bytes, args=(client, bucket, f"{n}", b"x")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(roles.asked), signed_by) == (1, ["ROLEKEY1"] * 8)


def test_a_role_that_is_refused_is_no_refused_object(
    new_client: Any, roles: Roles, caplog: pytest.LogCaptureFixture
) -> None:
    roles.denies = True
    client, bucket, _ = new_client(external_id="hunter2", aws_secret_access_key="hunter22")
    with caplog.at_level(logging.INFO), pytest.raises(DagsterObjectAccessError, match=f"{ROLE} was not ass") as caught:
        transfer.get_bytes(client, bucket, "k")
    with pytest.raises(DagsterResourceUnavailableError, match="sts:AssumeRole"):
        check_bucket(client, bucket)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_a_role_that_is_given_is_printed_nowhere(
    new_client: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    client, bucket, _ = new_client(external_id="hunter2")
    with caplog.at_level(logging.INFO):
        transfer.put_bytes(client, bucket, "k", b"x")
    out, err = capfd.readouterr()
    assert "hunter2" not in caplog.text + out + err + repr(client) + repr(vars(client))


def test_a_role_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such/file")
    options = {"role_arn": ROLE, "aws_access_key_id": "id", "aws_secret_access_key": "x"}
    with pytest.raises(DagsterResourceUnavailableError, match="Set region_name"):
        make_client(options)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    make_client(options)


def test_a_role_needs_credentials_to_assume_it_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such/file")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/such/file")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(DagsterResourceUnavailableError, match="credentials"):
        make_client({"role_arn": ROLE, "region_name": "eu-central-1"})

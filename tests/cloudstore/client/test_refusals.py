"""Secrets that come from the environment and that no request can carry: refused, and shown by nobody."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from cloudstore.client import make_client
from cloudstore.s3.bucket import check_bucket
from core.errors import DagsterInvalidConfigError, DagsterResourceUnavailableError

NOWHERE = {"endpoint_url": "http://127.0.0.1:9", "region_name": "us-east-1", "max_attempts": 1}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/reader", "sts_endpoint_url": "http://127.0.0.1:9"}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize("role", [{}, ROLE], ids=["keys", "role"])
@pytest.mark.parametrize(
    ("variable", "said"), [("AWS_SESSION_TOKEN", "session token"), ("AWS_ACCESS_KEY_ID", "access key id")]
)
@pytest.mark.parametrize("value", ["hunter2\n", "hunter2\r\nmore"])
def test_a_credential_with_a_line_break_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str, value: str, role: dict[str, str], mode: str
) -> None:
    monkeypatch.setenv(variable, value)
    client = make_client({**NOWHERE, **role, "retry_mode": mode})
    for act in (lambda: check_bucket(client, "b"), lambda: client.get_object(Bucket="b", Key="k")):
        with pytest.raises(DagsterResourceUnavailableError, match=f"{said}.*{variable}.*line break") as caught:
            act()
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_another_header_with_a_line_break_is_named() -> None:
    client: Any = make_client(NOWHERE)
    with pytest.raises(
        DagsterResourceUnavailableError, match="header x-amz-meta-note of a request contains a line break"
    ):
        client.put_object(Bucket="b", Key="k", Body=b"", Metadata={"note": "two\nlines"})


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_a_password_in_the_endpoint_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://me:hunter2@127.0.0.1:9")
    with pytest.raises(DagsterInvalidConfigError, match=variable) as caught:
        make_client({"region_name": "us-east-1"})
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))

"""Finding objects by prefix and deleting them, in more than one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudstore import transfer
from cloudstore.testing import Fault, FaultProxy
from core.errors import DagsterObjectAccessError, DagsterObjectNotFoundError, DagsterObjectStoreError

if TYPE_CHECKING:
    from conftest import FailingProxy, PutMany, Store


def keys(store: Store, prefix: str = "") -> list[str]:
    return sorted(each.key for each in transfer.list_objects(store.client, store.bucket, prefix))


def put(store: Store, *names: str) -> None:
    for name in names:
        store.client.put_object(Bucket=store.bucket, Key=name, Body=b"x" * len(name))


def test_more_than_one_page_is_listed_and_deleted(store: Store, put_many: PutMany) -> None:
    many = sorted(f"logs/{number:04}" for number in range(1005))
    every = [*many, "logs-too/1", "log", "other/é &<>+%41"]
    put_many(store.client, store.bucket, {key: b"x" * len(key) for key in every})
    assert keys(store, "logs/") == many
    transfer.delete_objects(store.client, store.bucket, many)
    assert keys(store) == ["log", "logs-too/1", "other/é &<>+%41"]
    assert {each.size_bytes for each in transfer.list_objects(store.client, store.bucket, "log")} == {3, 10}
    transfer.delete_objects(store.client, store.bucket, ["other/é &<>+%41", "not there"])
    transfer.delete_objects(store.client, store.bucket, [])
    assert keys(store) == ["log", "logs-too/1"]


def test_a_bucket_that_is_not_there(store: Store) -> None:
    with pytest.raises(DagsterObjectNotFoundError, match="'no-such-bucket-here' does not exist"):
        list(transfer.list_objects(store.client, "no-such-bucket-here", "a/"))
    with pytest.raises(DagsterObjectNotFoundError, match="'no-such-bucket-here' does not exist"):
        transfer.delete_objects(store.client, "no-such-bucket-here", ["a/1"])


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("AccessDenied", DagsterObjectAccessError, "Check that the credentials are the right ones"),
        ("InternalError", DagsterObjectStoreError, r"DeleteObjects on .* failed with HTTP status 200"),
    ],
)
def test_a_key_that_the_store_refuses(proxy: FailingProxy, code: str, error: type[Exception], said: str) -> None:
    put(proxy.store, "a", "b")
    refusal = f"<Error><Key>b</Key><Code>{code}</Code><Message>no &amp; no</Message></Error>"
    proxy.fail((200, f"<DeleteResult>{refusal}</DeleteResult>"), method="POST")
    with pytest.raises(error, match=said) as caught:
        transfer.delete_objects(proxy.client(), proxy.store.bucket, ["a", "b"])
    assert f"s3://{proxy.store.bucket}/b" in str(caught.value)
    assert f"{code}: no & no" in str(caught.value)
    transfer.delete_objects(proxy.client(), proxy.store.bucket, ["a", "b"])
    assert keys(proxy.store) == []


def test_a_key_that_is_gone_is_no_refusal(proxy: FailingProxy) -> None:
    put(proxy.store, "a")
    answer = "<DeleteResult><Error><Key>b</Key><Code>NoSuchKey</Code></Error></DeleteResult>"
    proxy.fail((200, answer), method="POST")
    transfer.delete_objects(proxy.client(), proxy.store.bucket, ["b"])
    assert keys(proxy.store) == ["a"]


# --- answers that were cut --------------------------------------------------------------------------------------


def test_an_answer_cut_anywhere_is_no_success(embedded: Store) -> None:
    with FaultProxy(embedded.options["endpoint_url"]) as proxy:
        client = embedded.client_with(endpoint_url=proxy.endpoint_url)
        for at_byte in range(12, 500, 37):
            put(embedded, "a", "b")
            proxy.inject(Fault.cut(at_byte), operations="DeleteObjects", times=1)
            transfer.delete_objects(client, embedded.bucket, ["a", "b", "not there"])
            proxy.clear()
        assert len([each for each in proxy.records if not each.fault]) >= len(proxy.faults) >= 13
    assert keys(embedded) == []


def test_answers_that_never_name_the_keys_are_an_error(proxy: FailingProxy) -> None:
    put(proxy.store, "a", "b")
    proxy.fail(*[(200, "<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>")] * 5, method="POST")
    with pytest.raises(DagsterObjectStoreError, match=r"s3://.*/a and 1 more: .* do not name all keys"):
        transfer.delete_objects(proxy.client(), proxy.store.bucket, ["a", "b"])
    assert proxy.seen == ["POST"] * 5
    assert keys(proxy.store) == ["a", "b"]


def test_a_key_that_xml_changes_is_deleted_in_one_request(store: Store) -> None:
    put(store, "a\rb")
    before = store.usage.read().requests
    transfer.delete_objects(store.client, store.bucket, ["a\rb"])
    assert store.usage.read().requests - before == 1

"""The options of objects are in every request that makes one, where its caller did not say otherwise."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from cloudstore import transfer
from cloudstore.files.manager import S3FileManager

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
TAGS = {"env": "prod", "a b": "1+1=2", "empty": ""}
OPTIONS = {
    "server_side_encryption": "aws:kms",
    "sse_kms_key_id": KEY_ID,
    "acl": "bucket-owner-full-control",
    "storage_class": "STANDARD_IA",
    "object_tags": TAGS,
    "requester_pays": True,
}
OBJECT_HEADERS = {
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": KEY_ID,
    "x-amz-acl": "bucket-owner-full-control",
    "x-amz-storage-class": "STANDARD_IA",
    "x-amz-tagging": "env=prod&a%20b=1%2B1%3D2&empty=",
}
PAYER = {"x-amz-request-payer": "requester"}
LARGE = bytes(transfer.PART_BYTES + 1)


class Moto:
    """A bucket of moto, and what a client with options sends there: the name of each operation, and its headers."""

    def __init__(self, store: Any, **options: Any) -> None:
        self.client, self.bucket = store.client_with(**options), store.bucket
        self.plain = store.client
        self.sent: list[tuple[str, dict[str, str]]] = []
        self.client.meta.events.register("before-send.s3", self._note)

    def _note(self, request: Any, event_name: str, **_: Any) -> None:
        names = {*OBJECT_HEADERS, *PAYER, "x-amz-tagging-directive", "x-amz-grant-read"}
        names.add("x-amz-server-side-encryption-customer-algorithm")
        texts = {name.lower(): value for name, value in request.headers.items()}
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in texts.items()
            if name in names
        }
        self.sent.append((event_name.rpartition(".")[2], headers))

    def headers(self, send: Callable[[], object]) -> dict[str, dict[str, str]]:
        self.sent.clear()
        send()
        return dict(self.sent)

    def tags(self, key: str) -> dict[str, str]:
        answer = self.plain.get_object_tagging(Bucket=self.bucket, Key=key)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


@pytest.fixture
def new_moto(new_store: Any, moto_options: dict[str, Any]) -> Callable[..., Moto]:
    return lambda **options: Moto(new_store(moto_options), **options)


def test_every_way_to_make_an_object_has_them(new_moto: Callable[..., Moto]) -> None:
    moto = new_moto(**OPTIONS)
    client, bucket = moto.client, moto.bucket
    sent = moto.headers(lambda: transfer.put_bytes(client, bucket, "bytes", b"x"))
    assert sent == {"PutObject": OBJECT_HEADERS | PAYER}
    sent = moto.headers(lambda: transfer.put_stream(client, bucket, "stream", BytesIO(LARGE)))
    assert sent == {
        "CreateMultipartUpload": OBJECT_HEADERS | PAYER,
        "UploadPart": PAYER,
        "CompleteMultipartUpload": PAYER,
    }
    sent = moto.headers(lambda: client.upload_fileobj(BytesIO(b"x"), bucket, "boto3"))
    assert sent == {"PutObject": OBJECT_HEADERS | PAYER}
    sent = moto.headers(lambda: client.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/bytes"))
    assert sent == {"CopyObject": OBJECT_HEADERS | PAYER | {"x-amz-tagging-directive": "REPLACE"}}
    moto.headers(lambda: S3FileManager(client, bucket, "files").write_data(b"x"))
    assert moto.sent[0] == ("PutObject", OBJECT_HEADERS | PAYER)
    for key in ("bytes", "stream", "boto3", "copy"):
        found = moto.plain.head_object(Bucket=bucket, Key=key)
        assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", KEY_ID)
        assert (found["StorageClass"], moto.tags(key)) == ("STANDARD_IA", TAGS)


def test_every_request_of_an_object_or_a_listing_names_the_payer(new_moto: Callable[..., Moto]) -> None:
    moto = new_moto(requester_pays=True)
    client, at = moto.client, {"Bucket": moto.bucket, "Key": "k"}
    part = {**at, "PartNumber": 1}

    def send() -> None:
        client.put_object(**at, Body=b"x")
        client.get_object(**at)["Body"].read()
        client.head_object(**at)
        client.get_object_tagging(**at)
        client.list_objects(Bucket=moto.bucket)
        client.list_objects_v2(Bucket=moto.bucket)
        client.list_object_versions(Bucket=moto.bucket)
        client.list_multipart_uploads(Bucket=moto.bucket)
        upload = client.create_multipart_upload(**at)["UploadId"]
        source = {"CopySource": f"{moto.bucket}/k"}
        client.upload_part_copy(**part, **source, UploadId=upload)
        client.list_parts(**at, UploadId=upload)
        client.abort_multipart_upload(**at, UploadId=upload)
        client.copy_object(Bucket=moto.bucket, Key="k2", **source)
        client.delete_objects(Bucket=moto.bucket, Delete={"Objects": [{"Key": "k2"}]})
        client.delete_object(**at)

    sent = moto.headers(send)
    assert len(sent) == 15
    assert {name for name, headers in sent.items() if headers != PAYER} == set()


def test_requests_that_know_no_payer_are_left_alone(new_moto: Callable[..., Moto]) -> None:
    moto = new_moto(**OPTIONS)
    sent = moto.headers(lambda: (moto.client.head_bucket(Bucket=moto.bucket), moto.client.list_buckets()))
    assert sent == {"HeadBucket": {}, "ListBuckets": {}}


def test_without_options_nothing_is_added(new_moto: Callable[..., Moto]) -> None:
    moto = new_moto(requester_pays=False, object_tags={})
    assert moto.headers(lambda: transfer.put_bytes(moto.client, moto.bucket, "k", b"x")) == {"PutObject": {}}


@pytest.mark.parametrize(
    ("own", "sent", "not_sent"),
    [
        (
            {"ServerSideEncryption": "AES256"},
            {"x-amz-server-side-encryption": "AES256"},
            ["x-amz-server-side-encryption-aws-kms-key-id"],
        ),
        (
            {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32},
            {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
            ["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"],
        ),
        ({"ACL": "private"}, {"x-amz-acl": "private"}, []),
        ({"GrantRead": "id=me"}, {"x-amz-grant-read": "id=me"}, ["x-amz-acl"]),
        ({"StorageClass": "GLACIER_IR"}, {"x-amz-storage-class": "GLACIER_IR"}, []),
        ({"Tagging": "mine=1"}, {"x-amz-tagging": "mine=1"}, []),
    ],
)
def test_what_the_caller_says_stands_alone(
    own: dict[str, str], sent: dict[str, str], not_sent: list[str], new_moto: Callable[..., Moto]
) -> None:
    moto = new_moto(**OPTIONS)
    headers = OBJECT_HEADERS | PAYER | sent
    expected = {name: value for name, value in headers.items() if name not in not_sent}
    given = dict(own)
    found = moto.headers(lambda: moto.client.put_object(Bucket=moto.bucket, Key="k", Body=b"x", **own))
    assert found == {"PutObject": expected}
    assert own == given


@pytest.mark.parametrize("own", [{"TaggingDirective": "COPY"}, {"Tagging": "a=1", "TaggingDirective": "REPLACE"}])
def test_a_caller_who_says_which_tags_a_copy_has_gets_those(own: dict[str, Any], new_moto: Callable[..., Moto]) -> None:
    moto = new_moto(object_tags={"env": "prod"})
    moto.plain.put_object(Bucket=moto.bucket, Key="k", Tagging="a=1")
    moto.client.copy_object(Bucket=moto.bucket, Key="k2", CopySource=f"{moto.bucket}/k", **own)
    assert moto.tags("k2") == {"a": "1"}
    moto.client.copy_object(Bucket=moto.bucket, Key="k3", CopySource=f"{moto.bucket}/k")
    assert moto.tags("k3") == {"env": "prod"}


def test_a_canned_acl_is_the_object_s(new_moto: Callable[..., Moto]) -> None:
    moto = new_moto(acl="public-read")
    transfer.put_bytes(moto.client, moto.bucket, "k", b"x")
    grants = moto.plain.get_object_acl(Bucket=moto.bucket, Key="k")["Grants"]
    assert "READ" in [grant["Permission"] for grant in grants if "URI" in grant["Grantee"]]


@pytest.mark.parametrize("size", [1, len(LARGE)])
def test_the_embedded_server_keeps_them(size: int, embedded: Any) -> None:
    options = {"server_side_encryption": "AES256", "storage_class": "STANDARD_IA", "object_tags": {"env": "prod"}}
    client = embedded.client_with(**options, acl="private", requester_pays=True)
    transfer.put_stream(client, embedded.bucket, "k", BytesIO(bytes(size)))
    assert transfer.get_bytes(client, embedded.bucket, "k") == bytes(size)
    at = {"Bucket": embedded.bucket, "Key": "k"}
    found = embedded.client.head_object(**at)
    assert (found["ServerSideEncryption"], found["StorageClass"]) == ("AES256", "STANDARD_IA")
    assert embedded.client.get_object_tagging(**at)["TagSet"] == [{"Key": "env", "Value": "prod"}]


@pytest.mark.parametrize("own", [{}, {"RequestPayer": "requester"}])
@pytest.mark.parametrize(("region", "version"), [("eu-central-1", 4), ("us-east-1", 2)])
def test_whoever_opens_a_presigned_url_needs_no_headers(
    region: str, version: int, own: dict[str, str], embedded: Any
) -> None:
    client = embedded.client_with(**OPTIONS, region_name=region)
    params = {"Bucket": embedded.bucket, "Key": "k", **own}
    given = dict(params)
    put = client.generate_presigned_url("put_object", Params=params)
    get = client.generate_presigned_url("get_object", Params=params)
    for url in (put, get):
        assert parse_qs(urlsplit(url).query)["x-amz-request-payer"] == ["requester"]
        assert not [name for name in OBJECT_HEADERS if name in url]
        assert params == given
        assert ("X-Amz-Signature" in url) == (version == 4)
    if version == 4:  # with version 2 the parameter is botocore's own doing, and the server does not know it
        assert urllib3.request("PUT", put, body=b"x").status == 200
        assert urllib3.request("GET", get).data == b"x"
        assert urllib3.request("GET", get.replace("=requester", "=nobody")).status == 403

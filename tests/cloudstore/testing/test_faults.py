"""What the fault proxy promises: that it fails as it is told, and is not there otherwise."""

import io
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    FlexibleChecksumError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from cloudstore.testing import EmbeddedS3Server, Fault, FaultProxy, FaultRecord, faulty_s3_server
from cloudstore.testing.faults import describe

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BODY = bytes(range(256)) * 5_000


@pytest.fixture
def proxy(s3_server: EmbeddedS3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def direct(s3_server: EmbeddedS3Server) -> Iterator["S3Client"]:
    with closing(s3_server.client()) as client:
        yield client


@pytest.fixture
def client(s3_server: EmbeddedS3Server, proxy: FaultProxy) -> Iterator["S3Client"]:
    """A client of the proxy that sends each request once."""
    once = Config(retries={"total_max_attempts": 1})
    with closing(s3_server.client(endpoint_url=proxy.endpoint_url, config=once)) as made:
        yield made


def get(client: "S3Client", bucket: str, key: str = "k", **request: Any) -> bytes:
    with closing(client.get_object(Bucket=bucket, Key=key, **request)["Body"]) as body:
        return body.read()


def has(client: "S3Client", bucket: str) -> bool:
    return bool(client.list_objects_v2(Bucket=bucket)["KeyCount"])


# --- what passes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize("body", [b"", b"abc", BODY], ids=["empty", "small", "large"])
def test_without_rules_everything_passes(
    client: "S3Client", proxy: FaultProxy, bucket: str, body: bytes, as_file: bool
) -> None:
    key = "a folder/ö+%2B"
    client.put_object(Bucket=bucket, Key=key, Body=io.BytesIO(body) if as_file else body, Metadata={"a": "b"})
    assert client.head_object(Bucket=bucket, Key=key)["Metadata"] == {"a": "b"}
    assert get(client, bucket, key) == body
    assert [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert proxy.records == [
        FaultRecord("PutObject", bucket, key, None),
        FaultRecord("HeadObject", bucket, key, None),
        FaultRecord("GetObject", bucket, key, None),
        FaultRecord("ListObjectsV2", bucket, "", None),
        FaultRecord("DeleteObjects", bucket, "", None),
    ]
    assert proxy.faults == []


def test_a_body_in_chunks_of_unknown_length_passes(
    direct: "S3Client", s3_server: EmbeddedS3Server, proxy: FaultProxy, bucket: str
) -> None:
    url = direct.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    target = url.removeprefix(s3_server.endpoint_url)
    with socket.create_connection(("127.0.0.1", int(proxy.endpoint_url.rpartition(":")[2]))) as wire:
        host = s3_server.endpoint_url.removeprefix("http://")
        wire.sendall(f"PUT {target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        wire.sendall(b"3\r\nabc\r\n2;of=two\r\nde\r\n0\r\n\r\n")
        assert wire.recv(15) == b"HTTP/1.1 200 OK"
    assert get(direct, bucket) == b"abcde"


def test_the_stores_own_errors_pass(client: "S3Client", bucket: str) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        get(client, bucket)
    with pytest.raises(ClientError, match="404"):
        client.head_object(Bucket=bucket, Key="k")


def test_the_signature_is_still_verified(s3_server: EmbeddedS3Server, proxy: FaultProxy) -> None:
    stranger = s3_server.client(endpoint_url=proxy.endpoint_url, aws_secret_access_key="wrong")
    with closing(stranger), pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_buckets()


def test_many_threads_may_ask(client: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    def there_and_back(number: int) -> bool:
        client.put_object(Bucket=bucket, Key=str(number), Body=str(number).encode())
        return get(client, bucket, str(number)) == str(number).encode()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, range(40)))
    assert len(proxy.records) == 80


# --- each fault ------------------------------------------------------------------------------------------------------


def test_refused_connections_are_accepted_again(client: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    proxy.inject(Fault.refused(seconds=0.3), times=1)
    with pytest.raises(ConnectionClosedError):
        client.put_object(Bucket=bucket, Key="k", Body=b"abc")
    with pytest.raises(EndpointConnectionError):
        client.put_object(Bucket=bucket, Key="k", Body=b"abc")
    refusals = 0
    while True:
        try:
            assert not has(client, bucket)
            break
        except EndpointConnectionError:
            refusals += 1
    assert refusals > 1
    assert [record.operation for record in proxy.records] == ["PutObject", "ListObjectsV2"]


@pytest.mark.parametrize("body", [b"abc", BODY], ids=["small", "large"])
def test_a_reset_request_does_not_reach_the_store(
    client: "S3Client", direct: "S3Client", proxy: FaultProxy, bucket: str, body: bytes
) -> None:
    proxy.inject(Fault.reset())
    with pytest.raises(ConnectionClosedError):
        client.put_object(Bucket=bucket, Key="k", Body=body)
    assert not has(direct, bucket)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.error("InvalidRequest"), 400),
        (Fault.error("ExpiredToken"), 400),
        (Fault.error("AccessDenied"), 403),
        (Fault.error("NoSuchKey"), 404),
        (Fault.error("ConditionalRequestConflict"), 409),
        (Fault.error("PreconditionFailed"), 412),
        (Fault.error("InternalError"), 500),
        (Fault.error("SlowDown"), 503),
        (Fault.error("Teapot", 418), 418),
    ],
    ids=str,
)
@pytest.mark.parametrize("as_file", [False, True])
def test_an_error_comes_in_place_of_the_work(
    client: "S3Client", direct: "S3Client", proxy: FaultProxy, bucket: str, fault: Fault, status: int, as_file: bool
) -> None:
    proxy.inject(fault, times=3)
    for body in (b"abc", BODY):
        with pytest.raises(ClientError) as refusal:
            client.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body) if as_file else body)
        assert refusal.value.response["Error"]["Code"] == fault.code == str(fault)
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    with pytest.raises(ClientError, match=str(status)):
        client.head_object(Bucket=bucket, Key="k")
    assert not has(direct, bucket)
    assert not has(client, bucket)


def test_a_reply_is_lost_after_the_work(client: "S3Client", direct: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    proxy.inject(Fault.lost_reply())
    with pytest.raises(ConnectionClosedError):
        client.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert get(direct, bucket) == BODY
    with pytest.raises(ConnectionClosedError):
        get(client, bucket)


def test_a_stall_outlasts_the_timeout(
    s3_server: EmbeddedS3Server, direct: "S3Client", proxy: FaultProxy, bucket: str
) -> None:
    impatient = Config(read_timeout=0.3, retries={"total_max_attempts": 1})
    proxy.inject(Fault.stall(3600))  # which leaving the proxy ends
    client = s3_server.client(endpoint_url=proxy.endpoint_url, config=impatient)
    with closing(client), pytest.raises(ReadTimeoutError):
        client.delete_object(Bucket=bucket, Key="k")
    assert proxy.faults == [FaultRecord("DeleteObject", bucket, "k", Fault.stall(3600))]


def test_a_short_stall_is_a_delay(client: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    proxy.inject(Fault.stall(0.01))
    client.put_object(Bucket=bucket, Key="k", Body=b"abc")
    assert get(client, bucket) == b"abc"


def test_a_latency_is_that_of_every_request(s3_server: EmbeddedS3Server, bucket: str) -> None:
    impatient = Config(retries={"total_max_attempts": 1}, read_timeout=0.2)
    with (
        FaultProxy(s3_server.endpoint_url, latency_seconds=3600) as proxy,
        closing(s3_server.client(endpoint_url=proxy.endpoint_url, config=impatient)) as client,
        closing(s3_server.client(endpoint_url=proxy.endpoint_url)) as patient,
    ):
        for ask in (client.head_object, client.get_object, client.delete_object):
            with pytest.raises(ReadTimeoutError):
                ask(Bucket=bucket, Key="k")
        proxy.latency_seconds = 0.001
        assert patient.delete_object(Bucket=bucket, Key="k")
        assert proxy.faults == []


def test_small_answers_are_sent_at_once(client: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    has(client, bucket)
    to_clients = [sockets[0] for sockets in proxy._open.values()]
    assert [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in to_clients] == [1]


def test_a_cut_answer_ends_at_the_byte(direct: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    direct.put_object(Bucket=bucket, Key="k", Body=BODY)

    def answer(fault: Fault | None) -> bytes:
        proxy.clear()
        if fault:
            proxy.inject(fault)
        url = direct.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        target = url.removeprefix(direct.meta.endpoint_url)
        host = direct.meta.endpoint_url.removeprefix("http://")
        with socket.create_connection(("127.0.0.1", int(proxy.endpoint_url.rpartition(":")[2]))) as wire:
            wire.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            with wire.makefile("rb") as received:
                return received.read()

    whole = answer(None)
    assert whole.endswith(BODY)
    assert [len(answer(Fault.cut(place))) for place in (0, 7, 300, 1_000_000)] == [0, 7, 300, 1_000_000]
    assert len(answer(Fault.cut(1 << 40))) == len(whole) - 1
    lengths = {len(answer(Fault.cut())) for _ in range(5)}
    assert len(lengths) == 5
    assert max(lengths) < len(whole)


def test_a_cut_body_breaks_off(client: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="k", Body=BODY)
    proxy.inject(Fault.cut(1_000_000), times=1)
    with pytest.raises(ResponseStreamingError):
        get(client, bucket)
    assert get(client, bucket) == BODY


@pytest.mark.parametrize("place", [0, 1_000_000, 1 << 40, None])
def test_a_wrong_byte_is_one(client: "S3Client", proxy: FaultProxy, bucket: str, place: int | None) -> None:
    client.put_object(Bucket=bucket, Key="k", Body=BODY)
    proxy.inject(Fault.wrong_byte(place))
    got = get(client, bucket, Range=f"bytes=0-{len(BODY) - 1}")  # the store tells no checksum of a range
    differing = [index for index, (sent, came) in enumerate(zip(BODY, got, strict=True)) if sent != came]
    assert len(differing) == 1
    assert place is None or differing == [min(place, len(BODY) - 1)]
    with pytest.raises(FlexibleChecksumError):
        get(client, bucket)
    assert has(client, bucket)
    assert {record.operation for record in proxy.faults} == {"GetObject"}


# --- rules -----------------------------------------------------------------------------------------------------------


def test_a_rule_is_for_its_operations_and_keys(client: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    proxy.inject(Fault.error("SlowDown"), operations=["PutObject", "HeadObject"], key="a/*")
    proxy.inject(Fault.error("AccessDenied"), operations="PutObject")
    for key, code in (("a/1", "SlowDown"), ("b/1", "AccessDenied")):
        with pytest.raises(ClientError, match=code):
            client.put_object(Bucket=bucket, Key=key, Body=b"")
    assert not has(client, bucket)
    proxy.clear()
    client.put_object(Bucket=bucket, Key="a/1", Body=b"")
    assert [str(record.fault) for record in proxy.faults] == ["SlowDown", "AccessDenied"]


def test_times_counts_what_was_done(client: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    proxy.inject(Fault.error("SlowDown"), operations="PutObject", times=2)
    for _ in range(4):
        has(client, bucket)
    for _ in range(2):
        with pytest.raises(ClientError):
            client.put_object(Bucket=bucket, Key="k", Body=b"")
    client.put_object(Bucket=bucket, Key="k", Body=b"")


def test_one_seed_means_the_same_faults(s3_server: EmbeddedS3Server, bucket: str) -> None:
    def drawn(seed: int) -> list[bool]:
        with FaultProxy(s3_server.endpoint_url, seed=seed) as proxy:
            proxy.inject(Fault.error("AccessDenied"), rate=0.5)
            once = Config(retries={"total_max_attempts": 1})
            with closing(s3_server.client(endpoint_url=proxy.endpoint_url, config=once)) as client:
                for number in range(60):
                    with suppress(ClientError):
                        client.put_object(Bucket=bucket, Key=str(number), Body=b"")
            return [record.fault is not None for record in proxy.records]

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    assert 15 < first.count(True) < 45


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda proxy: proxy.inject(Fault.reset(), rate=1.5), "from 0 to 1"),
        (lambda proxy: Fault.error("Unheard"), "HTTP status of 'Unheard'"),
        (lambda proxy: FaultProxy("https://s3.amazonaws.com"), "http://HOST:PORT"),
    ],
)
def test_what_makes_no_sense_is_refused(proxy: FaultProxy, build: Callable[[FaultProxy], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(proxy)


@pytest.mark.parametrize(
    ("request_line", "operation"),
    [
        ("GET /", "ListBuckets"),
        ("PUT /b", "CreateBucket"),
        ("HEAD /b", "HeadBucket"),
        ("DELETE /b/", "DeleteBucket"),
        ("GET /b", "ListObjects"),
        ("GET /b?list-type=2&prefix=", "ListObjectsV2"),
        ("GET /b?uploads", "ListMultipartUploads"),
        ("GET /b?location", "GetBucketLocation"),
        ("PUT /b?policy", "PutBucketPolicy"),
        ("POST /b?delete", "DeleteObjects"),
        ("GET /b/a/k", "GetObject"),
        ("PUT /b/a/k", "PutObject"),
        ("GET /b/a/k?tagging", "GetObjectTagging"),
        ("GET /b/a/k?uploadId=u", "ListParts"),
        ("POST /b/a/k?uploads", "CreateMultipartUpload"),
        ("PUT /b/a/k?partNumber=1&uploadId=u", "UploadPart"),
        ("POST /b/a/k?uploadId=u", "CompleteMultipartUpload"),
        ("DELETE /b/a/k?uploadId=u", "AbortMultipartUpload"),
        ("DELETE /b/a/k", "DeleteObject"),
    ],
)
def test_operations_have_the_names_that_s3_gives_them(request_line: str, operation: str) -> None:
    method, target = request_line.split()
    assert describe(method, target)[0] == operation


def test_a_copy_is_known_by_its_source(client: "S3Client", proxy: FaultProxy, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="k", Body=b"abc")
    client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    assert proxy.records[-1].operation == "CopyObject"


# --- its life --------------------------------------------------------------------------------------------------------


def test_nothing_is_left_of_it(s3_server: EmbeddedS3Server, bucket: str) -> None:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        proxy.inject(Fault.stall(3600), times=1)
        once = Config(retries={"total_max_attempts": 1})
        client = s3_server.client(endpoint_url=proxy.endpoint_url, config=once)
        pool = ThreadPoolExecutor(1)
        stalled = pool.submit(client.list_buckets)
        while not proxy.records:
            pass
    with closing(client), pool, pytest.raises(BotoCoreError):
        stalled.result()
    assert not [thread for thread in threading.enumerate() if "fault-proxy" in thread.name]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(proxy.endpoint_url.rpartition(":")[2])))


def test_server_and_proxy_come_together() -> None:
    with faulty_s3_server(seed=3, access_key="K" * 20, secret_key="S" * 40) as (server, proxy):
        bucket = server.create_bucket()
        with closing(server.client(endpoint_url=proxy.endpoint_url)) as client:
            client.put_object(Bucket=bucket, Key="greeting", Body=b"hello")
        with closing(server.client()) as client:
            assert get(client, bucket, "greeting") == b"hello"
        assert [record.key for record in proxy.records] == ["greeting"]

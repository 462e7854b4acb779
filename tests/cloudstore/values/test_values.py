"""Values as objects: one request each, verified and trusted before they are decoded, whole or absent."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import pickle
import random
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

from cloudstore import transfer
from cloudstore.testing import EmbeddedS3Server, Fault, FaultProxy
from cloudstore.transfer import RANGE_BYTES
from cloudstore.transfer.content import PIECE_BYTES
from cloudstore.values import objects
from cloudstore.values.finding import find_value
from cloudstore.values.metadata import S3UntrustedValueError
from cloudstore.values.options import VALUE_OPTIONS
from cloudstore.values.place import Place
from cloudstore.values.signing import Signer, signer_of
from core.errors import (
    DagsterInvalidConfigError,
    DagsterObjectAccessError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterObjectNotLoadableError,
    DagsterObjectStoreError,
)
from core.values.codecs import Codec, codec_named, register_codec

SECRET, OTHER_SECRET = "an example of a key", "an example of another"
MIB = 1 << 20


def pattern(size: int) -> bytes:
    """Bytes in which every place looks different from its neighbours a piece or a range away."""
    block = b"".join(number.to_bytes(4, "big") for number in range(250_007))
    return (block * (size // len(block) + 1))[:size]


def place(store: Any, key: str = "values/k", secret: str | None = None, former: str | None = None) -> Place:
    return Place(store.client, store.bucket, key, signer_of(secret, former))


def put(at: Place, value: object, codec: str = "pickle", **details: Any) -> bool:
    return objects.store(at, value, codec_named(codec), **details).is_new


def has(at: Place) -> bool:
    return find_value(at).is_whole


def head(at: Place) -> Any:
    return at.client.head_object(Bucket=at.bucket, Key=at.key)


def rewrite(at: Place, body: bytes | None = None, **metadata: str | None) -> None:
    """Puts an object in the place of a stored one, with its metadata but for what is given."""
    stored = at.client.get_object(Bucket=at.bucket, Key=at.key)
    changed = stored["Metadata"] | {f"cloudstore-{name.replace('_', '-')}": text for name, text in metadata.items()}
    kept = {name: text for name, text in changed.items() if text is not None}
    content = stored["Body"].read() if body is None else body
    at.client.put_object(Bucket=at.bucket, Key=at.key, Body=content, Metadata=kept)


class Fuse(Codec):
    """Notes that it was asked to decode."""

    name = "test-fuse"
    decoded = 0

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        stream.write(value)

    def decode(self, stream: IO[bytes]) -> Any:
        Fuse.decoded += 1
        return stream.read()


@pytest.fixture(autouse=True)
def fuse(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDSTORE_SIGNING_KEY", "CLOUDSTORE_FORMER_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    register_codec(Fuse())
    Fuse.decoded = 0


# --- storing and loading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize(
    ("codec", "value"), [("pickle", {"a": (1, {2})}), ("json", [1, "é"]), ("text", "é"), ("bytes", b"\0")]
)
def test_a_value_comes_back_in_one_request_each_way(store: Any, codec: str, value: object, once: bool) -> None:
    at = place(store)
    before = store.usage.read()
    assert put(at, value, codec, run_id="r 1", once=once)
    stored = store.usage.read()
    assert objects.load(at) == value
    assert ((stored - before).requests, (store.usage.read() - stored).requests) == (1, 1)


def test_what_is_recorded_with_a_value(store: Any) -> None:
    at = place(store, secret=SECRET)
    put(at, "é", "text", run_id="run é/1")
    said = head(at)
    content_sum = hashlib.sha256("é".encode()).hexdigest()
    assert said["ContentType"] == "text/plain; charset=utf-8"
    assert said["Metadata"] == {
        "cloudstore-sha256": content_sum,
        "cloudstore-codec": "text",
        "cloudstore-bytes": "2",
        "cloudstore-run-id": "run%20%C3%A9%2F1",
        "cloudstore-signature": Signer(SECRET).sign("values/k", "text", content_sum),
    }


SIZES = [
    0,
    1,
    PIECE_BYTES - 1,
    PIECE_BYTES,
    PIECE_BYTES + 1,
    RANGE_BYTES,
    RANGE_BYTES + 1,
    2 * RANGE_BYTES + 3 * MIB + 5,
]


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_content_of_any_size_comes_back(store: Any, size: int, once: bool) -> None:
    at, data = place(store), pattern(size)
    before = store.usage.read()
    assert put(at, data, "bytes", once=once)
    stored = store.usage.read()
    assert objects.load(at) == data
    sent, read = (stored - before).requests, (store.usage.read() - stored).requests
    assert sent == (1 if once or size <= 16 * MIB else 2 + -(-size // (16 * MIB)))
    assert read == (max(1, -(-size // RANGE_BYTES)) if size else 2)  # an empty object has no range to ask for
    assert store.pending_uploads() == []


@pytest.mark.parametrize("size", [1000, 40 * MIB])
def test_pickles_read_pieces_as_they_need(store: Any, size: int) -> None:
    value = [bytearray(pattern(size)), pattern(size // 3), "é" * (size // 7), list(range(size // 100))]
    put(place(store), value)
    assert objects.load(place(store)) == value


def test_a_value_of_the_former_release_loads_unless_values_are_signed(store: Any) -> None:
    for number, size in enumerate((10, 20 * MIB)):
        at = place(store, f"k{number}")
        transfer.put_bytes(
            store.client, store.bucket, at.key, pickle.dumps(b"x" * size, 5), metadata={transfer.WRITE_ID: "1"}
        )
        assert objects.load(at) == b"x" * size
        assert has(at)
        with pytest.raises(S3UntrustedValueError, match=f"s3://{store.bucket}/k{number} is unsigned"):
            objects.load(place(store, f"k{number}", SECRET))


def test_a_value_that_is_not_there(store: Any) -> None:
    with pytest.raises(DagsterObjectNotFoundError, match=r"no object at s3://.*/values/k"):
        objects.load(place(store))
    assert not has(place(store))


def test_a_refusal_is_no_answer(embedded: Any) -> None:
    refused = replace(place(embedded), client=embedded.client_with(aws_secret_access_key="wrong"))
    for ask in (has, objects.load):
        with pytest.raises(DagsterObjectAccessError):
            ask(refused)


def test_an_unknown_codec_is_named(store: Any) -> None:
    put(place(store), b"x", "test-fuse")
    rewrite(place(store), codec="theirs")
    with pytest.raises(DagsterObjectNotLoadableError, match=r"The value at s3://.* no codec 'theirs'.*register_codec"):
        objects.load(place(store))


def test_the_example_of_the_page_about_values_runs(s3_server: EmbeddedS3Server, bucket: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "values.md").read_text("utf-8")
    example = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    script, environment = example.replace("my-bucket", bucket), {**os.environ, **s3_server.environment()}
    environment.pop("DAGSTER_HOME", None)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("{'shares': ['1/3', '1/3', '1/3']}\n"), done.stderr
    client, found = s3_server.client(), {}
    for each in client.list_objects_v2(Bucket=bucket)["Contents"]:
        stored = client.get_object(Bucket=bucket, Key=each["Key"])
        found[stored["Metadata"]["cloudstore-codec"]] = stored["Body"].read()
    assert found == {"fraction": b"1/3", "json": b'{"shares":["1/3","1/3","1/3"]}'}


# --- verified before it is decoded ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, RANGE_BYTES + 7])
def test_altered_content_is_never_decoded(store: Any, size: int) -> None:
    at, data = place(store), pattern(size)
    put(at, data, "test-fuse", run_id="run-1")
    altered = data[:-1] + bytes([data[-1] ^ 1])
    rewrite(at, altered)
    with pytest.raises(DagsterObjectCorruptError) as caught:
        objects.load(at)
    for said in (at.url, *(hashlib.sha256(each).hexdigest() for each in (data, altered)), "run run-1"):
        assert said in str(caught.value)
    assert Fuse.decoded == 0


def test_cut_content_is_never_decoded_and_no_value(store: Any) -> None:
    at = place(store)
    put(at, b"12345", "test-fuse", run_id="run-1")
    rewrite(at, b"1234")
    assert not has(at)
    with pytest.raises(DagsterObjectCorruptError, match=r"has 4 bytes, but 5 .* were stored by run run-1"):
        objects.load(at)
    assert Fuse.decoded == 0


@pytest.mark.parametrize("name", ["sha256", "codec", "bytes"])
def test_lost_metadata_is_no_value(store: Any, name: str) -> None:
    at = place(store)
    put(at, b"12345", "test-fuse")
    rewrite(at, **{name: None})
    assert not has(at)
    with pytest.raises(DagsterObjectCorruptError, match="lost some of its metadata"):
        objects.load(at)
    assert Fuse.decoded == 0


def test_an_empty_object_without_metadata_is_no_value(store: Any) -> None:
    store.client.put_object(Bucket=store.bucket, Key="values/k", Body=b"")
    assert not has(place(store))
    with pytest.raises(DagsterObjectCorruptError, match="is empty"):
        objects.load(place(store))


@pytest.mark.parametrize("cuts", [1, 3])
def test_reading_goes_on_where_a_connection_broke(proxy: Any, cuts: int) -> None:
    data = pattern(2 * RANGE_BYTES + 100)
    put(place(proxy.store), data, "bytes")
    at = replace(place(proxy.store), client=proxy.client())
    proxy.fail(*["cut the answer"] * cuts, method="GET")
    assert objects.load(at) == data
    assert proxy.seen.count("GET") == 3 + cuts


def test_one_object_is_read_though_it_is_replaced_meanwhile(proxy: Any) -> None:
    at = replace(place(proxy.store), client=proxy.client())
    put(place(proxy.store), pattern(3 * RANGE_BYTES), "test-fuse")

    def replace_after_the_first(method: str, path: str) -> None:
        if proxy.seen.count("GET") == 2:
            put(place(proxy.store), b"\1" + pattern(3 * RANGE_BYTES), "test-fuse")

    proxy.decide = replace_after_the_first
    with pytest.raises(DagsterObjectStoreError, match="was replaced or deleted while it was read"):
        objects.load(at)
    assert Fuse.decoded == 0


# An answer without a body is 400 to 600 bytes here. Of one cut within its headers nothing tells that some are missing.
CUTS = range(12, 640, 19)


@pytest.fixture
def cutting(embedded: Any) -> Iterator[tuple[FaultProxy, Place]]:
    """A proxy, and a signed place that is reached through it."""
    with FaultProxy(embedded.options["endpoint_url"]) as proxy:
        client = embedded.client_with(endpoint_url=proxy.endpoint_url)
        yield proxy, replace(place(embedded, secret=SECRET), client=client)


@pytest.mark.filterwarnings("ignore:tzname GM")  # of a cut date
@pytest.mark.parametrize("is_signed", [True, False])
@pytest.mark.parametrize(("codec", "value"), [("bytes", b""), ("text", "é" * 200)], ids=["empty", "text"])
def test_loading_trusts_no_headers_that_were_cut(
    cutting: tuple[FaultProxy, Place], codec: str, value: object, is_signed: bool
) -> None:
    proxy, at = cutting
    at = at if is_signed else replace(at, signer=None)
    put(at, value, codec)
    for at_byte in CUTS:
        proxy.inject(Fault.cut(at_byte), operations="GetObject", times=2 if value == b"" else 1)
        assert objects.load(at) == value
        proxy.clear()
    assert len(proxy.faults) >= len(CUTS)


@pytest.mark.filterwarnings("ignore:tzname GM")
def test_existence_is_judged_by_no_headers_that_were_cut(cutting: tuple[FaultProxy, Place]) -> None:
    proxy, at = cutting
    put(at, "first")
    for at_byte in CUTS:
        proxy.inject(Fault.cut(at_byte), operations="HeadObject", times=1)
        assert has(at)
        proxy.clear()
        proxy.inject(Fault.cut(at_byte), operations="HeadObject", times=1)
        assert not put(at, "second", once=True)
        proxy.clear()
    assert len(proxy.faults) == 2 * len(CUTS)
    assert objects.load(at) == "first"


def test_what_is_at_fault_is_asked_for_twice_and_what_is_not_once(store: Any) -> None:
    at = place(store)
    for cost, spoil in ((1, lambda at: None), (2, lambda at: rewrite(at, b"1")), (2, lambda at: rewrite(at, b""))):
        put(at, "value")
        spoil(at)
        before = store.usage.read().requests
        assert has(at) == (cost == 1)
        assert store.usage.read().requests - before == cost


# --- signed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, RANGE_BYTES + 5])
def test_a_signed_value_comes_back(store: Any, size: int) -> None:
    put(place(store, secret=SECRET), pattern(size), "bytes")
    assert objects.load(place(store, secret=SECRET)) == pattern(size)
    assert has(place(store, secret=SECRET))
    assert objects.load(place(store)) == pattern(size)  # who has no key reads too, on trust


def unsigned(at: Place) -> None:
    rewrite(at, signature=None)


def wrongly_signed(at: Place) -> None:
    put(replace(at, signer=Signer(OTHER_SECRET)), b"evil", "test-fuse")


def altered_with_its_sum(at: Place) -> None:
    rewrite(at, b"evil!", sha256=hashlib.sha256(b"evil!").hexdigest())


def another_codec(at: Place) -> None:
    rewrite(at, codec="pickle")


def moved(at: Place) -> None:
    put(replace(at, key="values/other"), b"other", "test-fuse")
    at.client.copy_object(Bucket=at.bucket, Key=at.key, CopySource={"Bucket": at.bucket, "Key": "values/other"})


@pytest.mark.parametrize("attack", [unsigned, wrongly_signed, altered_with_its_sum, another_codec, moved])
def test_what_has_no_right_signature_is_refused_before_it_is_decoded(
    store: Any, attack: Callable[[Place], None]
) -> None:
    at = place(store, secret=SECRET)
    put(at, b"12345", "test-fuse")
    attack(at)
    with pytest.raises(S3UntrustedValueError, match=r"s3://.*/values/k is (unsigned|not signed with a known key)"):
        objects.load(at)
    assert not has(at)
    assert Fuse.decoded == 0


def test_altered_content_under_a_right_signature_is_refused(store: Any) -> None:
    at = place(store, secret=SECRET)
    put(at, b"12345", "test-fuse")
    rewrite(at, b"evil!")
    with pytest.raises(DagsterObjectCorruptError, match="SHA-256"):
        objects.load(at)
    assert Fuse.decoded == 0


def test_without_a_key_whoever_writes_says_what_is_decoded_and_how(store: Any) -> None:
    at, evil = place(store), pickle.dumps("evil")
    put(at, "value", "text")
    rewrite(at, evil, codec="pickle", sha256=hashlib.sha256(evil).hexdigest(), bytes=str(len(evil)))
    assert objects.load(at) == "evil"


def test_what_a_signature_does_not_say(store: Any) -> None:
    """An earlier value of the same key, one of another bucket, and the run that is named are accepted."""
    at = place(store, secret=SECRET)
    put(at, "earlier", run_id="run-1")
    earlier = {"Bucket": store.bucket, "Key": "kept aside"}
    store.client.copy_object(**earlier, CopySource={"Bucket": at.bucket, "Key": at.key})
    put(at, "later", run_id="run-2")
    assert objects.load(at) == "later"
    store.client.copy_object(Bucket=at.bucket, Key=at.key, CopySource=earlier)
    assert objects.load(at) == "earlier"
    rewrite(at, run_id="forged")
    assert objects.load(at) == "earlier"
    other = f"other-{uuid.uuid4().hex}"
    store.client.create_bucket(Bucket=other)
    store.client.copy_object(Bucket=other, Key=at.key, CopySource={"Bucket": at.bucket, "Key": at.key})
    assert objects.load(replace(at, bucket=other)) == "earlier"


def test_a_former_key_is_accepted_and_not_signed_with(store: Any) -> None:
    put(place(store, secret=SECRET), b"1", "bytes")
    both = place(store, secret=OTHER_SECRET, former=SECRET)
    assert objects.load(both) == b"1"
    put(both, b"2", "bytes")
    assert objects.load(place(store, secret=OTHER_SECRET)) == b"2"
    with pytest.raises(S3UntrustedValueError):
        objects.load(place(store, secret=SECRET))


def test_keys_come_from_the_environment_and_are_never_weak(monkeypatch: pytest.MonkeyPatch) -> None:
    assert signer_of() is None
    with pytest.raises(DagsterInvalidConfigError, match="fewer than 16 characters"):
        signer_of("short")
    monkeypatch.setenv("CLOUDSTORE_SIGNING_KEY", "")
    with pytest.raises(DagsterInvalidConfigError, match="CLOUDSTORE_SIGNING_KEY"):
        signer_of()
    monkeypatch.setenv("CLOUDSTORE_SIGNING_KEY", SECRET)
    signer = signer_of()
    assert signer is not None
    assert signer.sign("k", "c", "s") == Signer(SECRET).sign("k", "c", "s")
    config_wins = signer_of(OTHER_SECRET)
    assert config_wins is not None
    assert config_wins.sign("k", "c", "s") == Signer(OTHER_SECRET).sign("k", "c", "s")
    assert SECRET not in f"{signer!r}{vars(Place(None, 'b', 'k', signer))}"  # type: ignore[arg-type]
    monkeypatch.delenv("CLOUDSTORE_SIGNING_KEY")
    monkeypatch.setenv("CLOUDSTORE_FORMER_SIGNING_KEY", SECRET)
    with pytest.raises(DagsterInvalidConfigError, match="former signing key but no signing_key"):
        signer_of()


def test_the_key_is_a_secret_of_the_config() -> None:
    assert {name for name, field in VALUE_OPTIONS.items() if field.is_secret} == {
        "signing_key",
        "former_signing_key",
    }


def test_no_two_texts_have_one_signature() -> None:
    texts = [("ab", "c", ""), ("a", "bc", ""), ("", "abc", ""), ("1:a", "b", "c"), ("a", "1:b", "c"), ("a", "b", "1:c")]
    signer = Signer(SECRET)
    assert len({signer.sign(*each) for each in texts}) == len(texts)
    for one, other in itertools.product(texts, repeat=2):
        assert signer.accepts(signer.sign(*one), *other) == (one == other)


# --- stored once ---------------------------------------------------------------------------------------------


def test_a_whole_value_is_kept(store: Any) -> None:
    assert put(place(store), "first", once=True)
    assert not put(place(store), "second", once=True)
    assert objects.load(place(store)) == "first"


def test_what_is_no_whole_value_is_replaced(store: Any) -> None:
    for spoil in (lambda at: rewrite(at, b"1"), lambda at: rewrite(at, sha256=None)):
        put(place(store), "first", once=False)
        spoil(place(store))
        assert put(place(store), "second", once=True)
        assert objects.load(place(store)) == "second"
    signed = place(store, secret=SECRET)
    assert put(signed, "third", once=True)  # the second is not signed
    assert not put(signed, "fourth", once=True)
    assert objects.load(signed) == "third"


# --- memory --------------------------------------------------------------------------------------------------

MEASURE = """
import json, resource, sys
import numpy
from cloudstore.values import objects
from cloudstore.values.place import Place
from cloudstore.client import make_client
from core.values.codecs import codec_named
direction, codec, once, size, bucket, options = *sys.argv[1:3], sys.argv[3] == "once", *map(json.loads, sys.argv[4:])
client = make_client(options)
small, large = (Place(client, bucket, f"{codec}/{name}") for name in ("small", "large"))
objects.store(small, numpy.zeros(9), codec_named(codec))
objects.load(small)
if direction == "store":
    array = numpy.empty(size // 8)
    array[:] = 1.5
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if direction == "store":
    objects.store(large, array, codec_named(codec), once=once)
else:
    array = objects.load(large)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert array.nbytes == size and (array == 1.5).all()
print(peak * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.parametrize("once", ["once", "each time"])
@pytest.mark.parametrize("codec", ["npy", "pickle"])
def test_a_large_array_takes_its_own_size_once_more(embedded: Any, codec: str, once: str) -> None:
    size = 64 * MIB
    for direction in ("store", "load"):
        arguments = [direction, codec, once, str(size), json.dumps(embedded.bucket), json.dumps(embedded.options)]
        peak = subprocess.run([sys.executable, "-c", MEASURE, *arguments], check=True, capture_output=True).stdout
        assert int(peak) <= 1.2 * size, direction


# --- killed --------------------------------------------------------------------------------------------------

WRITE_ON = """
import json, random, sys
from cloudstore.values import objects
from cloudstore.values.place import Place
from cloudstore.client import make_client
from core.values.codecs import codec_named
bucket, seed, options = map(json.loads, sys.argv[1:])
client, dice = make_client(options), random.Random(seed)
for number in range(1_000_000):
    size = dice.choice([0, 10, 100_000, 3 << 20, 17 << 20, 40 << 20])
    value = [number, bytes([number % 256]) * size]
    place = Place(client, bucket, f"{seed}/{number}")
    objects.store(place, value, codec_named("pickle"), once=dice.random() < 0.5)
    print(number, flush=True)
"""


def test_killing_the_writer_leaves_each_value_whole_or_absent(embedded: Any) -> None:
    dice, kills, whole = random.Random(7), 10, 0
    for seed in range(kills):
        arguments = [json.dumps(embedded.bucket), json.dumps(seed), json.dumps(embedded.options)]
        with subprocess.Popen([sys.executable, "-c", WRITE_ON, *arguments], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert [writer.stdout.readline() for _ in range(2)] == [b"0\n", b"1\n"]
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(dice.uniform(0.01, 0.7))  # the moment does not matter: what is there must be whole
            writer.kill()
        for found in transfer.list_objects(embedded.client, embedded.bucket, f"{seed}/"):
            at = place(embedded, found.key)
            number, content = objects.load(at)
            assert has(at)
            assert found.key == f"{seed}/{number}"
            assert content == bytes([number % 256]) * len(content)
            whole += 1
    assert whole >= 2 * kills

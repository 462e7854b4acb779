"""Which outputs are stored and whole: how many requests it takes to know, and what is believed of whom."""

from __future__ import annotations

import logging
import pickle
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore import VersionedPickledObjectS3IOManager, transfer
from cloudstore.client import make_client
from cloudstore.s3.keys import split_s3_url
from cloudstore.testing import Fault, FaultProxy
from cloudstore.values import finding
from cloudstore.values.place import Place
from cloudstore.values.signing import signer_of
from core.definitions.direct.io_contexts import build_input_context, build_output_context
from core.errors import DagsterObjectAccessError, DagsterObjectCorruptError
from core.values.io_context import OutputContext

if TYPE_CHECKING:
    from conftest import PutMany

SECRET, OTHER_SECRET = "an example of a key", "an example of another"
LIST, HEAD, GET, PUT = "ListObjectsV2", "HeadObject", "GetObject", "PutObject"


@pytest.fixture(autouse=True)
def no_signing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDSTORE_SIGNING_KEY", "CLOUDSTORE_FORMER_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Lab:
    """A bucket, what was asked of it, and what was warned of."""

    client: Any
    bucket: str
    asked: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client.meta.events.register("request-created.s3", self._note)
        self.log = logging.Logger("lab")  # of its own, so that other tests' records are not among its
        handler = logging.Handler()
        handler.emit = lambda record: self.warnings.append(record.getMessage())  # type: ignore[method-assign]  # listens
        self.log.addHandler(handler)

    def _note(self, operation_name: str, **_: Any) -> None:
        self.asked[operation_name] += 1

    def manager(self, **keys: str) -> VersionedPickledObjectS3IOManager:
        return VersionedPickledObjectS3IOManager(self.bucket, self.client, "team/values", **keys)

    def output(self, step_key: str = "s", version: str = "v", stamp: str | None = None) -> OutputContext:
        output = build_output_context(step_key, version=version)
        output.log, output.stamp = self.log, stamp
        return output

    def store(self, outputs: list[OutputContext], **keys: str) -> list[str | None]:
        """Stores a value for each, and returns their stamps."""
        manager = self.manager(**keys)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda output: manager.handle_output(output, [output.step_key]), outputs))
        self.asked.clear()
        return [manager.get_stamp(output) for output in outputs]

    def decide(self, outputs: list[OutputContext], **keys: str) -> list[bool]:
        """What a manager that knows nothing yet says, and that alone is in `asked`."""
        self.asked.clear()
        return self.manager(**keys).has_outputs(outputs)

    def place(self, output: OutputContext) -> Place:
        bucket, key = split_s3_url(str(self.manager().get_address(output)))
        return Place(self.client, bucket, key)

    def rewrite(self, output: OutputContext, body: bytes | None = None, **metadata: str | None) -> None:
        """Puts an object in the place of a stored one, with its metadata but for what is given."""
        where = {"Bucket": self.bucket, "Key": self.place(output).key}
        stored = self.client.get_object(**where)
        told = stored["Metadata"] | {f"cloudstore-{name}": text for name, text in metadata.items()}
        kept = {name: text for name, text in told.items() if text is not None}
        self.client.put_object(**where, Body=stored["Body"].read() if body is None else body, Metadata=kept)


@pytest.fixture
def lab(store: Any) -> Lab:
    return Lab(store.client_with(max_pool_connections=32), store.bucket)


@pytest.fixture
def proxied(embedded: Any) -> Iterator[tuple[FaultProxy, Lab]]:
    """A proxy, and a lab that is reached through it."""
    with FaultProxy(embedded.options["endpoint_url"]) as proxy:
        yield proxy, Lab(embedded.client_with(endpoint_url=proxy.endpoint_url), embedded.bucket)


# --- how many requests ---------------------------------------------------------------------------------------


def test_one_output_is_one_head(lab: Lab) -> None:
    assert lab.decide([lab.output()]) == [False]
    assert lab.asked == {HEAD: 1}
    (stamp,) = lab.store([lab.output()])
    for known in (None, stamp):
        assert lab.decide([lab.output(stamp=known)]) == [True]
        assert lab.asked == {HEAD: 1}
    assert lab.decide([]) == []
    assert lab.asked == {}


def test_outputs_of_unknown_stamp_are_listed_and_asked_for_once(lab: Lab) -> None:
    outputs = [lab.output(f"s{number}") for number in range(50)]
    stamps = lab.store(outputs)
    assert lab.decide(outputs) == [True] * 50
    assert lab.asked == {LIST: 1, HEAD: 50}
    for output, stamp in zip(outputs[:30], stamps, strict=False):
        output.stamp = stamp
    assert lab.decide(outputs) == [True] * 50
    assert lab.asked == {LIST: 1, HEAD: 20}


def test_outputs_of_known_stamp_take_a_listing_alone(lab: Lab) -> None:
    outputs = [lab.output(f"s{number}") for number in range(50)]
    for output, stamp in zip(outputs, lab.store(outputs), strict=True):
        output.stamp = stamp
    assert lab.decide(outputs + outputs[:3]) == [True] * 53
    assert lab.asked == {LIST: 1}
    assert lab.warnings == []


def test_outputs_that_are_not_there_take_a_listing_alone(lab: Lab) -> None:
    lab.store([lab.output("s7"), lab.output("s8", "v")])
    outputs = [lab.output(f"s{number}", "w", stamp=None if number % 2 else '"x" 1') for number in range(50)]
    assert lab.decide(outputs) == [False] * 50
    assert lab.asked == {LIST: 1}
    assert lab.warnings == []


STEPS, VERSIONS = 120, 11


@pytest.fixture(scope="module", params=["moto", "embedded"])
def crowded(request: pytest.FixtureRequest, put_many: PutMany) -> tuple[Callable[[], Lab], list[str]]:
    """Labs at a bucket with the newest version of each output among older ones, and the stamps of the newest."""
    options, bucket = request.getfixturevalue(f"{request.param}_options"), f"bucket-{uuid.uuid4().hex}"
    lab = Lab(make_client(options), bucket)
    lab.client.create_bucket(Bucket=bucket)
    older = [
        lab.place(lab.output(f"step-{step}", f"{version:04x}")).key
        for step in range(STEPS)
        for version in range(0, 10 * VERSIONS, 10)
        if version != 50
    ]
    put_many(lab.client, bucket, dict.fromkeys(older, b"old"))
    return lambda: Lab(make_client(options), bucket), [str(stamp) for stamp in lab.store(newest(lab))]


def newest(lab: Lab, stamps: list[str] | None = None) -> list[OutputContext]:
    known = stamps or [None] * STEPS
    return [lab.output(f"step-{step}", f"{50:04x}", known[step]) for step in range(STEPS)]


def test_older_versions_cost_their_share_of_pages(crowded: tuple[Callable[[], Lab], list[str]]) -> None:
    new_lab, stamps = crowded
    lab = new_lab()
    assert lab.decide(newest(lab, stamps)) == [True] * STEPS
    assert lab.asked == {LIST: 2}  # 1,320 keys


def test_steps_that_lie_far_apart_are_skipped_to(crowded: tuple[Callable[[], Lab], list[str]]) -> None:
    new_lab, stamps = crowded
    lab = new_lab()
    outputs = newest(lab, stamps)
    assert lab.decide([outputs[0], outputs[99]]) == [True, True]
    assert sum(lab.asked.values()) <= 2
    missing = [lab.output(step, "0000a") for step in ("step-0", "step-99")]
    assert lab.decide(missing) == [False, False]
    assert sum(lab.asked.values()) <= 2


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_asked_for_takes_at_most_twice_the_heads(
    seed: int, crowded: tuple[Callable[[], Lab], list[str]]
) -> None:
    new_lab, stamps = crowded
    lab, dice = new_lab(), random.Random(seed)
    there = dice.sample(newest(lab, stamps), dice.randint(1, STEPS))
    for output in there:
        output.stamp = dice.choice([output.stamp, None, '"other" 7'])
    absent = [lab.output(f"step-{dice.randrange(200)}", f"{dice.randrange(999)}x") for _ in range(dice.randrange(40))]
    asked = dice.sample(there + absent, len(there + absent))
    assert lab.decide(asked) == [output in there for output in asked]
    assert sum(lab.asked.values()) <= 2 * len(asked)
    assert lab.warnings == []


NAMES = ["a", "a-", "a-b", "a.b", "a%", "a%5B", "ab", "a/b", "b", "a[1]", "a b", "é", "-", ".a", "A", "a1", "z.z"]


@pytest.mark.parametrize("seed", range(5))
def test_names_that_stores_order_differently_are_all_found(
    seed: int, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By pages of three keys, so that every name comes to be the last of a page."""
    send = lab.client.list_objects_v2
    monkeypatch.setattr(lab.client, "list_objects_v2", lambda **request: send(**request, MaxKeys=3))
    dice = random.Random(seed)
    outputs = [lab.output(step, version) for step in NAMES for version in ("1", "1-", "10", "2")]
    stored = dice.sample(outputs, 25)
    for output, stamp in zip(stored, lab.store(stored), strict=True):
        output.stamp = stamp
    asked = dice.sample(outputs, dice.choice([5, 20, len(outputs)]))
    assert lab.decide(asked) == [output in stored for output in asked]
    assert sum(lab.asked.values()) <= 2 * len(asked)
    keys = {lab.place(output).key: output in stored for output in asked}
    listed = transfer.find_listed(lab.client, lab.bucket, keys)
    assert {key: entry is not None for key, entry in listed.items()} == {key: keys[key] for key in listed}
    assert len(listed) >= len(keys) // 2


def test_what_a_store_lists_late_is_not_taken_for_missing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page ends with `a/…`, and `a-/…` follows where folders are listed, though its bytes come before."""
    send = lab.client.list_objects_v2
    monkeypatch.setattr(lab.client, "list_objects_v2", lambda **request: send(**request, MaxKeys=3))
    outputs = [lab.output(step, version) for step in ("a", "a-", "a.b") for version in "123"]
    for output, stamp in zip(outputs, lab.store(outputs), strict=True):
        output.stamp = stamp
    assert lab.decide(outputs) == [True] * 9


# --- stamps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_bytes", [1, 20 << 20])
@pytest.mark.parametrize("replaces", [False, True])
def test_storing_asking_and_listing_tell_one_stamp(size_bytes: int, replaces: bool, lab: Lab) -> None:
    output, other = lab.output(), lab.output("t")
    output.replaces_stored = replaces
    manager = lab.manager()
    assert manager.get_stamp(output) is None
    manager.handle_output(output, bytes(size_bytes))
    stamp = manager.get_stamp(output)
    assert stamp is not None
    asking = lab.manager()
    assert asking.has_output(output)
    assert asking.get_stamp(output) == stamp
    assert lab.decide([lab.output(stamp=stamp), other]) == [True, False]
    assert lab.asked == {LIST: 1}
    listing = lab.manager()
    listing.has_outputs([lab.output(stamp=stamp), other])
    assert (listing.get_stamp(output), listing.get_stamp(other)) == (stamp, None)


def test_all_who_store_one_version_know_the_stamp_of_the_one_that_stays(lab: Lab) -> None:
    managers, barrier = [lab.manager() for _ in range(8)], threading.Barrier(8)

    def store(number: int) -> str | None:
        barrier.wait()
        managers[number].handle_output(lab.output(), number)
        return managers[number].get_stamp(lab.output())

    with ThreadPoolExecutor(8) as pool:
        (stamp,) = set(pool.map(store, range(8)))
    assert lab.decide([lab.output(stamp=stamp), lab.output("t")]) == [True, False]
    assert lab.asked == {LIST: 1}
    assert len([text for text in lab.warnings if "The stored value stays" in text]) == 7


def test_what_is_replaced_has_the_new_value_and_stamp_and_nobody_is_warned(lab: Lab) -> None:
    (former,) = lab.store([lab.output()])
    again, manager = lab.output(), lab.manager()
    again.replaces_stored = True
    manager.handle_output(again, "new")
    assert manager.load_input(build_input_context("x", upstream_output=again)) == "new"
    assert manager.get_stamp(again) not in (None, former)
    assert lab.asked == {PUT: 1, GET: 1}
    assert lab.warnings == []


def test_a_stamp_from_before_values_were_signed_is_not_believed(lab: Lab) -> None:
    (unsigned,) = lab.store([lab.output()])
    asked = [lab.output(stamp=unsigned), lab.output("t")]
    assert lab.decide(asked, signing_key=SECRET) == [False, False]
    assert lab.asked == {LIST: 1, HEAD: 2}  # what is at fault says so twice
    assert "is unsigned" in lab.warnings[0]
    (signed,) = lab.store([lab.output()], signing_key=SECRET)
    for keys, asks in (
        ({"signing_key": SECRET}, {LIST: 1}),
        ({"signing_key": OTHER_SECRET, "former_signing_key": SECRET}, {LIST: 1, HEAD: 1}),
        ({}, {LIST: 1, HEAD: 1}),
    ):
        assert lab.decide([lab.output(stamp=signed), lab.output("t")], **keys) == [True, False]
        assert lab.asked == asks
    assert SECRET not in str(signed)
    signer = signer_of(SECRET)
    assert signer is not None
    assert str(signed).endswith(signer.sign("", "", "stamp")[:16])


# --- damaged -------------------------------------------------------------------------------------------------


def cut(lab: Lab, output: OutputContext) -> None:
    lab.rewrite(output, b"1")


def emptied_bare(lab: Lab, output: OutputContext) -> None:
    lab.client.put_object(Bucket=lab.bucket, Key=lab.place(output).key, Body=b"")


def without_sum(lab: Lab, output: OutputContext) -> None:
    lab.rewrite(output, b"x" * 50, sha256=None)


def altered(lab: Lab, output: OutputContext) -> None:
    where = {"Bucket": lab.bucket, "Key": lab.place(output).key}
    content = lab.client.get_object(**where)["Body"].read()
    lab.rewrite(output, content[:-1] + bytes([content[-1] ^ 1]))


DAMAGES = [
    (cut, "has 1 bytes, but"),
    (emptied_bare, "is empty"),
    (without_sum, "has lost some of its metadata"),
    (altered, "has the SHA-256"),
]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_what_was_damaged_since_is_a_miss_that_is_named(
    damage: Callable[[Lab, OutputContext], None], words: str, count: int, lab: Lab
) -> None:
    outputs = [lab.output(f"s{number}") for number in range(count)]
    for output, stamp in zip(outputs, lab.store(outputs), strict=True):
        output.stamp = stamp
    damage(lab, outputs[0])
    assert lab.decide(outputs) == [False] + [True] * (count - 1)
    assert sum(lab.asked.values()) <= 3
    (warning,) = lab.warnings
    assert "Output 'result' of step 's0' is computed again" in warning
    assert f"{lab.place(outputs[0]).url} {words}" in warning.replace("content of ", "")
    outputs[0].log = None
    assert not lab.manager().has_output(outputs[0])


@pytest.mark.parametrize(("damage", "words"), [each for each in DAMAGES if each[0] is not altered])
def test_what_a_head_tells_is_a_miss_also_where_nothing_was_known(
    damage: Callable[[Lab, OutputContext], None], words: str, lab: Lab
) -> None:
    outputs = [lab.output("s0"), lab.output("s1")]
    lab.store(outputs)
    damage(lab, outputs[0])
    assert lab.decide(outputs) == [False, True]
    assert [words in text for text in lab.warnings] == [True]


@pytest.mark.parametrize("count", [1, 2])
def test_another_writers_value_is_read_once_and_then_known(count: int, lab: Lab) -> None:
    outputs = [lab.output(f"s{number}") for number in range(count)]
    for output, stamp in zip(outputs, lab.store(outputs), strict=True):
        output.stamp = stamp
    outputs[0].replaces_stored = True
    lab.manager().handle_output(outputs[0], "theirs")
    manager = lab.manager()
    lab.asked.clear()
    assert manager.has_outputs(outputs) == [True] * count
    assert lab.asked == ({HEAD: 1, GET: 1} if count == 1 else {LIST: 1, GET: 1})
    outputs[0].stamp = manager.get_stamp(outputs[0])
    assert lab.decide(outputs) == [True] * count
    assert lab.asked == ({HEAD: 1} if count == 1 else {LIST: 1})


def test_an_altered_large_object_is_read_and_named(embedded: Any) -> None:
    lab = Lab(embedded.client, embedded.bucket)
    manager = lab.manager()
    manager.handle_output(lab.output(), bytes(9 << 20))
    known = lab.output(stamp=manager.get_stamp(lab.output()))
    altered(lab, known)
    assert lab.decide([known]) == [False]
    assert "has the SHA-256" in lab.warnings[0]


def test_what_took_a_known_values_place_and_is_no_value_is_a_miss(lab: Lab) -> None:
    outputs = [lab.output("s0"), lab.output("s1")]
    for output, stamp in zip(outputs, lab.store(outputs), strict=True):
        output.stamp = stamp
    place = lab.place(outputs[0])
    lab.client.put_object(Bucket=place.bucket, Key=place.key, Body=b"something else")
    assert lab.decide(outputs) == [False, True]
    assert [f"{place.url} was replaced by an object that is not a value" in text for text in lab.warnings] == [True]


def put_bare(lab: Lab, output: OutputContext, value: object) -> None:
    """Stores a value as release 0.1 did, which stored no metadata."""
    lab.client.put_object(Bucket=lab.bucket, Key=lab.place(output).key, Body=pickle.dumps(value))


@pytest.mark.parametrize("count", [1, 5])
def test_a_value_of_the_former_release_is_known_again_by_its_stamp(count: int, lab: Lab) -> None:
    outputs = [lab.output(f"s{number}") for number in range(count)]
    for output in outputs:
        put_bare(lab, output, "former")
    manager = lab.manager()
    assert manager.has_outputs(outputs) == [True] * count
    known = [lab.output(output.step_key, stamp=manager.get_stamp(output)) for output in outputs]
    later = lab.manager()
    assert later.has_outputs(known) == [True] * count
    assert [later.get_stamp(output) for output in known] == [output.stamp for output in known]
    assert later.load_input(build_input_context(upstream_output=known[0])) == "former"
    put_bare(lab, known[0], "another")
    with pytest.raises(DagsterObjectCorruptError, match="not a value of ours"):
        later.load_input(build_input_context(upstream_output=known[0]))
    assert lab.manager().has_outputs(known) == [False, *[True] * (count - 1)]
    assert "not a value of ours" in lab.warnings[0]


@pytest.mark.parametrize("count", [1, 5])
def test_what_has_lost_its_metadata_is_no_value_of_the_former_release(count: int, lab: Lab) -> None:
    outputs = [lab.output(f"s{number}") for number in range(count)]
    stamps = lab.store(outputs)
    known = [lab.output(each.step_key, stamp=stamp) for each, stamp in zip(outputs, stamps, strict=True)]
    where = {"Bucket": lab.bucket, "Key": lab.place(outputs[0]).key}
    lab.client.put_object(**where, Body=lab.client.get_object(**where)["Body"].read())
    manager = lab.manager()
    # A listing shows the same ETag. Then it is noticed when the value is loaded.
    assert manager.has_outputs(known) == [count > 1, *[True] * (count - 1)]
    if count > 1:
        with pytest.raises(DagsterObjectCorruptError, match="has lost its metadata"):
            manager.load_input(build_input_context(upstream_output=known[0]))


def test_a_value_of_a_codec_that_is_not_known_here_is_to_be_computed_again(lab: Lab) -> None:
    outputs = [lab.output(stamp='"other" 1'), lab.output("t")]
    lab.store(outputs[:1])
    lab.rewrite(outputs[0], codec="theirs")
    assert lab.decide(outputs) == [False, False]
    assert [warning for warning in lab.warnings if "theirs" in warning]


def test_what_is_gone_when_it_is_to_be_read_is_missing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = [lab.output(stamp='"other" 1'), lab.output("t")]
    lab.store(outputs)
    place, get = lab.place(outputs[0]), lab.client.get_object

    def delete_first(**request: Any) -> Any:
        lab.client.delete_object(Bucket=place.bucket, Key=place.key)
        return get(**request)

    monkeypatch.setattr(lab.client, "get_object", delete_first)
    assert lab.decide(outputs) == [False, True]
    assert lab.warnings == []


# --- stores that fail ----------------------------------------------------------------------------------------


def test_where_listing_is_refused_all_are_asked_for(proxied: tuple[FaultProxy, Lab]) -> None:
    proxy, lab = proxied
    outputs = [lab.output(f"s{number}") for number in range(5)]
    for output, stamp in zip(outputs[:4], lab.store(outputs[:4]), strict=True):
        output.stamp = stamp
    proxy.inject(Fault.error("AccessDenied"), operations=LIST)
    assert lab.decide(outputs) == [True] * 4 + [False]
    assert lab.asked == {LIST: 1, HEAD: 5}


def test_a_refusal_of_what_is_asked_for_is_no_answer(proxied: tuple[FaultProxy, Lab]) -> None:
    proxy, lab = proxied
    proxy.inject(Fault.error("AccessDenied"))
    for outputs in ([lab.output()], [lab.output(), lab.output("t")]):
        with pytest.raises(DagsterObjectAccessError):
            lab.decide(outputs)


@pytest.mark.filterwarnings("ignore:tzname GM")  # of a cut date
@pytest.mark.parametrize("at_byte", range(5, 1900, 111))
def test_a_listing_that_was_cut_is_not_believed(at_byte: int, proxied: tuple[FaultProxy, Lab]) -> None:
    proxy, lab = proxied
    outputs = [lab.output(f"s{number}") for number in range(5)]
    for output, stamp in zip(outputs[:4], lab.store(outputs[:4]), strict=True):
        output.stamp = stamp
    proxy.inject(Fault.cut(at_byte), operations=LIST, times=1)
    assert lab.decide(outputs) == [True] * 4 + [False]
    assert len(proxy.faults) == 1
    assert lab.warnings == []


def test_one_refusal_ends_the_questions(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(place: Place, known: str | None = None) -> Any:
        asked.append(place.key)
        if len(asked) > 1:
            threading.Event().wait(0.5)  # as a store takes its time, in which the rest is given up
        raise DagsterObjectAccessError("no")

    outputs = [lab.output(f"s{number}") for number in range(200)]
    monkeypatch.setattr(transfer, "find_listed", lambda client, bucket, keys: {})
    monkeypatch.setattr(finding, "find_value", refuse)
    with pytest.raises(DagsterObjectAccessError):
        lab.decide(outputs)
    assert len(asked) < 200

"""Each policy of docs/permissions.md: its part works under exactly it, and with an action less says which to grant.

The store is moto with IAM switched on, and with three rules of AWS that it lacks: who may not list is told "access
denied" for a missing object; deleting many objects needs the permission on each; HeadBucket needs s3:ListBucket.
"""

from __future__ import annotations

import copy
import io
import itertools
import json
import os
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from moto.core.authorization import enable_iam_authentication
from moto.core.responses import ActionAuthenticatorMixin
from moto.iam.models import iam_backends
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response

import cloudstore
from cloudstore import transfer
from cloudstore.cli import main
from cloudstore.client import make_client
from cloudstore.compute_logs.manager import S3ComputeLogManager
from cloudstore.doctor import READING, ModeTargets, Target, probe
from cloudstore.s3.errors import translate_errors
from core import ModeDefinition, execute_pipeline, pipeline, solid
from core.compute_logs.names import ComputeIOType
from core.errors import DagsterObjectAccessError, DagsterObjectStoreError
from core.records.pipeline_run import PipelineRun

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions.md"
BUCKET, PREFIX = "my-bucket", "teams/data"  # the document's
LARGE = 17 << 20  # more than one part
ACCOUNT = "123456789012"  # moto's
ABORT = "s3:AbortMultipartUpload"

Policy = dict[str, Any]


def documented_policies() -> dict[str, Policy]:
    """The policy under each heading of the document; statements alone are none."""
    sections = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    blocks = {each.partition("\n")[0]: re.search(r"```json\n(.*?)```", each, re.DOTALL) for each in sections}
    read = {title: json.loads(block[1]) for title, block in blocks.items() if block}
    tested_elsewhere = {"Uploads of killed processes"}  # test_leftover_permissions.py
    return {title: policy for title, policy in read.items() if "Statement" in policy and title not in tested_elsewhere}


POLICIES = documented_policies()


def actions_of(policy: Policy) -> list[str]:
    return [action for statement in policy["Statement"] for action in statement["Action"]]


def without(policy: Policy, action: str) -> Policy:
    less = copy.deepcopy(policy)
    for statement in less["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != action]
    less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
    return less


# ---- the store ----


@dataclass
class Account:
    """An AWS account with one bucket.

    Attributes:
        endpoint: options that every client needs.
        parts_fail: whether the store fails the parts of multipart uploads.
    """

    endpoint: dict[str, Any]
    parts_fail: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def options(self, policy: Policy) -> dict[str, Any]:
        """Options of a client that may do what `policy` says."""
        name, users = f"user-{next(self._numbers)}", iam_backends[ACCOUNT]["aws"]
        users.create_user("us-east-1", name)
        if policy["Statement"]:
            users.put_user_policy(name, "the-policy", json.dumps(policy))
        key = users.create_access_key(name)
        return {**self.endpoint, "aws_access_key_id": key.access_key_id, "aws_secret_access_key": key.secret_access_key}

    def keys(self) -> set[str]:
        return set(s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys)

    def uploads(self) -> int:
        return len(s3_backends[ACCOUNT]["aws"].buckets[BUCKET].multiparts)


@pytest.fixture
def account(moto_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account({name: moto_options[name] for name in ("endpoint_url", "region_name", "addressing_style")})
    users, buckets = iam_backends[ACCOUNT]["aws"], s3_backends[ACCOUNT]["aws"]
    monkeypatch.setattr(S3Response, "_authenticate_and_authorize_s3_action", as_aws_does(made))
    make_client(moto_options).create_bucket(Bucket=BUCKET)
    with enable_iam_authentication():
        yield made
    buckets.buckets[BUCKET].keys.clear()
    buckets.delete_bucket(BUCKET)
    users.users.clear()


def as_aws_does(account: Account) -> Callable[..., None]:
    ask = ActionAuthenticatorMixin._authenticate_and_authorize_s3_action

    def authorize(response: Any, bucket_name: str | None = None, key_name: str | None = None) -> None:
        action = response.data.get("Action")
        if action == "HeadBucket":
            response.data["Action"] = "ListBucket"
        if action == "DeleteObject" and key_name is None:
            for each in ET.fromstring(response.body).iterfind(".//{*}Key"):
                ask(response, bucket_name, each.text)
            return
        ask(response, bucket_name, key_name)
        if action == "GetObject" and bucket_name in response.backend.buckets and not _is_there(response, key_name):
            response.data["Action"] = "ListBucket"
            ask(response, bucket_name)
        if account.parts_fail and "partNumber" in response.querystring:
            raise S3ClientError("InvalidRequest", "this store takes no parts")

    return authorize


def _is_there(response: Any, key_name: str | None) -> bool:
    return key_name in response.backend.buckets[response.bucket_name].keys


# ---- the parts, each used in every way it has ----

Use = Callable[[Account, dict[str, Any], int], list[str]]
"""(the account, options of a client, bytes of what is written) -> what it warned of."""


@solid(version="1")
def small(_: Any) -> bytes:
    return b"small"


@solid(version="1")
def large(_: Any, before: bytes) -> bytes:
    return bytes(LARGE) + before


@solid(version="1")
def after(_: Any, value: bytes) -> int:
    return len(value)


PLACE = {"s3_bucket": BUCKET, "s3_prefix": PREFIX}


def run_with(io_manager: Any, memoize: bool) -> Use:
    def use(_: Account, options: dict[str, Any], size: int) -> list[str]:
        @pipeline(mode_defs=[ModeDefinition(resource_defs={"s3": cloudstore.s3_resource, "io_manager": io_manager})])
        def values() -> None:
            after(large(small()) if size == LARGE else small())

        config = {"resources": {"s3": {"config": options}, "io_manager": {"config": PLACE}}}
        for _again in range(2 if memoize else 1):
            assert execute_pipeline(values, config, memoize=memoize).success
        return []

    return use


def use_intermediate_storage(_: Account, options: dict[str, Any], size: int) -> list[str]:
    mode = ModeDefinition(
        resource_defs={"s3": cloudstore.s3_resource},
        intermediate_storage_defs=cloudstore.s3_plus_default_intermediate_storage_defs,
    )

    @pipeline(mode_defs=[mode])
    def values() -> None:
        after(large(small()) if size == LARGE else small())

    config = {"resources": {"s3": {"config": options}}, "intermediate_storage": {"s3": {"config": PLACE}}}
    assert execute_pipeline(values, config).success
    return []


def use_file_manager(_: Account, options: dict[str, Any], size: int) -> list[str]:
    manager = cloudstore.S3FileManager(make_client(options), BUCKET, PREFIX)
    handle = manager.write(io.BytesIO(bytes(size)), ext="bin")
    assert len(manager.read_data(handle)) == size
    with manager.read(handle) as stream:
        assert stream.read(10) == bytes(10)[:size]
    assert Path(manager.copy_handle_to_local_temp(handle)).stat().st_size == size
    manager.delete_local_temp()
    return []


def use_file_cache(_: Account, options: dict[str, Any], size: int) -> list[str]:
    cache = cloudstore.S3FileCache(BUCKET, PREFIX, make_client(options))
    assert not cache.has_file_object("none")
    cache.write_file_object("one", io.BytesIO(bytes(size)))
    assert cache.has_file_object("one")
    return []


RUN = PipelineRun(pipeline_name="values", run_id="a-run")


def log_manager(tmp_path: Path, options: dict[str, Any]) -> S3ComputeLogManager:
    return S3ComputeLogManager(BUCKET, str(tmp_path), prefix=PREFIX, **options)


def ship_log(folder: Path, options: dict[str, Any], size: int) -> list[str]:
    """Ships a log of which a segment is shipped while its step runs, where that is allowed."""
    manager = log_manager(folder, {**options, "upload_bytes": 1})
    tried = threading.Event()
    put_bytes = transfer.put_bytes
    with pytest.MonkeyPatch.context() as patch, manager.watch(RUN, "a-step"):

        def put(*arguments: Any, **details: Any) -> bool:
            try:
                return put_bytes(*arguments, **details)
            finally:
                tried.set()

        patch.setattr("cloudstore.transfer.put_bytes", put)
        os.write(1, b"l" * size)
        assert tried.wait(30)
    said = manager.finish_run(RUN) or manager.drain()
    manager.dispose()
    return said


@pytest.fixture
def uses(tmp_path: Path) -> dict[str, Use]:
    """How each part is used, by its heading."""
    writing = POLICIES["S3ComputeLogManager, writing"]

    def read_logs(account: Account, options: dict[str, Any], size: int) -> list[str]:
        assert ship_log(tmp_path / "writer", account.options(writing), size) == []
        manager = log_manager(tmp_path / "reader", options)
        assert not manager.is_watch_completed(RUN.run_id, "no-step")
        assert manager.is_watch_completed(RUN.run_id, "a-step")
        assert manager.read_logs_file(RUN.run_id, "a-step", ComputeIOType.STDOUT).data
        return []

    def delete_logs(account: Account, options: dict[str, Any], size: int) -> list[str]:
        ship_log(tmp_path / "writer", account.options(writing), size)
        assert account.keys()
        log_manager(tmp_path / "deleter", options).delete_logs(RUN.run_id)
        assert not account.keys()
        return []

    def read_only(account: Account, options: dict[str, Any], size: int) -> list[str]:
        use_file_manager(account, account.options(POLICIES["s3_file_manager"]), size)
        manager = cloudstore.S3FileManager(make_client(options), BUCKET, PREFIX)
        assert len(manager.read_data(cloudstore.S3FileHandle(BUCKET, account.keys().pop()))) == size
        assert not cloudstore.S3FileCache(BUCKET, PREFIX, make_client(options)).has_file_object("none")
        return []

    def wipe_values(account: Account, options: dict[str, Any], size: int) -> list[str]:
        versioned = account.options(POLICIES["versioned_s3_io_manager"])
        run_with(cloudstore.versioned_s3_io_manager, memoize=True)(account, versioned, size)
        manager = cloudstore.VersionedPickledObjectS3IOManager(BUCKET, make_client(options), PREFIX)
        stored = list(manager.stored_versions())
        assert {each.address.partition(f"{BUCKET}/")[2] for each in stored} == set(account.keys())
        assert all(manager.delete_versions(stored))
        assert not account.keys()
        return []

    return {
        "cloudstore memo": wipe_values,
        "s3_file_manager": use_file_manager,
        "s3_file_cache": use_file_cache,
        "s3_pickle_io_manager": run_with(cloudstore.s3_pickle_io_manager, memoize=False),
        "versioned_s3_io_manager": run_with(cloudstore.versioned_s3_io_manager, memoize=True),
        "s3_intermediate_storage": use_intermediate_storage,
        "S3ComputeLogManager, writing": lambda _, options, size: ship_log(tmp_path, options, size),
        "S3ComputeLogManager, reading": read_logs,
        "S3ComputeLogManager, deleting": delete_logs,
        "Reading only": read_only,
    }


def complaints(use: Use, account: Account, options: dict[str, Any], size: int) -> list[str]:
    """What using a part came to: its warnings, and the refusal that ended it."""
    try:
        return use(account, options, size)
    except DagsterObjectAccessError as error:
        return [str(error)]


# ---- the tests ----

LESS = [(part, action) for part, policy in POLICIES.items() for action in actions_of(policy)]


def test_every_part_is_documented(uses: dict[str, Use]) -> None:
    assert set(uses) == set(POLICIES)


@pytest.mark.parametrize("part", POLICIES)
@pytest.mark.parametrize("size", [10, LARGE])
def test_a_part_works_under_exactly_its_policy(uses: dict[str, Use], account: Account, part: str, size: int) -> None:
    assert uses[part](account, account.options(POLICIES[part]), size) == []


@pytest.mark.parametrize(("part", "action"), [each for each in LESS if each[1] != ABORT])
def test_an_action_less_is_one_error_that_names_it(
    uses: dict[str, Use], account: Account, part: str, action: str
) -> None:
    said = complaints(uses[part], account, account.options(without(POLICIES[part], action)), 10)
    assert len(said) == 1
    assert action in said[0]
    assert "refused" in said[0]


@pytest.mark.parametrize("is_allowed", [True, False])
@pytest.mark.parametrize("part", [part for part, action in LESS if action == ABORT])
def test_an_upload_that_breaks_off(
    uses: dict[str, Use],
    account: Account,
    part: str,
    is_allowed: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cloudstore.transfer.write.MAX_PART_BYTES", 16 << 20)  # of one request, for conditional writes
    policy = POLICIES[part] if is_allowed else without(POLICIES[part], ABORT)
    account.parts_fail = True
    try:
        said = uses[part](account, account.options(policy), LARGE)
        assert len(said) == 1  # of compute logs, which never end a run
    except DagsterObjectStoreError as error:
        said = [str(error)]
    assert "takes no parts" in said[0]
    warned = [record.getMessage() for record in caplog.records if record.name.startswith("cloudstore")]
    if is_allowed:
        assert (warned, account.uploads()) == ([], 0)
    else:
        # Once an upload that broke off, and a log is tried again.
        assert len(warned) == account.uploads() > 0
        assert len(warned) == 1 or part.startswith("S3ComputeLogManager")
        assert all(ABORT in each for each in warned)


def test_a_refusal_is_not_taken_for_an_absence(account: Account) -> None:
    """Without s3:ListBucket, nobody can say that a version is not stored; a run that guessed would compute it again."""
    policy = without(POLICIES["versioned_s3_io_manager"], "s3:ListBucket")
    use = run_with(cloudstore.versioned_s3_io_manager, memoize=True)
    with pytest.raises(DagsterObjectAccessError, match="s3:ListBucket"):
        use(account, account.options(policy), 10)
    assert account.keys() == set()


def test_reading_what_is_not_there_without_listing_says_how_to_tell(account: Account) -> None:
    manager = cloudstore.S3FileManager(make_client(account.options(POLICIES["s3_file_manager"])), BUCKET, PREFIX)
    with pytest.raises(DagsterObjectAccessError, match="s3:GetObject there, and s3:ListBucket on the bucket"):
        manager.read_data(cloudstore.S3FileHandle(BUCKET, f"{PREFIX}/none"))


def test_an_action_of_another_service_is_named_as_aws_names_it() -> None:
    from botocore.exceptions import ClientError  # lazy in the package, so here too

    said = "User: arn:aws:iam::1:user/u is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:k"
    answer: Any = {"Error": {"Code": "AccessDenied", "Message": said}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    with (
        pytest.raises(DagsterObjectAccessError, match="allow kms:GenerateDataKey there"),
        translate_errors("PutObject", BUCKET, "k"),
    ):
        raise ClientError(answer, "PutObject")


# ---- the doctor ----


def states(checks: Iterator[Any]) -> dict[str, str]:
    return {check.what: check.state for check in checks}


def target_of(part: str, options: dict[str, Any]) -> Target:
    """What the doctor makes of a mode that uses the part."""
    if part == "Reading only":
        return Target("--bucket", make_client(options), BUCKET, PREFIX, (), READING)
    if part == "s3_file_cache":
        own = {"cache": {"config": {"bucket": BUCKET, "key": PREFIX, **options}}}
        return ModeTargets(ModeDefinition(resource_defs={"cache": cloudstore.s3_file_cache}), {"resources": own}).get(
            "cache"
        )
    if part == "s3_file_manager":
        own = {"files": {"config": {**PLACE, **options}}}
        return ModeTargets(ModeDefinition(resource_defs={"files": cloudstore.s3_file_manager}), {"resources": own}).get(
            "files"
        )
    client = {"s3": {"config": options}}
    if part == "s3_intermediate_storage":
        storages = cloudstore.s3_plus_default_intermediate_storage_defs
        mode = ModeDefinition(resource_defs={"s3": cloudstore.s3_resource}, intermediate_storage_defs=storages)
        return ModeTargets(mode, {"resources": client, "intermediate_storage": {"s3": {"config": PLACE}}}).get(
            "intermediate storage s3"
        )
    manager = getattr(cloudstore, part)
    mode = ModeDefinition(resource_defs={"s3": cloudstore.s3_resource, "io_manager": manager})
    return ModeTargets(mode, {"resources": {**client, "io_manager": {"config": PLACE}}}).get("io_manager")


DOCTORED = [part for part in POLICIES if not part.startswith(("S3ComputeLogManager", "cloudstore memo"))]


@pytest.mark.parametrize("part", DOCTORED)
def test_the_doctor_finds_nothing_missing_under_a_policy(account: Account, part: str) -> None:
    checks = list(probe(target_of(part, account.options(POLICIES[part]))))
    assert [check for check in checks if check.state == "missing"] == []
    granted = {check.what for check in checks if check.state == "ok" and check.what.startswith("s3:")}
    unclear = {check.what for check in checks if check.state == "not tried" and check.what.startswith("s3:")}
    # What cannot be told apart without s3:ListBucket is not claimed either way.
    assert unclear <= ({"s3:GetObject"} if "s3:ListBucket" not in actions_of(POLICIES[part]) else set())
    assert granted | unclear == set(actions_of(POLICIES[part]))
    assert (account.keys(), account.uploads()) == (set(), 0)


@pytest.mark.parametrize(("part", "action"), [each for each in LESS if each[0] in DOCTORED])
def test_the_doctor_never_says_that_a_missing_action_is_there(account: Account, part: str, action: str) -> None:
    checks = list(probe(target_of(part, account.options(without(POLICIES[part], action)))))
    found = next(check for check in checks if check.what == action)
    assert found.state != "ok"
    if found.state == "missing":
        resource = next(each["Resource"] for each in POLICIES[part]["Statement"] if action in each["Action"])
        assert found.detail == f"grant {action} on {resource}"
    assert (account.keys(), account.uploads()) == (set(), 0)


def with_deletion(part: str) -> Policy:
    policy = copy.deepcopy(POLICIES[part])
    policy["Statement"].append(
        {
            "Effect": "Allow",
            "Action": ["s3:DeleteObject"],
            "Resource": f"arn:aws:s3:::{BUCKET}/{PREFIX}/*.cloudstore-probe/*",
        }
    )
    return policy


@pytest.mark.parametrize("part", [part for part in DOCTORED if part != "Reading only"])
def test_the_doctor_tries_all_where_it_may_delete_its_own(account: Account, part: str) -> None:
    found = states(probe(target_of(part, account.options(with_deletion(part)))))
    assert found.pop("checksums") == "missing"  # moto verifies none
    assert set(found.values()) == {"ok"}
    assert set(actions_of(POLICIES[part])) < set(found)
    assert (account.keys(), account.uploads()) == (set(), 0)


@pytest.mark.parametrize(
    ("part", "action"), [each for each in LESS if each[0] in DOCTORED if each[0] != "Reading only"]
)
def test_the_doctor_names_each_missing_action_where_it_may_delete(account: Account, part: str, action: str) -> None:
    found = {each.what: each for each in probe(target_of(part, account.options(without(with_deletion(part), action))))}
    assert found[action].state == "missing"
    assert f"grant {action} on " in found[action].detail
    lacking = {what for what, each in found.items() if each.state == "missing" and what.startswith("s3:")}
    assert lacking <= {action}
    assert (account.keys(), account.uploads()) == (set(), 0)


@pytest.mark.parametrize("may_delete_versions", [True, False])
def test_the_doctor_in_a_bucket_that_keeps_versions(account: Account, may_delete_versions: bool) -> None:
    bucket = s3_backends[ACCOUNT]["aws"].buckets[BUCKET]
    bucket.versioning_status = "Enabled"
    policy = with_deletion("s3_file_cache")
    if may_delete_versions:
        policy["Statement"][-1]["Action"].append("s3:DeleteObjectVersion")
    found = {each.what: each for each in probe(target_of("s3_file_cache", account.options(policy)))}
    assert ("clean-up" in found) is not may_delete_versions
    if may_delete_versions:
        assert account.keys() == set()
    else:
        assert account.keys() == {found["clean-up"].detail.split()[2]}
        assert f"grant s3:DeleteObjectVersion on arn:aws:s3:::{BUCKET}/{PREFIX}/*" in found["clean-up"].detail
        assert found["conditional writes"].state == "not tried"


def test_the_command_names_the_action_and_shows_no_secret(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    options = account.options(without(with_deletion("s3_file_cache"), "s3:PutObject"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["aws_access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["aws_secret_access_key"])
    place = ["--bucket", BUCKET, "--prefix", PREFIX, "--endpoint-url", options["endpoint_url"], "--region", "us-east-1"]
    done = CliRunner().invoke(main, ["doctor", *place, "--addressing-style", "path"])
    assert done.exit_code == 1
    line = f"missing\t--bucket\ts3:PutObject\tgrant s3:PutObject on arn:aws:s3:::{BUCKET}/{PREFIX}/*"
    assert line in done.output.splitlines()
    assert "Error: 1 thing is missing." in done.output
    assert options["aws_secret_access_key"] not in done.output
    assert (account.keys(), account.uploads()) == (set(), 0)


def test_a_store_that_ignores_conditions(account: Account) -> None:
    target = target_of("s3_file_cache", account.options(with_deletion("s3_file_cache")))

    def ignore(params: Any, **_: Any) -> None:
        params["headers"].pop("If-None-Match", None)

    target.client.meta.events.register("before-call.s3.PutObject", ignore)
    found = {each.what: each for each in probe(target)}
    assert found["conditional writes"].state == "missing"
    assert "use a store that honours it" in found["conditional writes"].detail

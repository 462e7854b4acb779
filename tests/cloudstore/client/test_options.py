"""What each option of S3 may be, and which go together."""

from __future__ import annotations

import traceback
from typing import Any

import boto3
import pytest
from botocore.config import Config

from cloudstore.client import S3_OPTIONS, make_client
from cloudstore.client.options import BUCKET_OPTIONS
from cloudstore.client.resource import s3_resource
from cloudstore.compute_logs.manager import S3ComputeLogManager
from cloudstore.files.resource import s3_file_manager
from cloudstore.files.solids import file_handle_to_s3
from core.config import resolve_config
from core.errors import DagsterInvalidConfigError

NAME = "CLOUDSTORE_TEST_OPTION"
KEYS = {"aws_access_key_id": "id", "aws_secret_access_key": "hunter2"}
ROLE = "arn:aws:iam::123456789012:role/reader"
KMS = {"server_side_encryption": "aws:kms"}
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_ARN = f"arn:aws:kms:eu-central-1:123456789012:key/{KEY_ID}"

RIGHT: list[tuple[str, list[Any]]] = [
    ("region_name", ["eu-central-1", "us-gov-west-1", "auto", "a", "r" * 63]),
    ("endpoint_url", ["http://127.0.0.1:9000", "https://s3.example.com/", "HTTP://minio/s3", "http://[::1]:9"]),
    ("profile_name", ["my profile"]),
    ("use_unsigned_session", [True, False]),
    ("max_attempts", [1, 50]),
    ("retry_mode", ["legacy", "standard", "adaptive"]),
    ("connect_timeout_seconds", [0.1, 1, 86_400]),
    ("read_timeout_seconds", [0.1, 1, 86_400]),
    ("max_pool_connections", [1, 200]),
    ("addressing_style", ["auto", "path", "virtual"]),
    ("use_ssl", [True, False]),
    ("verify", [True, False]),
    ("verify_cert_path", ["/etc/ssl/mine.pem"]),
    ("checksum_mode", ["when_supported", "when_required"]),
    ("role_arn", [ROLE, "arn:aws-us-gov:iam::123456789012:role/team/reader", "arn:aws:iam:::role/S3Access"]),
    ("server_side_encryption", ["AES256", "aws:kms", "aws:kms:dsse"]),
    ("acl", ["private", "bucket-owner-full-control"]),
    ("storage_class", ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"]),
    ("object_tags", [{}, {"env": "prod"}, {"a b": "", "Ä.:/=+-@_": "1 + 1"}, {f"t{i}": "v" * 256 for i in range(10)}]),
    ("requester_pays", [True, False]),
]
WRONG: list[tuple[str, list[Any]]] = [
    ("region_name", ["", "eu_central_1", "-a", "a-", "12", "eu central 1", "a.b", "eu-central-1\n", "r" * 64, 1]),
    (
        "endpoint_url",
        [
            "",
            "localhost:9000",
            "ftp://h",
            "http://",
            "http://:9000",
            "http://my_minio:9000",
            "http://h:port",
            "http://h:0",
            "http://h:70000",
            "http://h?x=1",
            "http://h#x",
            "http://h/?",
            "http:// h",
            "http://h\n",
            "http://[::g]",
            "http://[::1",
            "http://user:hunter2@h",
            "http://hunter2@h",
            "http://-h",
            f"http://{'h' * 64}",
            9000,
        ],
    ),
    ("profile_name", ["", 1]),
    ("use_unsigned_session", ["yes", 1]),
    ("max_attempts", [0, -1, 1.5, "5", True, 10**9]),
    ("retry_mode", ["fast", "", 1]),
    ("connect_timeout_seconds", [0, -1, float("inf"), float("nan"), "5", 10**9]),
    ("read_timeout_seconds", [0, -1, float("inf"), float("nan"), "5", 10**9]),
    ("max_pool_connections", [0, -1, 1.5, 10**9]),
    ("addressing_style", ["virtuel", "Path"]),
    ("use_ssl", ["no"]),
    ("verify", ["/etc/ssl/mine.pem"]),
    ("verify_cert_path", ["", True]),
    ("checksum_mode", ["never"]),
    ("aws_access_key_id", ["", "id\n", "i d", "ïd", 1]),
    ("aws_secret_access_key", ["", "hunter2\n", " hunter2", "hunter2\udce9", 1]),
    ("aws_session_token", ["hunter2\n", "hunter 2"]),
    (
        "role_arn",
        ["reader", "arn:aws:iam::1:2:role/reader", "arn:aws:iam::123456789012:user/me", ROLE + "\n", ROLE + " x"],
    ),
    ("role_session_name", ["x", "a b", "s" * 65]),
    ("external_id", ["x", "a b", "hunter2!"]),
    ("sts_endpoint_url", ["sts.example.com", "http://user:hunter2@h"]),
    ("server_side_encryption", ["AES-256", "aws:KMS", ""]),
    ("sse_kms_key_id", ["", "my key", "arn:aws:kms:eu-central-1:1234:key/x", "arn:aws:s3:::bucket", "alias/"]),
    ("acl", ["public", "bucket-owner"]),
    ("storage_class", ["standard", "COLD"]),
    (
        "object_tags",
        [
            {f"t{i}": "v" for i in range(11)},
            {"": "v"},
            {"k" * 129: "v"},
            {"\U0001d7d9" * 65: "v"},  # a digit of two units of UTF-16
            {"k": "v" * 257},
            {"k": "a\tb"},
            {"k": "50%"},
            {"a&b": "c"},
            {"aws:k": "v"},
            {"AWS:k": "v"},
            {1: "v"},
            {"k": 1},
            {"k": None},
            ["k"],
            "k=v",
            None,
        ],
    ),
    ("requester_pays", ["requester"]),
]
FIRST = {name: values[0] for name, values in RIGHT}
TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({"aws_access_key_id": "id"}, "aws_access_key_id: .*together with aws_secret_access_key"),
    ({"aws_secret_access_key": "hunter2"}, "aws_secret_access_key: .*together with aws_access_key_id"),
    ({"aws_session_token": "hunter2"}, "aws_session_token: .*together with aws_access_key_id"),
    (
        {"use_unsigned_session": True, **KEYS},
        "use_unsigned_session: .*leave this out, or aws_access_key_id and aws_sec",
    ),
    ({"use_unsigned_session": True, "role_arn": ROLE}, "use_unsigned_session: .*leave this out, or role_arn"),
    ({"use_unsigned_session": True, "requester_pays": True}, "requester_pays: .*leave out one of the two"),
    ({"role_session_name": "me"}, "role_session_name: .*together with role_arn"),
    ({"external_id": "hunter2"}, "external_id: .*together with role_arn"),
    ({"sts_endpoint_url": "http://h"}, "sts_endpoint_url: .*together with role_arn"),
    ({"sse_kms_key_id": KEY_ID}, "sse_kms_key_id: .*server_side_encryption to be aws:kms or aws:kms:dsse"),
    ({"sse_kms_key_id": KEY_ID, "server_side_encryption": "AES256"}, "sse_kms_key_id: .*to be aws:kms"),
]


def _each(table: list[tuple[str, list[Any]]]) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name}-{index}") for name, values in table for index, value in enumerate(values)
    ]


def _resolve(**options: Any) -> Any:
    return resolve_config(S3_OPTIONS, options, "S3 options")


def test_every_option_can_be_left_out_and_is_described_and_is_tested_here() -> None:
    assert _resolve()["read_timeout_seconds"] == 60
    assert not [name for name, field in S3_OPTIONS.items() if not field.description]
    assert {name for name, _ in WRONG} == S3_OPTIONS.keys()


@pytest.mark.parametrize(("name", "value"), _each(RIGHT))
def test_what_is_right_is_taken(name: str, value: object) -> None:
    assert _resolve(**{name: value})[name] == value


@pytest.mark.parametrize(("name", "value"), _each(WRONG))
def test_what_is_wrong_is_refused_by_name_with_what_is_right(name: str, value: object) -> None:
    with pytest.raises(DagsterInvalidConfigError, match=rf"\n  {name}[^\n]*: expected ") as caught:
        _resolve(**{name: value})
    assert "hunter2" not in str(caught.value)
    assert len(caught.value.errors) == 1


@pytest.mark.parametrize(("options", "message"), TOGETHER)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DagsterInvalidConfigError, match=message) as caught:
        _resolve(**options)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", [KEY_ID, KEY_ARN, "mrk-1234", "alias/my/key", KEY_ARN.replace("key/", "alias/")])
@pytest.mark.parametrize("encryption", ["aws:kms", "aws:kms:dsse"])
def test_keys_of_kms(key: str, encryption: str) -> None:
    assert _resolve(sse_kms_key_id=key, server_side_encryption=encryption)["sse_kms_key_id"] == key


@pytest.mark.parametrize(
    "options",
    [
        {**KEYS, "aws_session_token": "token"},
        {**KEYS, "aws_session_token": ""},
        {"use_unsigned_session": True, "profile_name": "p"},
        {"role_arn": ROLE, "role_session_name": "me", "external_id": "a:b/c", "sts_endpoint_url": "http://h"},
    ],
)
def test_options_that_go_together(options: dict[str, Any]) -> None:
    assert options.items() <= _resolve(**options).items()


@pytest.mark.parametrize("name", [name for name in S3_OPTIONS if name != "object_tags"])
def test_each_is_read_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    beside: dict[str, dict[str, str]] = {
        "aws_access_key_id": {"aws_secret_access_key": "secret"},
        "aws_secret_access_key": {"aws_access_key_id": "id"},
        "aws_session_token": KEYS,
        "role_session_name": {"role_arn": ROLE},
        "external_id": {"role_arn": ROLE},
        "sts_endpoint_url": {"role_arn": ROLE},
        "sse_kms_key_id": KMS,
    }
    value = FIRST.get(name, "http://h" if name == "sts_endpoint_url" else "value-9")
    monkeypatch.setenv(NAME, str(value))
    assert _resolve(**{name: {"env": NAME}}, **beside.get(name, {}))[name] == value
    if name not in ("profile_name", "verify_cert_path"):
        monkeypatch.setenv(NAME, "hunter2 \t")
        with pytest.raises(DagsterInvalidConfigError, match=rf"{name}: the environment variable {NAME} does") as caught:
            _resolve(**{name: {"env": NAME}}, **beside.get(name, {}))
        assert "hunter2" not in str(caught.value)


def test_the_value_of_a_tag_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "data")
    tags = {"team": {"env": NAME}, "env": "prod"}
    assert _resolve(object_tags=tags)["object_tags"] == {"team": "data", "env": "prod"}
    monkeypatch.setenv(NAME, "d&ta")
    with pytest.raises(DagsterInvalidConfigError, match=rf"object_tags.team: the environment variable {NAME}"):
        _resolve(object_tags=tags)


def test_a_right_config_stays_right_when_it_is_checked_again() -> None:
    options = {**KEYS, **KMS, "sse_kms_key_id": KEY_ID, "object_tags": {"env": "prod"}, "max_attempts": 2}
    assert _resolve(**_resolve(**options)) == _resolve(**options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        case
        for case in _each(RIGHT + WRONG)
        if case.values[0]
        in ("region_name", "endpoint_url", "max_attempts", "retry_mode", "addressing_style", "checksum_mode")
    ],
)
def test_nothing_that_botocore_refuses_is_taken(name: str, value: Any) -> None:
    try:
        _resolve(**{name: value})
    except DagsterInvalidConfigError:
        return
    as_given = {name: value} if name in ("region_name", "endpoint_url") else {}
    config = {
        "max_attempts": lambda: Config(retries={"total_max_attempts": value}),
        "retry_mode": lambda: Config(retries={"mode": value}),
        "addressing_style": lambda: Config(s3={"addressing_style": value}),
        "checksum_mode": lambda: Config(request_checksum_calculation=value, response_checksum_validation=value),
    }.get(name, Config)()
    client = boto3.client(
        "s3",
        config=config,
        **{"region_name": "us-east-1", **as_given},
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    assert client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"}).startswith("http")
    make_client({name: value})


@pytest.mark.parametrize(
    ("name", "shape", "others"),
    [
        ("acl", "ObjectCannedACL", set()),
        ("server_side_encryption", "ServerSideEncryption", {"aws:fsx", "aws:backup"}),
        ("storage_class", "StorageClass", {"FSX_OPENZFS", "FSX_ONTAP", "AWS_BACKUP_WARM", "AWS_BACKUP_LOW_COST_WARM"}),
    ],
)
def test_all_that_botocore_knows_is_taken_but_what_objects_of_buckets_never_have(
    name: str, shape: str, others: set[str]
) -> None:
    shape_of_values: Any = boto3.client("s3", region_name="us-east-1").meta.service_model.shape_for(shape)
    for value in set(shape_of_values.enum) - others:
        assert _resolve(**{name: value})[name] == value


@pytest.mark.parametrize("options", [options for options, _ in TOGETHER[:2]])
def test_every_part_refuses_them(options: dict[str, Any]) -> None:
    for schema in (s3_resource.config_schema, s3_file_manager.config_schema, S3ComputeLogManager.config_type()):
        beside = {} if schema is s3_resource.config_schema else {"bucket": "b"}
        if schema is s3_file_manager.config_schema:
            beside = {"s3_bucket": "b"}
        with pytest.raises(DagsterInvalidConfigError, match="together with"):
            resolve_config(schema, {**beside, **options}, "config")
    with pytest.raises(DagsterInvalidConfigError, match="together with"):
        S3ComputeLogManager("b", **options)
    with pytest.raises(DagsterInvalidConfigError, match="together with"):
        make_client(options)


def test_secrets_are_marked_and_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {name for name, field in S3_OPTIONS.items() if field.is_secret}
    assert secrets == {"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "external_id"}
    monkeypatch.setenv(NAME, "s3cr3t")
    options = {"aws_access_key_id": "id", "aws_secret_access_key": {"env": NAME}}
    assert _resolve(**options)["aws_secret_access_key"] == "s3cr3t"


@pytest.mark.parametrize(
    "broken",
    [
        {"aws_secret_access_key": "hunter2\n"},
        {"aws_access_key_id": "hunter2 "},
        {"aws_session_token": "hunter2\t"},
        {"external_id": "hunter2!", "role_arn": ROLE},
        {"endpoint_url": "https://hunter2@host"},
        {"sts_endpoint_url": "https://me:hunter2@host", "role_arn": ROLE},
        {"region_name": "no region"},
        {"profile_name": "nobody"},
        {"verify_cert_path": "/no/such.pem"},
    ],
)
def test_no_error_shows_a_secret(broken: dict[str, str]) -> None:
    options = {**KEYS, "aws_session_token": "hunter2", **broken}
    with pytest.raises(Exception, match=next(iter(broken))[:7]) as caught:
        make_client(options)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in repr(caught.value)


def test_no_client_shows_a_secret() -> None:
    client = make_client({**KEYS, "aws_session_token": "hunter2", "region_name": "us-east-1"})
    assert "hunter2" not in repr(client) + repr(vars(client)) + repr(client.meta.config)


BUCKETS = [
    "my-bucket", "my.old_bucket", "B" * 255, "zonal--use1-az4--x-s3",
    "arn:aws:s3:eu-central-1:123456789012:accesspoint:data",
    "arn:aws-cn:s3-outposts:cn-north-1:123456789012:outpost:op-1:accesspoint:data",
]  # fmt: skip
NO_BUCKETS = [
    "", "my bucket", "my-bucket\n", "s3://my-bucket", "my-bucket/data", "bücket", "b:c", "..", "b" * 256,
    "arn:aws:s3:::my-bucket", "arn:aws:s3:eu-central-1:123456789012:accesspoint/data",
]  # fmt: skip
WITH_BUCKETS: list[tuple[str, Any, dict[str, str]]] = [
    ("s3_bucket", BUCKET_OPTIONS, {}),
    ("bucket", S3ComputeLogManager.config_type(), {}),
    ("Bucket", file_handle_to_s3.config_schema, {"Key": "k"}),
]


@pytest.mark.parametrize(("name", "schema", "beside"), WITH_BUCKETS)
@pytest.mark.parametrize("bucket", BUCKETS)
def test_names_of_buckets(name: str, schema: Any, beside: dict[str, str], bucket: str) -> None:
    assert resolve_config(schema, {name: bucket, **beside}, "config")[name] == bucket
    client = make_client({**KEYS, "region_name": "eu-central-1"})
    if "-cn:" not in bucket and not bucket.endswith("--x-s3"):  # signing for these asks AWS for a session
        assert client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})


@pytest.mark.parametrize(("name", "schema", "beside"), WITH_BUCKETS)
@pytest.mark.parametrize("bucket", NO_BUCKETS)
def test_what_names_no_bucket_is_refused(name: str, schema: Any, beside: dict[str, str], bucket: str) -> None:
    with pytest.raises(DagsterInvalidConfigError, match=f"{name}: expected the name of a bucket alone"):
        resolve_config(schema, {name: bucket, **beside}, "config")


@pytest.mark.parametrize("prefix", ["a//b", "a/../b", ".", "a\\b", "a\n", "p" * 1025])
def test_prefixes_of_logs_are_checked_with_the_config_and_not_when_a_run_has_ended(prefix: str) -> None:
    schema = S3ComputeLogManager.config_type()
    assert resolve_config(schema, {"bucket": "b", "prefix": "/teams/dä ta/"}, "config")["prefix"] == "/teams/dä ta/"
    with pytest.raises(DagsterInvalidConfigError, match="prefix: expected a path such as teams/data"):
        resolve_config(schema, {"bucket": "b", "prefix": prefix}, "config")

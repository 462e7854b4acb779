"""Settings that every AWS tool takes from the environment and the configuration file count for our clients too.

A client of ours is compared with one that boto3 makes from the same settings: what the two have in common without any
has to be common with each, and an option says otherwise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from cloudstore.client import make_client
from core.errors import DagsterInvalidConfigError

LIKE_ALL = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-central-1"}
Facts = dict[str, Any]


def facts(client: Any) -> Facts:
    """What decides how a client sends its requests."""
    config = client.meta.config
    retries = {"mode": "standard", **(config.retries or {})}
    return {
        "endpoint": client.meta.endpoint_url,
        "region": client.meta.region_name,
        "attempts": retries.get("total_max_attempts"),
        "retry mode": retries["mode"],
        "connect timeout": config.connect_timeout,
        "read timeout": config.read_timeout,
        "request checksums": config.request_checksum_calculation,
        "response checksums": config.response_checksum_validation,
        "signature": config.signature_version,
        "dualstack": config.use_dualstack_endpoint,
        "fips": config.use_fips_endpoint,
        "compression": config.disable_request_compression,
        "trusted": client._endpoint.http_session._verify,
        **{f"s3 {name}": value for name, value in (config.s3 or {}).items()},
    }


def set_nothing_but(
    patch: pytest.MonkeyPatch, folder: Path, variables: dict[str, str] | None = None, profile: str = ""
) -> None:
    """Sets the environment and the configuration file, and nothing else."""
    path = folder / "config"
    path.write_text(f"[default]\n{profile}\n[profile other]\nretry_mode = adaptive\n")
    files = {"AWS_CONFIG_FILE": str(path), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
    for name, value in {**LIKE_ALL, **files, **(variables or {})}.items():
        patch.setenv(name, value)


@pytest.fixture
def settle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    return functools.partial(set_nothing_but, monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, Facts]:
    """Of a client that boto3 makes, where nothing is said anywhere, and where one of ours differs."""
    with pytest.MonkeyPatch.context() as patch:
        set_nothing_but(patch, tmp_path_factory.mktemp("settings"))
        theirs, ours = facts(boto3.Session().client("s3")), facts(make_client({}))
    return theirs, {name: value for name, value in ours.items() if theirs.get(name) != value}


VARIABLES: list[dict[str, str]] = [
    {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"},
    {"AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"},
    {"AWS_MAX_ATTEMPTS": "9"},
    {"AWS_RETRY_MODE": "adaptive"},
    {"AWS_RETRY_MODE": "legacy"},
    {"AWS_RETRY_MODE": "legacy", "AWS_MAX_ATTEMPTS": "2"},
    {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
    {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
    {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    {"AWS_USE_FIPS_ENDPOINT": "true"},
    {"AWS_DEFAULTS_MODE": "standard"},
    {"AWS_DEFAULTS_MODE": "cross-region"},
    {"AWS_CA_BUNDLE": "/authorities.pem"},
    {"AWS_DEFAULT_REGION": "us-east-1", "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "legacy"},
    {"AWS_S3_USE_ARN_REGION": "true"},
    {"AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS": "true"},
    {"AWS_DISABLE_REQUEST_COMPRESSION": "true"},
    {"AWS_PROFILE": "other"},
]
PROFILES = [
    "s3 =\n  addressing_style = path",
    "s3 =\n  addressing_style = virtual",
    "s3 =\n  use_accelerate_endpoint = true",
    "s3 =\n  payload_signing_enabled = true",
    "s3 =\n  signature_version = s3",
    "s3 =\n  use_dualstack_endpoint = true",
    "s3 =\n  us_east_1_regional_endpoint = legacy",
    "s3 =\n  use_arn_region = true\n  addressing_style = path",
    "max_attempts = 3",
    "retry_mode = adaptive",
    "request_checksum_calculation = when_required",
    "response_checksum_validation = when_required",
    "use_fips_endpoint = true",
    "use_dualstack_endpoint = true",
    "defaults_mode = standard",
    "endpoint_url = http://127.0.0.1:3",
    "services = mine\n[services mine]\ns3 =\n  endpoint_url = http://127.0.0.1:4",
    "connect_timeout = 3\nread_timeout = 4\ntcp_keepalive = true",  # which boto3 does not know either
]
SETTINGS: list[tuple[dict[str, str], str]] = [
    *((variables, "") for variables in VARIABLES),
    *(({}, profile) for profile in PROFILES),
    ({"AWS_MAX_ATTEMPTS": "4"}, "max_attempts = 3"),
    ({"AWS_RETRY_MODE": "legacy"}, "retry_mode = adaptive\nmax_attempts = 7"),
]


def test_our_own_defaults(plain: tuple[Facts, Facts]) -> None:
    _, own_defaults = plain
    assert own_defaults == {"attempts": 5, "connect timeout": 5.0}


@pytest.mark.parametrize(("variables", "profile"), SETTINGS, ids=[f"{e}{p}".replace("\n", " ") for e, p in SETTINGS])
def test_what_is_set_for_every_tool_counts(
    settle: Callable[..., None], plain: tuple[Facts, Facts], variables: Any, profile: str
) -> None:
    without, own_defaults = plain
    settle(variables, profile)
    theirs, ours = facts(boto3.Session().client("s3")), facts(make_client({}))
    assert theirs != without or "tcp_keepalive" in profile or "IGNORE" in str(variables)
    # The timeout for connecting, which a defaults mode has too, is always ours: botocore forgets it beside any other.
    said = {name for name in theirs if theirs[name] != without.get(name)} - {"connect timeout"}
    assert ours == {**theirs, **{name: value for name, value in own_defaults.items() if name not in said}}


OPTIONS: list[tuple[str, Any, str, Any, dict[str, str], str]] = [
    ("max_attempts", 5, "attempts", 5, {"AWS_MAX_ATTEMPTS": "9"}, "max_attempts = 3"),
    ("retry_mode", "standard", "retry mode", "standard", {"AWS_RETRY_MODE": "legacy"}, "retry_mode = adaptive"),
    ("connect_timeout_seconds", 7.0, "connect timeout", 7.0, {"AWS_DEFAULTS_MODE": "mobile"}, "defaults_mode = mobile"),
    ("addressing_style", "auto", "s3 addressing_style", "auto", {}, "s3 =\n  addressing_style = path"),
    ("checksum_mode", "when_supported", "request checksums", "when_supported",
     {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}, "request_checksum_calculation = when_required"),
    ("checksum_mode", "when_supported", "response checksums", "when_supported",
     {"AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"}, "response_checksum_validation = when_required"),
    ("endpoint_url", "http://127.0.0.1:9", "endpoint", "http://127.0.0.1:9",
     {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "endpoint_url = http://127.0.0.1:2"),
    ("region_name", "eu-north-1", "region", "eu-north-1", {"AWS_REGION": "eu-west-2"}, "region = eu-west-3"),
]  # fmt: skip


@pytest.mark.parametrize(("option", "value", "fact", "expected", "variables", "profile"), OPTIONS)
def test_an_option_counts_before_all_of_that(
    settle: Callable[..., None], option: str, value: Any, fact: str, expected: Any, variables: Any, profile: str
) -> None:
    settle(variables, profile)
    assert facts(make_client({option: value}))[fact] == expected


def test_the_profile_that_is_named_counts(settle: Callable[..., None]) -> None:
    settle({})
    assert facts(make_client({"profile_name": "other"}))["retry mode"] == "adaptive"


@pytest.mark.parametrize(
    ("variables", "profile"),
    [
        ({"AWS_MAX_ATTEMPTS": "many"}, ""),
        ({"AWS_MAX_ATTEMPTS": "0"}, ""),
        ({"AWS_RETRY_MODE": "fast"}, ""),
        ({"AWS_REQUEST_CHECKSUM_CALCULATION": "never"}, ""),
        ({}, "s3 =\n  addressing_style = virtuel"),
        ({}, "response_checksum_validation = never"),
        ({"AWS_ENDPOINT_URL": "127.0.0.1:1"}, ""),
    ],
)
def test_a_setting_that_means_nothing_is_told(settle: Callable[..., None], variables: Any, profile: str) -> None:
    settle(variables, profile)
    with pytest.raises(DagsterInvalidConfigError, match="No S3 client can be made with these options"):
        make_client({})

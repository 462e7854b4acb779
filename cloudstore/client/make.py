"""The client of everything that talks to S3, made from one schema of options, `S3_OPTIONS`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudstore.client.connections import connect_anew_in_forked_children
from cloudstore.client.counting import count_requests
from cloudstore.client.object_options import add_object_options
from cloudstore.client.options import S3_OPTIONS
from cloudstore.client.refusals import refuse_endpoint, refuse_line_breaks, refuse_settings, tell_of_credentials
from cloudstore.client.role import assume_role
from cloudstore.client.tuning import read_times_quickly, send_small_bodies_at_once
from cloudstore.client.upload_journal import journal_uploads
from cloudstore.s3.errors import unusable_options
from core.config import resolve_config
from core.errors import DagsterResourceUnavailableError
from core.process.leftovers import Clearer, Leftovers
from core.usage import UsageMeter

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader
    from botocore.session import Session
    from types_boto3_s3 import S3Client


def make_client(
    options: Mapping[str, Any], usage: UsageMeter | None = None, leftovers: Leftovers | None = None
) -> S3Client:
    """A client for S3. It may be used from many threads, and in forked children, which connect for themselves.

    Args:
        options: config of `S3_OPTIONS`, and maybe of more; options that are missing or None take their default.
        usage: where the client adds every request it sends to S3, retries included.
        leftovers: where it notes the multipart uploads that are under way, also those that its user begins. Secrets
            among the options are not noted, so `cloudstore instance prune` takes credentials from where every AWS tool
            does.

    Raises:
        DagsterInvalidConfigError: an option has a wrong value, or one that does not go with another's; or the
            environment or the profile has.
        DagsterResourceUnavailableError: a profile, certificate file, credential, or the region that a role needs is
            missing.
    """
    # Lazy: boto3 takes 150 ms to import, which commands that touch no bucket need not spend.
    import boto3
    import botocore.session

    given = _checked(options)
    with unusable_options():
        session = botocore.session.Session(profile=given["profile_name"])
        loader = _shared_loader(session.get_config_variable("data_path"))
        boto = boto3.Session(botocore_session=session)
        # After boto3, which appends a path to the loader that it finds each time.
        session.register_component("data_loader", loader)
        read_times_quickly(session)
        refuse_line_breaks(session)
        refuse_settings(session)
        keys = {name: given[name] for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")}
        verify, config = _trusted(given), _config(given, session)
        if given["role_arn"] is not None:
            assume_role(session, given, keys, verify, config)
            keys = {}
        client = boto.client(
            "s3",
            region_name=given["region_name"],
            endpoint_url=given["endpoint_url"],
            use_ssl=given["use_ssl"],
            verify=verify,
            config=config,
            **keys,
        )
    refuse_endpoint(client.meta.endpoint_url)
    tell_of_credentials(client)
    connect_anew_in_forked_children(client)
    send_small_bodies_at_once(client)
    add_object_options(client, given)
    if usage is not None:
        count_requests(client, usage)
    if leftovers is not None:
        journal_uploads(client, leftovers.journal(_clearer(given)))
    return client


def _clearer(given: Mapping[str, Any]) -> Clearer:
    told = {name: value for name, value in given.items() if value is not None and not S3_OPTIONS[name].is_secret}
    return Clearer("cloudstore.leftover_uploads", "clear_uploads", told)


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Every option with its value, None where it has none."""
    given = {name: options[name] for name in S3_OPTIONS if options.get(name) is not None}
    return {**dict.fromkeys(S3_OPTIONS), **resolve_config(S3_OPTIONS, given, "options of S3")}


def _trusted(given: Mapping[str, Any]) -> bool | str | None:
    path: str | None = given["verify_cert_path"]
    if not given["verify"] or path is None:
        return None if given["verify"] else False  # True would keep botocore from AWS_CA_BUNDLE
    if not Path(path).exists():
        raise DagsterResourceUnavailableError(
            f"The file verify_cert_path {path!r} does not exist. Give the path of a file of certificates."
        )
    return path


def _config(given: Mapping[str, Any], session: Session) -> Config:
    """How requests are sent: as the options say, else as the environment and the profile do, else as we do by default.

    What is left out here botocore takes from where every AWS tool does.
    """
    from botocore import UNSIGNED  # lazy, as in make_client
    from botocore.config import Config

    profile = session.get_scoped_config()
    ours = {
        name: value
        for name, (variable, key, value) in _DEFAULTS.items()
        if variable not in os.environ and key not in profile
    }
    known = {**ours, **{name: value for name, value in given.items() if value is not None}}
    # `max_attempts` would count the retries only.
    retries = {"total_max_attempts": known.get("max_attempts"), "mode": known.get("retry_mode")}
    set_by_us = {
        "signature_version": UNSIGNED if given["use_unsigned_session"] else None,
        "retries": {name: value for name, value in retries.items() if value is not None} or None,
        "connect_timeout": given["connect_timeout_seconds"],
        "read_timeout": given["read_timeout_seconds"],
        "max_pool_connections": given["max_pool_connections"],
        "s3": given["addressing_style"] and {"addressing_style": given["addressing_style"]},
        "request_checksum_calculation": given["checksum_mode"],
        "response_checksum_validation": given["checksum_mode"],
    }
    return Config(**{name: value for name, value in set_by_us.items() if value is not None})


# Option -> the variable and the key of a profile that say the same, and our own default.
_DEFAULTS: dict[str, tuple[str, str, Any]] = {
    "max_attempts": ("AWS_MAX_ATTEMPTS", "max_attempts", 5),
    "retry_mode": ("AWS_RETRY_MODE", "retry_mode", "standard"),
}


@lru_cache(maxsize=4)
def _shared_loader(data_path: str | None) -> Loader:
    """Reads and keeps the descriptions of AWS services: without it each client costs 55 ms, with it 7 ms.

    Whole sessions are not shared, though a client of one costs 3 ms: a session keeps the credentials and the
    environment that it found first.
    """
    from botocore.loaders import create_loader  # lazy, as in make_client

    return create_loader(data_path)

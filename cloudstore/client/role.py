"""Credentials of a role, which botocore asks for when it needs them and renews before they expire."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from core.errors import DagsterResourceUnavailableError

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session

_SESSION_NAME = "cloudstore"


def assume_role(
    session: Session,
    options: Mapping[str, Any],
    keys: Mapping[str, Any],
    verify: bool | str | None,
    config: Config,
) -> None:
    """Lets the clients of `session` made from now on act as the role `options["role_arn"]`. It sends no request yet.

    Args:
        session: the session; no other thread may use it.
        options: config of `S3_OPTIONS`; None for options without a value.
        keys: the credentials that the role is assumed with; those of the session where they are None.
        verify: as boto3 takes it.
        config: how requests are sent.

    Raises:
        DagsterResourceUnavailableError: there is no region, and AWS assumes roles in a region only.
        botocore.exceptions.NoCredentialsError: there are no credentials to assume the role with.
    """
    # Lazy, as in make_client.
    from botocore.credentials import AssumeRoleCredentialFetcher, Credentials, DeferredRefreshableCredentials
    from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError

    region = options["region_name"] or session.get_config_variable("region")
    if region is None:
        raise DagsterResourceUnavailableError(
            "Assuming a role takes a region, and none is set. Set region_name, or AWS_DEFAULT_REGION."
        )
    if keys["aws_access_key_id"] is None:
        source = session.get_component("credential_provider").load_credentials()
    else:
        source = Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"], keys["aws_session_token"])
    if source is None:
        raise NoCredentialsError
    own = {"RoleSessionName": options["role_session_name"] or _SESSION_NAME, "ExternalId": options["external_id"]}
    fetcher = AssumeRoleCredentialFetcher(
        partial(
            session.create_client,
            region_name=region,
            endpoint_url=options["sts_endpoint_url"],
            verify=verify,
            config=config,
        ),
        source,
        options["role_arn"],
        extra_args={name: value for name, value in own.items() if value is not None},
    )

    def fetch() -> Any:
        try:
            return fetcher.fetch_credentials()
        except (BotoCoreError, ClientError) as error:
            # So that it is not taken for a refusal by S3; both say AccessDenied.
            reason = f"the role {options['role_arn']} was not assumed: {error}"
            raise CredentialRetrievalError(provider="assume-role", error_msg=reason) from error

    session.register_component("credential_provider", _Provider(DeferredRefreshableCredentials(fetch, "assume-role")))


class _Provider:
    """Always gives the same credentials."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials

"""Connections after a fork: a child opens its own, since on one that it shared each would read the other's answers."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

from core.forks import reset_in_forked_children

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_HOOK = "cloudstore-own-connections"
_of_parents: list[Any] = []  # kept alive: a pool that is collected waits for its lock, which a lost thread may have


def connect_anew_in_forked_children(client: S3Client) -> S3Client:
    """Lets a client open connections of its own in each forked child, when it sends its first request there.

    Args:
        client: any boto3 client; one that does so already stays as it is, as does an object that only acts like one.

    Returns:
        S3Client: the same client.
    """
    # Called again with the same id, botocore keeps what is registered.
    if hasattr(client, "_endpoint"):
        client.meta.events.register_first("before-send", _Connections(client).renew, unique_id=_HOOK)
    return client


class _Connections:
    """The connections of a client, which holds this by its hook."""

    def __init__(self, client: S3Client) -> None:
        self._client: Any = client  # what follows is botocore's own affair, and its stubs do not tell of it
        self._are_shared = False
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """As `core.forks` says; a child that sends nothing spends no time on connections."""
        self._are_shared = True
        credentials = self._client._request_signer._credentials
        if hasattr(credentials, "_refresh_lock"):  # held while a request for new ones is under way
            credentials._refresh_lock = threading.Lock()

    def renew(self, **_event: Any) -> None:
        """Called before each request is sent."""
        if self._are_shared:
            endpoint = self._client._endpoint
            _of_parents.append(endpoint.http_session)
            endpoint.http_session = _unconnected(endpoint.http_session)
            self._are_shared = False


def _unconnected(session: Any) -> Any:
    """A botocore HTTP session with the same settings, and no connection."""
    fresh = copy.copy(session)
    fresh._proxy_managers = {}
    fresh._manager = type(session._manager)(**session._get_pool_manager_kwargs())
    fresh._manager.pool_classes_by_scheme = session._pool_classes_by_scheme
    return fresh

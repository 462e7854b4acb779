"""Errors of S3, translated once into the project's own.

The codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; answers to HEAD have no
body, so there the HTTP status stands where the code would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from cloudstore.s3.keys import s3_url
from core.errors import (
    DagsterInvalidConfigError,
    DagsterObjectAccessError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterObjectStoreError,
    DagsterResourceUnavailableError,
)
from core.printable import printable

_MISSING_CODES = {"NoSuchKey", "NoSuchVersion", "NotFound", "404"}
_CREDENTIAL_ADVICE = {
    "ExpiredToken": "Get a new session token.",
    "InvalidAccessKeyId": "Check aws_access_key_id, and that endpoint_url names the store that issued it.",
    "InvalidToken": "Check aws_session_token, or get a new one.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "SignatureDoesNotMatch": "Check aws_secret_access_key.",
    "TokenRefreshRequired": "Get a new session token.",
}
_OTHER_REGION_CODES = {"301", "307", "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"}
_CHANGED_ON_THE_WAY_CODES = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
_NO_CREDENTIALS = {
    "CredentialRetrievalError",
    "NoAuthTokenError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "SSOTokenLoadError",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
}
_REACHABLE = "Check endpoint_url and region_name, and that the server is running and can be reached from here."
_CONNECTION_ADVICE = {
    "ProxyConnectionError": "Check the proxy that HTTP_PROXY or HTTPS_PROXY names; NO_PROXY lists hosts without one.",
    "SSLError": "Check that its certificate is valid, and that verify_cert_path (by default AWS_CA_BUNDLE) is a file "
    "with the certificate of its authority; the endpoint_url of a server without TLS begins with http://.",
}
NO_CONNECTION = {"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError", "SSLError"}
# The permission that an operation needs, where it is not called as the operation is.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_IAM_ACTIONS = {
    "CompleteMultipartUpload": "s3:PutObject",
    "CopyObject": "s3:GetObject and s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteObjects": "s3:DeleteObject",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListObjects": "s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectsV2": "s3:ListBucket",
    "ListParts": "s3:ListMultipartUploadParts",
    "UploadPart": "s3:PutObject",
}
_LISTING = ", and s3:ListBucket on the bucket, without which AWS also refuses requests for objects that do not exist"
_NAMED_ACTION = re.compile(r"not authorized to perform: (\w+:\w+)")
_URL_SECRETS = re.compile(r"(?i)(X-Amz-(?:Credential|Security-Token|Signature)=)[^&\s\"']+|(?<=://)[^/@\s]+@")


class S3ConditionFailed(DagsterObjectStoreError):
    """The object does not meet the condition of a request (HTTP 412)."""


class S3ConditionConflict(DagsterObjectStoreError):
    """Another request for the same key was under way (HTTP 409); the same request may succeed when sent again."""


@contextmanager
def translate_errors(action: str, bucket: str, key: str | None = None) -> Iterator[None]:
    """Runs requests to S3, and raises their errors as this project's own.

    Args:
        action: the S3 operation, as S3 calls it ("GetObject").
        bucket: the bucket it is on.
        key: the key it is on, or None for the bucket itself.

    Raises:
        DagsterObjectNotFoundError: the object or the bucket is missing.
        DagsterObjectAccessError: the credentials are missing or refused, or do not allow the action. Also where AWS
            answers so for a missing object because listing is not allowed: a refusal proves nothing about a key.
        DagsterObjectCorruptError: the bytes received do not have the checksum that the store holds for them.
        S3ConditionFailed, S3ConditionConflict: a conditional request was answered by 412 or 409.
        DagsterObjectStoreError: anything else that botocore raises. Errors of other origin pass unchanged.
    """
    try:
        yield
    except Exception as error:
        translation = translated(error, action, bucket, key)
        if translation is None:
            raise
        raise translation from error


def translated(error: BaseException, action: str, bucket: str, key: str | None) -> DagsterObjectStoreError | None:
    """The error to raise for `error`, or None when it does not come from an S3 client."""
    # Lazy: botocore is heavy, and is loaded already wherever it can have raised.
    import urllib3.exceptions
    from botocore.exceptions import BotoCoreError, ClientError

    error = getattr(error, "backend_error", error)  # where smart_open keeps what botocore raised
    where = printable(s3_url(bucket, key or ""))
    if isinstance(error, ClientError):
        return _from_answer(error.response, action, bucket, where)
    if isinstance(error, BotoCoreError | urllib3.exceptions.HTTPError):
        return _from_failure(error, action, where)
    return None


def _from_answer(response: Any, action: str, bucket: str, where: str) -> DagsterObjectStoreError:
    """The error for an answer that is not a success. `response` is what `ClientError.response` holds."""
    code, status = code_of(response), response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    # None for an empty element, and a mapping for one with elements in it.
    said = _said(f"{code}: {response.get('Error', {}).get('Message') or ''}".removesuffix(": "))
    if code == "NoSuchBucket":
        return DagsterObjectNotFoundError(
            f"The bucket {bucket!r} does not exist ({action} on {where}). Correct its name, or create it: "
            f"aws s3 mb s3://{bucket}"
        )
    if code in _MISSING_CODES:
        return DagsterObjectNotFoundError(f"There is no object at {where} ({action}: {said}).")
    if code in _OTHER_REGION_CODES:
        return DagsterObjectStoreError(_other_region(response, bucket, said))
    if code in _CREDENTIAL_ADVICE:
        return DagsterObjectAccessError(
            f"The store did not accept the credentials for {action} on {where} ({said}). {_CREDENTIAL_ADVICE[code]}"
        )
    if status in (401, 403):
        listing = _LISTING if action in ("GetObject", "HeadObject") else ""
        return DagsterObjectAccessError(
            f"The store refused {action} on {where} ({said}). Check that the credentials are the right ones, and "
            f"that their policy and the bucket's allow {_refused_action(action, said)} there{listing}."
        )
    if status == 412 and action == "GetObject":  # the one condition of reading is that the object stays the same
        return DagsterObjectStoreError(
            f"The object {where} was replaced or deleted while it was read (GetObject: {said}). Read it again."
        )
    if status == 412:
        return S3ConditionFailed(
            f"{action} on {where}: the object does not meet the condition of the request ({said})."
        )
    if code == "ConditionalRequestConflict":
        return S3ConditionConflict(f"{action} on {where}: another request for this key was under way ({said}).")
    if code in _CHANGED_ON_THE_WAY_CODES:
        return DagsterObjectStoreError(
            f"{action} on {where}: the bytes were changed on the way to the store, which refused them ({said}); "
            "nothing was stored. Try again."
        )
    return DagsterObjectStoreError(f"{action} on {where} failed with HTTP status {status} ({said}).")


def _refused_action(action: str, said: str) -> str:
    """The permission to grant: the one AWS names, such as kms:Decrypt, or else the action's."""
    named = _NAMED_ACTION.search(said)
    return named[1] if named else _IAM_ACTIONS.get(action, f"s3:{action}")


def _from_failure(error: Exception, action: str, where: str) -> DagsterObjectStoreError:
    """The error for a request without a complete answer."""
    name, said = type(error).__name__, _said(error)
    if name in _NO_CREDENTIALS:
        return DagsterObjectAccessError(
            f"There are no usable credentials for {action} on {where} ({name}: {said}). Set aws_access_key_id and "
            "aws_secret_access_key, a profile_name, or the environment variables that AWS tools read."
        )
    if name in NO_CONNECTION:
        endpoint = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url", "")))
        server = f"{endpoint.scheme}://{endpoint.netloc.rpartition('@')[2]}" if endpoint.netloc else "the S3 endpoint"
        todo = _CONNECTION_ADVICE.get(name, _REACHABLE)
        return DagsterObjectStoreError(f"Cannot connect to {server} for {action} on {where} ({name}). {todo}")
    if name == "FlexibleChecksumError":
        return DagsterObjectCorruptError(
            f"{action} on {where}: the bytes received do not have the checksum that was stored with them ({said})."
        )
    return DagsterObjectStoreError(f"{action} on {where} broke off ({name}: {said}).")


def _other_region(response: Any, bucket: str, said: str) -> str:
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or response.get("Error", {}).get("Region")
    todo = f"Set region_name to {region!r}." if region else "Set region_name to the bucket's region."
    return f"The bucket {bucket!r} is in another region than the client ({said}). {todo}"


def answer_to(error: BaseException) -> Any:
    """The store's answer that a translated error came from, as `ClientError.response`; {} when there was none."""
    return getattr(error.__cause__, "response", None) or {}  # None where botocore got no answer


def code_of(answer: Any) -> str:
    """The error code of such an answer; the HTTP status for answers to HEAD."""
    return str(answer.get("Error", {}).get("Code") or "")


def _said(told: object) -> str:
    """What a store or botocore says, which may quote what others wrote, as a line without secrets."""
    text = _URL_SECRETS.sub(lambda match: f"{match[1] or ''}***", str(told))
    return printable(text).removesuffix(".")


@contextmanager
def unusable_options() -> Iterator[None]:
    """Translates what is raised while a client is made, when its options do not allow that.

    Raises:
        DagsterResourceUnavailableError: a profile, what it names, or one of a pair of credentials is missing.
        DagsterInvalidConfigError: an option has a value that botocore refuses.
    """
    from botocore.exceptions import BotoCoreError  # lazy, as in translated

    try:
        yield
    # ValueError: an endpoint_url that is not a URL. OSError: a file or a program that the profile names is not there.
    except (BotoCoreError, ValueError, OSError) as error:
        if type(error).__name__ in _NO_CREDENTIALS or isinstance(error, OSError):
            raise DagsterResourceUnavailableError(
                f"The S3 client's credentials are missing: {_said(error)}. Check what the environment and the profile "
                "say of them."
            ) from error
        hint = " An endpoint_url begins with http:// or https://." if "endpoint" in str(error).lower() else ""
        raise DagsterInvalidConfigError(
            f"No S3 client can be made with these options: {_said(error)}.{hint}"
        ) from error

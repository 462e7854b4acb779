"""The options of objects, added to all requests of a client that make objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_WRITES = ("PutObject", "CreateMultipartUpload", "CopyObject")
_PAYER = "requester"


def add_object_options(client: S3Client, options: Mapping[str, Any]) -> None:
    """Lets each request of `client` that makes an object carry the options of objects.

    The parameters of a request win over the options, a whole group at a time: no KMS key is added to
    `ServerSideEncryption="AES256"`, and no ACL to `GrantRead`. Presigned URLs are left as they are, since their users
    would have to send the same headers; only the payer is named in them, as a part of the URL.

    Args:
        client: the client.
        options: resolved config of `S3_OPTIONS`.
    """
    ours = _Additions(options)
    for operation in _WRITES if ours.groups else ():
        client.meta.events.register(f"provide-client-params.s3.{operation}", ours.add)
    if options.get("requester_pays"):
        _pay(client)


class _Additions:
    """Groups of parameters; each is added where the caller gave none of the names that go with it."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        tags = options.get("object_tags")
        groups = (
            (
                {"SSECustomerAlgorithm", "SSECustomerKey"},
                {
                    "ServerSideEncryption": options.get("server_side_encryption"),
                    "SSEKMSKeyId": options.get("sse_kms_key_id"),
                },
            ),
            ({"GrantFullControl", "GrantRead", "GrantReadACP", "GrantWriteACP"}, {"ACL": options.get("acl")}),
            (set[str](), {"StorageClass": options.get("storage_class")}),
            ({"TaggingDirective"}, {"Tagging": urlencode(tags, quote_via=quote) if tags else None}),
        )
        self.groups = [
            (rivals | added.keys(), {name: value for name, value in added.items() if value is not None})
            for rivals, added in groups
            if any(added.values())
        ]

    def add(self, params: dict[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        if context.get("is_presign_request"):
            return
        for rivals, added in self.groups:
            if rivals.isdisjoint(params):
                params.update(added)
                if model.name == "CopyObject" and "Tagging" in added:
                    params["TaggingDirective"] = "REPLACE"  # or S3 copies the tags of the source


def _pay(client: S3Client) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html"""

    def takes_payer(model: Any) -> bool:
        return model.input_shape is not None and "RequestPayer" in model.input_shape.members

    def add(params: dict[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        if takes_payer(model) and not context.get("is_presign_request"):
            params.setdefault("RequestPayer", _PAYER)

    def add_to_url(request: Any, operation_name: str, signature_version: object, **_: Any) -> None:
        model = client.meta.service_model.operation_model(operation_name)
        if not request.context.get("is_presign_request") or not takes_payer(model):
            return
        # As a header it would be signed as one, and a browser that opens the URL does not send it.
        del request.headers["x-amz-request-payer"]
        if signature_version == "s3-query":  # which moves such headers into the URL by itself
            request.headers["x-amz-request-payer"] = _PAYER
        else:
            request.params["x-amz-request-payer"] = _PAYER

    client.meta.events.register("provide-client-params.s3", add)
    client.meta.events.register("before-sign.s3", add_to_url)

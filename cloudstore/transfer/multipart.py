"""Large objects by multipart upload: announced, sent in parts at once, completed; or aborted, whatever happens."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import IO, TYPE_CHECKING, Any, cast

from cloudstore.s3.errors import answer_to
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.asking import ask, require, was_repeated
from cloudstore.transfer.creation import Creation
from cloudstore.transfer.lost_uploads import abort, abort_lost
from cloudstore.transfer.parts import MAX_PARTS, PARTS_IN_FLIGHT, length_of, most_in_flight
from core.errors import DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        CreateMultipartUploadOutputTypeDef,
        UploadPartOutputTypeDef,
    )


def create_by_parts(creation: Creation, parts: Iterable[IO[bytes]]) -> bool:
    """Creates an object by a multipart upload of `parts`, up to the first empty one. As `Creation.create`.

    Raises:
        DagsterObjectStoreError: as `translate_errors`, also for more than 10,000 parts. What reading the parts raises
            passes unchanged. The upload is aborted.
    """
    upload = _Upload(creation)
    is_created = False
    try:
        sent = upload.send(parts)
        is_created = creation.create("CompleteMultipartUpload", lambda: upload.complete(sent))
    finally:
        if not is_created:
            abort(creation.client, creation.bucket, creation.key, upload.id)
    return is_created


class _Upload:
    """A multipart upload that has begun.

    Attributes:
        id: its id.
    """

    def __init__(self, creation: Creation) -> None:
        self._creation = creation
        self._client = creation.client
        self._at: dict[str, Any] = {"Bucket": creation.bucket, "Key": creation.key}
        algorithm = creation.settings.get("ChecksumAlgorithm") or self._default_checksum()
        self._checksum: dict[str, Any] = {"ChecksumAlgorithm": algorithm} if algorithm else {}
        # The checksum of the whole object, which readers verify; S3 makes it from those of the parts for CRCs only.
        self._whole: dict[str, Any] = {"ChecksumType": "FULL_OBJECT"} if str(algorithm).startswith("CRC") else {}
        self.id = self._begin(creation.identified_settings | self._checksum | self._whole)

    def complete(self, sent: list[CompletedPartTypeDef]) -> str:
        """Makes the object appear; returns its ETag."""
        answer = self._client.complete_multipart_upload(
            **self._at,
            UploadId=self.id,
            MultipartUpload={"Parts": sent},
            **(self._creation.condition | self._whole),
        )
        require(answer, ("ETag",), "CompleteMultipartUpload", self._creation.bucket, self._creation.key)
        return answer["ETag"]

    def send(self, parts: Iterable[IO[bytes]]) -> list[CompletedPartTypeDef]:
        """Sends the parts, up to four at once, and as many as fit into 64 MiB."""
        sending: list[Future[CompletedPartTypeDef]] = []
        pending: set[Future[CompletedPartTypeDef]] = set()
        pool = ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="s3-part")
        try:
            for number, part in enumerate(itertools.takewhile(length_of, parts), 1):
                if number > MAX_PARTS:
                    where = s3_url(self._creation.bucket, self._creation.key)
                    raise DagsterObjectStoreError(f"The stream for {where} is larger than an object can be.")
                sending.append(pool.submit(self._send_part, number, part))
                pending.add(sending[-1])
                while len(pending) >= most_in_flight(number + 1):
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for each in done:
                        each.result()  # if one failed, all have
            return [each.result() for each in sending]
        finally:
            # A part that arrives after the upload was aborted would stay, so those under way are waited for.
            pool.shutdown(cancel_futures=True)

    def _send_part(self, number: int, part: IO[bytes]) -> CompletedPartTypeDef:
        def send() -> UploadPartOutputTypeDef:
            part.seek(0)
            return self._client.upload_part(
                **self._at, UploadId=self.id, PartNumber=number, Body=part, **self._checksum
            )

        with part:
            answer = ask(send, ("ETag",), "UploadPart", self._creation.bucket, self._creation.key)
        sums: Any = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        sums.update(PartNumber=number, ETag=answer["ETag"])
        return cast("CompletedPartTypeDef", sums)

    def _begin(self, settings: dict[str, Any]) -> str:
        """The id of a new upload. Others that the request began, its answer lost, are aborted."""
        creation, began, upload_id = self._creation, time.monotonic(), ""
        is_repeated, sendings = True, itertools.count(1)

        def send() -> CreateMultipartUploadOutputTypeDef:
            next(sendings)
            return self._client.create_multipart_upload(**self._at, **settings)

        try:
            answer = ask(send, ("UploadId",), "CreateMultipartUpload", creation.bucket, creation.key)
            upload_id = answer["UploadId"]
            is_repeated = was_repeated(answer) or next(sendings) > 2
        except DagsterObjectStoreError as error:
            # A refusal of the first sending began nothing.
            is_repeated = not answer_to(error) or was_repeated(answer_to(error))
            raise
        finally:
            if is_repeated:
                age_seconds = time.monotonic() - began
                is_alone = not creation.condition
                abort_lost(self._client, creation.bucket, creation.key, upload_id, age_seconds, is_alone)
        return upload_id

    def _default_checksum(self) -> str | None:
        # What botocore sends with each part by itself. AWS refuses it unless the upload was announced with it.
        mode = self._client.meta.config.request_checksum_calculation  # type: ignore[attr-defined]  # Config has it; its stubs do not
        return None if mode == "when_required" else "CRC32"

"""Bytes into S3: whole objects, streams of any length, creation on condition.

Objects appear whole or not at all. Memory is bounded: an upload holds at most 64 MiB of its stream (two parts of it,
where parts have grown beyond 32 MiB). botocore sends a CRC32 of every body, which the store verifies, unless the
client's checksum mode is "when_required".
"""

from __future__ import annotations

import io
import itertools
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from cloudstore.s3.errors import S3ConditionConflict, S3ConditionFailed, answer_to, code_of, translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.asking import Attempts, S3AnswerCut, ask, exists, require
from cloudstore.transfer.file_slice import FileSlice
from cloudstore.transfer.lost_uploads import abort, abort_lost
from core.errors import DagsterObjectAccessError, DagsterObjectNotFoundError, DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.literals import ChecksumAlgorithmType
    from types_boto3_s3.type_defs import CompletedPartTypeDef

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000
MAX_PART_BYTES = 5 << 30

PART_BYTES = 16 << 20
PARTS_IN_FLIGHT = 4
WRITE_ID = "cloudstore-write-id"

_PARTS_OF_ONE_SIZE = 1000
_CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 1 << 20
_CONFLICT_ATTEMPTS = 8


class WrittenObject(NamedTuple):
    """What the store told of an object that it took.

    Attributes:
        etag: its ETag; None where the answer had none.
    """

    etag: str | None


def put_bytes(
    client: S3Client,
    bucket: str,
    key: str,
    data: bytes,
    *,
    if_absent: bool = False,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
    checksum_algorithm: ChecksumAlgorithmType | None = None,
) -> bool:
    """Stores `data` as one object in one request, which S3 takes up to 5 GiB.

    Args:
        if_absent: store it only where the key has no object yet; of several such writers at once, one succeeds.
        content_type: the object's media type.
        metadata: the object's own metadata. Conditional writes and multipart uploads add a `cloudstore-write-id`, by
            which a writer whose request had to be repeated knows its own object from another's.
        checksum_algorithm: what the store is to verify the bytes by; botocore's choice when None.

    Returns:
        bool: False when `if_absent` and there was an object already, which then is untouched.

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """
    settings = _settings(content_type, metadata, checksum_algorithm)
    return _Write(client, bucket, key, if_absent, settings).put(io.BytesIO(data))


def put_stream(
    client: S3Client,
    bucket: str,
    key: str,
    stream: IO[bytes],
    *,
    if_absent: bool = False,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
    checksum_algorithm: ChecksumAlgorithmType | None = None,
) -> bool:
    """Stores what `stream` holds from its position on, up to 5 TiB; it need not seek.

    Up to 16 MiB go in one request, more as a multipart upload: parts of 16 MiB, the size doubling every 1,000 parts,
    up to four at a time. The parts of a file of the system's are not held. When anything fails, Ctrl-C included, the
    parts are deleted. Arguments, result and errors are those of `put_bytes`; what the stream raises passes unchanged.

    That only one of several `if_absent` writers succeeds is the store's doing. AWS documents it for completed
    multipart uploads too. SeaweedFS 4.48 and moto 5.2 do not hold to it there: when uploads of more than 16 MiB are
    completed at the same moment, several may be told that they created the object. It then holds one of them, whole.
    """
    settings = _settings(content_type, metadata, checksum_algorithm)
    write = _Write(client, bucket, key, if_absent, settings)
    left = _left_in_file(stream)
    if left > PART_BYTES:
        start = stream.tell()
        stream.seek(left, os.SEEK_CUR)  # as if it had been read
        return write.put_parts(_file_parts(stream.fileno(), start, start + left))
    parts = (_read_part(stream, part_bytes(number)) for number in itertools.count(1))
    first, second = next(parts), next(parts)
    return write.put_parts(itertools.chain((first, second), parts)) if _length(second) else write.put(first)


def put_file(
    client: S3Client,
    bucket: str,
    key: str,
    file: IO[bytes],
    *,
    if_absent: bool = False,
    if_match: str | None = None,
    content_type: str | None = None,
    content_encoding: str | None = None,
    metadata: Mapping[str, str] | None = None,
    in_one: bool = False,
) -> WrittenObject | None:
    """Stores the whole of a file that seeks, without holding it: its parts are read as they are sent.

    One request up to 16 MiB, and up to 5 GiB where the write has a condition, so that the store decides it at once;
    else a multipart upload as by `put_stream`. What is sent in parts has to be a file of the system's.

    Args:
        if_match: store it only where the object still has this ETag; a missing one raises.
        content_encoding: how the content is packed, "gzip" say.
        in_one: one request up to 5 GiB in any case; it starts no thread, which a process that ends could not.

    Returns:
        What was stored; None when the condition was not met, and nothing was changed.

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """
    settings = _settings(content_type, metadata, None, content_encoding)
    write = _Write(client, bucket, key, if_absent, settings, if_match)
    size = file.seek(0, os.SEEK_END)
    if size <= PART_BYTES or ((if_absent or if_match or in_one) and size <= MAX_PART_BYTES):
        is_created = write.put(file)
    else:
        is_created = write.put_parts(_file_parts(file.fileno(), 0, size))
    return WrittenObject(write.etag) if is_created else None


def _left_in_file(stream: IO[bytes]) -> int:
    """How many bytes a file of the system's has from its position on; 0 for any other stream."""
    raw = stream.raw if isinstance(stream, io.BufferedReader) else stream
    if not isinstance(raw, io.FileIO) or not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        return 0
    return os.fstat(raw.fileno()).st_size - stream.tell()


def _file_parts(descriptor: int, start: int, end: int) -> Iterator[IO[bytes]]:
    numbers = itertools.count(1)
    while start < end:
        length = min(part_bytes(next(numbers)), end - start)
        yield cast("IO[bytes]", FileSlice(descriptor, start, length))
        start += length


def part_bytes(number: int) -> int:
    """The size in bytes of the part with this number (from 1): small at first, and 5 TiB within 10,000 parts."""
    return min(PART_BYTES << (number - 1) // _PARTS_OF_ONE_SIZE, MAX_PART_BYTES)


def _settings(
    content_type: str | None,
    metadata: Mapping[str, str] | None,
    checksum_algorithm: ChecksumAlgorithmType | None,
    content_encoding: str | None = None,
) -> dict[str, Any]:
    named = {
        "ContentType": content_type,
        "ContentEncoding": content_encoding,
        "Metadata": metadata,
        "ChecksumAlgorithm": checksum_algorithm,
    }
    return {name: value for name, value in named.items() if value}


def _read_part(stream: IO[bytes], size: int) -> io.BytesIO:
    """The next `size` bytes of `stream`; fewer at its end only."""
    part = io.BytesIO()
    while (left := size - part.tell()) and (chunk := stream.read(min(left, _CHUNK_BYTES))):
        part.write(chunk)
    return part


def _length(part: IO[bytes]) -> int:
    return part.seek(0, os.SEEK_END)


def _content(body: IO[bytes]) -> bytes:
    body.seek(0)
    return body.read()


def _in_flight(number: int) -> int:
    """How many parts to hold when this one is the largest: 64 MiB of them, but two at least, to read while sending."""
    return max(2, PARTS_IN_FLIGHT * PART_BYTES // part_bytes(number))


class _Write:
    """One object on its way to the store.

    Attributes:
        etag: what the store told when it had it.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        key: str,
        if_absent: bool,
        settings: dict[str, Any],
        if_match: str | None = None,
    ) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._if_absent = if_absent
        self._condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        if if_match:
            self._condition = {"IfMatch": if_match}
        self._settings = settings
        self._write_id = uuid.uuid4().hex
        self.etag: str | None = None

    def put(self, body: IO[bytes]) -> bool:
        """Stores it by one PutObject."""
        settings = (self._identified_settings() if self._condition else self._settings) | self._condition
        # botocore sends bytes along with the headers, which copies them, and files after the server said "continue".
        small = _content(body) if _length(body) < _SMALL_BYTES else None

        def send() -> None:
            body.seek(0)
            answer = self._client.put_object(
                Bucket=self._bucket, Key=self._key, Body=body if small is None else small, **settings
            )
            self.etag = answer.get("ETag")

        return self._create("PutObject", send)

    def put_parts(self, parts: Iterable[IO[bytes]]) -> bool:
        """Stores it by a multipart upload of `parts`, up to the first empty one."""
        algorithm = self._settings.get("ChecksumAlgorithm") or self._default_checksum()
        checksum: dict[str, Any] = {"ChecksumAlgorithm": algorithm} if algorithm else {}
        # The checksum of the whole object, which readers verify; S3 makes it from those of the parts for CRCs only.
        whole: dict[str, Any] = {"ChecksumType": "FULL_OBJECT"} if str(algorithm).startswith("CRC") else {}
        upload_id = self._announce(self._identified_settings() | checksum | whole)
        created = False
        try:
            sent = self._send_parts(upload_id, parts, checksum)

            def complete() -> None:
                answer = self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=upload_id,
                    MultipartUpload={"Parts": sent},
                    **(self._condition | whole),
                )
                require(answer, ("ETag",), "CompleteMultipartUpload", self._bucket, self._key)
                self.etag = answer["ETag"]

            created = self._create("CompleteMultipartUpload", complete)
        finally:
            if not created:
                abort(self._client, self._bucket, self._key, upload_id)
        return created

    def _announce(self, settings: dict[str, Any]) -> str:
        """The id of a new multipart upload. Others that the request began, its answer lost, are aborted."""
        began, upload_id, is_repeated, sendings = time.monotonic(), "", True, itertools.count(1)

        def create() -> Any:
            next(sendings)
            return self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key, **settings)

        try:
            answer = ask(create, ("UploadId",), "CreateMultipartUpload", self._bucket, self._key)
            upload_id = str(answer["UploadId"])
            is_repeated = _is_repeated(answer) or next(sendings) > 2
        except DagsterObjectStoreError as error:
            # A refusal of the first sending began nothing.
            is_repeated = not answer_to(error) or _is_repeated(answer_to(error))
            raise
        finally:
            if is_repeated:
                age_seconds = time.monotonic() - began
                abort_lost(self._client, self._bucket, self._key, upload_id, age_seconds, not self._condition)
        return upload_id

    def _default_checksum(self) -> str | None:
        # What botocore sends with each part by itself. AWS refuses it unless the upload was announced with it.
        mode = self._client.meta.config.request_checksum_calculation  # type: ignore[attr-defined]  # Config has it; its stubs do not
        return None if mode == "when_required" else "CRC32"

    def _identified_settings(self) -> dict[str, Any]:
        return self._settings | {"Metadata": {**self._settings.get("Metadata", {}), WRITE_ID: self._write_id}}

    def _send_parts(
        self, upload_id: str, parts: Iterable[IO[bytes]], checksum: dict[str, Any]
    ) -> list[CompletedPartTypeDef]:
        sending: list[Future[CompletedPartTypeDef]] = []
        pending: set[Future[CompletedPartTypeDef]] = set()
        pool = ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="s3-part")
        try:
            for number, part in enumerate(itertools.takewhile(_length, parts), 1):
                if number > MAX_PARTS:
                    raise DagsterObjectStoreError(
                        f"The stream for {s3_url(self._bucket, self._key)} is larger than an object can be."
                    )
                sending.append(pool.submit(self._send_part, upload_id, number, part, checksum))
                pending.add(sending[-1])
                while len(pending) >= _in_flight(number + 1):
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for each in done:
                        each.result()  # what failed one fails all
            return [each.result() for each in sending]
        finally:
            # A part that arrives after the upload was aborted would stay, so those under way are waited for.
            pool.shutdown(cancel_futures=True)

    def _send_part(
        self, upload_id: str, number: int, part: IO[bytes], checksum: dict[str, Any]
    ) -> CompletedPartTypeDef:
        def send() -> Any:
            part.seek(0)
            return self._client.upload_part(
                Bucket=self._bucket, Key=self._key, UploadId=upload_id, PartNumber=number, Body=part, **checksum
            )

        with part:
            answer = ask(send, ("ETag",), "UploadPart", self._bucket, self._key)
        sums: Any = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        sums.update(PartNumber=number, ETag=answer["ETag"])
        return cast("CompletedPartTypeDef", sums)

    def _create(self, action: str, send: Callable[[], object]) -> bool:
        """Sends the request that makes the object appear; False when a condition kept it from that."""
        attempts, is_first = Attempts(_CONFLICT_ATTEMPTS), True
        while True:
            try:
                with translate_errors(action, self._bucket, self._key):
                    send()
            except (S3ConditionConflict, S3AnswerCut):
                if not attempts.again():
                    raise
            except DagsterObjectStoreError as error:
                repeated = not is_first or _is_repeated(answer_to(error))
                # The first sending may have succeeded with its answer lost. Then the second meets our own object,
                # or an upload that is completed and gone.
                taken, gone = isinstance(error, S3ConditionFailed), code_of(answer_to(error)) == "NoSuchUpload"
                if repeated and (taken or gone) and self._is_ours():
                    return True
                if taken and self._if_absent and not self._is_taken():
                    if not attempts.again():  # else what was there is gone again
                        raise self._contradiction(action) from error
                elif (taken and self._condition) or (
                    repeated and gone and self._if_absent and exists(self._client, self._bucket, self._key)
                ):
                    return False
                else:
                    raise
            else:
                return True
            is_first = False

    def _contradiction(self, action: str) -> DagsterObjectStoreError:
        return DagsterObjectStoreError(
            f"{action} on {s3_url(self._bucket, self._key)}: the store says that there is an object already, and when "
            "asked for it, that there is none; nothing was stored. SeaweedFS does so where other keys begin with this "
            'one and a "/". Choose another key, or overwrite.'
        )

    def _is_ours(self) -> bool:
        try:
            with translate_errors("HeadObject", self._bucket, self._key):
                stored = self._client.head_object(Bucket=self._bucket, Key=self._key)
        except DagsterObjectNotFoundError:
            return False
        self.etag = stored.get("ETag")
        return stored["Metadata"].get(WRITE_ID) == self._write_id

    def _is_taken(self) -> bool:
        """Whether the key has an object, as the store said; where nobody may look, its word counts."""
        try:
            return exists(self._client, self._bucket, self._key)
        except DagsterObjectAccessError:
            return True


def _is_repeated(answer: Any) -> bool:
    """Whether botocore sent the request more than once before it got this answer."""
    return bool(answer.get("ResponseMetadata", {}).get("RetryAttempts", 0))

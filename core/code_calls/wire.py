"""What a code server and its clients say to each other: gRPC, each message a text of JSON.

The service and its methods have the names that they have in Dagster 0.11; what the texts say is ours.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from core.errors import (
    CodeDeadlineExceededError,
    CodeProcessCrashedError,
    CodeServerError,
    DagsterInvariantViolationError,
    DagsterUserCodeProcessError,
    DagsterUserCodeUnreachableError,
)
from core.serdes import SerializableErrorInfo, error_info, to_json

SERVICE = "api.DagsterApi"
PING = "Ping"
HEARTBEAT = "Heartbeat"
SERVER_ID = "GetServerId"
LIST_REPOSITORIES = "ListRepositories"
START_RUN = "StartRun"
CAN_CANCEL = "CanCancelExecution"
CANCEL = "CancelExecution"
RELOAD = "ReloadCode"
SHUT_DOWN = "ShutdownServer"

_TEXT_FIELD = 0x0A  # field 1, of a length that is told
_MOST_SHIFTED = 28  # lengths of more than 32 bits are none
_FIELD_ENDS = {1: 8, 5: 4}  # wire type -> bytes


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a code server listens; as JSON, what the tag `.dagster/grpc_info` of a run says.

    Attributes:
        host: the host.
        port: its port; or
        socket: the path of its Unix domain socket.
        use_ssl: whether the connection is encrypted.
    """

    host: str
    port: int | None = None
    socket: str | None = None
    use_ssl: bool = False

    def __str__(self) -> str:
        return self.socket or f"{self.host}:{self.port}"


class Asked(msgspec.Struct, frozen=True):
    """A question for the user's code.

    Attributes:
        deadline_seconds: how long the answer may take.
        question: what is asked, as JSON.
    """

    deadline_seconds: float
    question: msgspec.Raw = msgspec.Raw(b"{}")


class RunToStart(msgspec.Struct, frozen=True):
    """A stored run that is to be executed.

    Attributes:
        run_id: the run.
        instance_ref: the instance that it is stored in, as JSON.
        claim: the claim on it that its process takes over, as JSON.
    """

    run_id: str
    instance_ref: msgspec.Raw
    claim: msgspec.Raw = msgspec.Raw(b"null")


class RunToCancel(msgspec.Struct, frozen=True):
    """A run that is to be ended.

    Attributes:
        run_id: the run.
        running: where processes of the server's machine note which runs they execute; None for what only the server
            itself knows.
    """

    run_id: str
    running: str | None = None


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer.

    Attributes:
        kind: what happened: the code raised, took too long, or ended its process; or what was asked is refused.
        message: what was asked, and what happened, without a full stop: it goes on after the name of the location.
        error: what the user's code raised.
        exit_code: of the process that ended.
    """

    kind: Literal["raised", "deadline", "crashed", "refused"]
    message: str
    error: SerializableErrorInfo | None = None
    exit_code: int | None = None


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer, or why there is none.

    Attributes:
        answer: the answer, as JSON.
        failure: why there is none.
    """

    answer: msgspec.Raw = msgspec.Raw(b"null")
    failure: Failure | None = None

    def checked(self, location: str) -> msgspec.Raw:
        """The answer.

        Args:
            location: the name of the code location, for messages.

        Raises:
            CodeServerError: there is none.
        """
        if self.failure is None:
            return self.answer
        raise error_of(self.failure, location)


def error_of(failure: Failure, location: str) -> CodeServerError:
    """The error that says of a code location why there is no answer.

    Args:
        failure: why.
        location: its name.
    """
    infos = [] if failure.error is None else [failure.error]
    message = f"Code location {location!r}, asked for {failure.message}."
    if failure.kind == "deadline":
        return CodeDeadlineExceededError(message)
    if failure.kind == "crashed":
        return CodeProcessCrashedError(message, failure.exit_code)
    return DagsterUserCodeProcessError(message, infos) if failure.kind == "raised" else CodeServerError(message)


def raised(asked: str, error: BaseException) -> Failure:
    """The user's code raised.

    Args:
        asked: what was asked for.
        error: what it raised.
    """
    return raised_info(asked, error_info(error))


def raised_info(asked: str, info: SerializableErrorInfo) -> Failure:
    """As `raised`, of an error of another process."""
    return Failure("raised", f"{asked}, raised: {info.message.removesuffix('.')}", info)


def answered(answer: Any) -> Reply:
    """A reply that holds an answer."""
    return Reply(msgspec.Raw(msgspec.json.encode(answer)))


def as_raw(record: object) -> msgspec.Raw:
    """A record of ours as JSON, for a message that holds it."""
    return msgspec.Raw(to_json(record).encode())


def encode_text(text: str) -> bytes:
    """A Protocol Buffers message whose only field is a text, with the number 1."""
    content = text.encode()
    if not content:
        return b""
    length, head = len(content), bytearray([_TEXT_FIELD])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*head, length]) + content


def decode_text(message: bytes) -> str:
    """The text in field 1 of a Protocol Buffers message, "" where there is none; other fields are left out.

    Raises:
        DagsterInvariantViolationError: it is no such message.
    """
    text, at = b"", 0
    try:
        while at < len(message):
            key, at = _varint(message, at)
            if key & 7 == 2:
                length, at = _varint(message, at)
                content, at = message[at : at + length], at + length
                text = content if key == _TEXT_FIELD else text
            elif key & 7 == 0:
                _, at = _varint(message, at)
            else:
                at += _FIELD_ENDS[key & 7]
        if at == len(message):
            return text.decode()
    except (IndexError, KeyError, UnicodeDecodeError):
        pass
    raise DagsterInvariantViolationError("A message of gRPC is not a text in its field 1.")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            return value, at
        shift += 7
        if shift > _MOST_SHIFTED:
            raise IndexError(at)


def unreachable(address: Address, why: str) -> DagsterUserCodeUnreachableError:
    """The error that nobody answers at an address."""
    return DagsterUserCodeUnreachableError(f"The code server at {address} {why}.")

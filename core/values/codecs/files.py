"""Values in files that say by which codec they were written.

A pickle is the bare pickle, as in every release, and what other programs read as one stays one: a file is written by
another codec where its output asks for that, or the user has registered one for its type. It then begins with a line
that names the codec and that no pickle begins with: `pickle.load` refuses it, and runs nothing of it.
"""

from __future__ import annotations

from typing import IO, Any

from core.errors import DagsterInvariantViolationError, ValueNotKeptError
from core.values.codecs.base import Codec
from core.values.codecs.plain import PickleCodec
from core.values.codecs.registry import BUILT_IN, CODEC_KEY, codec_named, codecs_for
from core.values.io_context import OutputContext

_HEAD = b"\xffcloudstore:"  # 0xff is not an opcode: https://docs.python.org/3/library/pickletools.html
_LONGEST_NAME = 64


def codec_of_output(context: OutputContext, value: Any) -> Codec:
    """The codec for the value of an output in a file: the one that its metadata names; else one of the user's own that
    `codecs_for` chooses by its type; else pickle.

    Raises:
        DagsterInvariantViolationError: the output's metadata names a codec that does not exist.
        ValueNotKeptError: it names one of the user's own that refuses the value.
    """
    try:
        codec = codecs_for(context.metadata, context.dagster_type, value)[0]
    except ValueNotKeptError as error:
        raise ValueNotKeptError(_of_output(context, error)) from error
    except DagsterInvariantViolationError as error:
        raise DagsterInvariantViolationError(_of_output(context, error)) from error
    is_asked_for = CODEC_KEY in context.metadata or codec.name not in BUILT_IN
    return codec if is_asked_for else codec_named(PickleCodec.name)


def write_output(context: OutputContext, value: Any, stream: IO[bytes]) -> None:
    """Writes the value of an output, so that `read_value` needs to be told nothing.

    Raises:
        DagsterInvariantViolationError: as `codec_of_output`.
        ValueNotKeptError: the codec that the output names would change the value, or it cannot be pickled.
    """
    codec = codec_of_output(context, value)
    if codec.name != PickleCodec.name:
        stream.write(_HEAD + codec.name.encode() + b"\n")
    try:
        codec.encode(value, stream)
    except ValueNotKeptError as error:
        raise ValueNotKeptError(_of_output(context, error)) from error


def read_value(stream: IO[bytes]) -> Any:
    """The value that `write_output` wrote, or that is pickled there.

    Args:
        stream: at its beginning; it must be seekable.

    Raises:
        DagsterInvariantViolationError: this process knows no codec of the name that the file says.
    """
    return codec_named(read_codec_name(stream)).decode(stream)


def read_codec_name(stream: IO[bytes]) -> str:
    """The name of the codec by which a file was written; the stream is then where its content begins.

    Args:
        stream: at its beginning; it must be seekable.
    """
    if stream.read(len(_HEAD)) != _HEAD:
        stream.seek(0)
        return PickleCodec.name
    return stream.readline(_LONGEST_NAME + 1).removesuffix(b"\n").decode("ascii", "replace")


def _of_output(context: OutputContext, error: Exception) -> str:
    return f"Output {context.name!r} of step {context.step_key!r}: {error}"

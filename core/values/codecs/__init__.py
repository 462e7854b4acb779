"""Codecs: how values become bytes. Chosen by an output's metadata or type, and recorded with what they wrote."""

from core.errors import ValueNotKeptError
from core.values.codecs.base import Codec
from core.values.codecs.registry import CODEC_KEY, codec_for, codec_named, codecs_for, register_codec

__all__ = ["CODEC_KEY", "Codec", "ValueNotKeptError", "codec_for", "codec_named", "codecs_for", "register_codec"]

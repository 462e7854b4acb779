"""Messages of gRPC that hold a text."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.code_calls.wire import decode_text, encode_text
from core.errors import DagsterInvariantViolationError


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_comes_back(text: str) -> None:
    assert decode_text(encode_text(text)) == text


@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384, 3_000_000])
def test_a_text_of_any_length_comes_back(size: int) -> None:
    assert decode_text(encode_text("x" * size)) == "x" * size


def test_fields_that_are_not_known_are_left_out() -> None:
    others = b"\x10\x96\x01" + b"\x19" + b"8" * 8 + b"\x25" + b"4" * 4 + b"\x1a\x03abc"
    assert decode_text(others + encode_text("here") + others) == "here"


@given(st.binary())
def test_any_bytes_are_a_text_or_refused(content: bytes) -> None:
    with suppress(DagsterInvariantViolationError):
        assert isinstance(decode_text(content), str)

"""Secrets are hidden wherever a stream is cut."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudstore.compute_logs import masking
from cloudstore.compute_logs.masking import LONGEST_LINE_BYTES, Masker


def masked(chunks: list[bytes], *, secrets: list[str] | None = None, patterns: list[str] | None = None) -> bytes:
    masker = Masker(secrets or [], patterns or [])
    return b"".join(masker.feed(chunk) for chunk in chunks) + masker.feed(b"", is_last=True)


def cut(content: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[start:end] for start, end in itertools.pairwise(ends)]


@pytest.mark.parametrize(
    ("content", "secrets", "expected"),
    [
        (b"the key is hunter2!", ["hunter2"], b"the key is *******!"),
        (b"hunter2hunter2", ["hunter2"], b"**************"),
        (b"a hunter22", ["hunter2", "hunter22"], b"a ********"),
        (b"abcdef", ["abcd", "cdef"], b"******"),
        (b"aaaaaa", ["aaaa"], b"******"),
        ("größe".encode(), ["röße"], b"g******"),
        (b"> line one\n> line two\n", ["line one\nline two\n"], b"> ********\n> ********\n"),
        (b"1 is 1, abc is abc", ["1", "abc"], b"1 is 1, abc is abc"),
        (b"hunter", ["hunter2"], b"hunter"),
        (b"", ["hunter2"], b""),
    ],
)
def test_secrets(content: bytes, secrets: list[str], expected: bytes) -> None:
    assert masked([content], secrets=secrets) == expected
    assert masked([bytes([byte]) for byte in content], secrets=secrets) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"token=abc123 and token=x\ntoken=\n", b"************ and *******\ntoken=\n"),
        (b"no line break: token=z9", b"no line break: ********"),
        (b"token=\nabc", b"token=\nabc"),
    ],
)
def test_patterns_see_a_line_each(content: bytes, expected: bytes) -> None:
    assert masked([content], patterns=[r"token=\w+"]) == expected
    assert masked([bytes([byte]) for byte in content], patterns=[r"token=\w+"]) == expected


def test_a_line_without_end_is_told_in_pieces() -> None:
    masker = Masker(patterns=["x+"])
    assert masker.feed(b"a" * LONGEST_LINE_BYTES + b"xx") == b"a" * LONGEST_LINE_BYTES
    assert masker.feed(b"b", is_last=True) == b"**b"


ALPHABET = st.sampled_from([b"a", b"b", b"\n"])
CONTENT = st.lists(ALPHABET, max_size=60).map(b"".join)
SECRETS = st.lists(st.text("ab", min_size=4, max_size=7), max_size=3)


@given(CONTENT, SECRETS, st.lists(st.integers(0, 60), max_size=6))
def test_every_byte_of_every_secret_is_hidden_and_no_other(
    content: bytes, secrets: list[str], places: list[int]
) -> None:
    hidden: set[int] = set()
    for secret in secrets:
        for match in re.finditer(b"(?=" + secret.encode() + b")", content):
            hidden.update(range(match.start(), match.start() + len(secret)))
    expected = bytes(ord("*") if place in hidden else byte for place, byte in enumerate(content))
    assert masked(cut(content, places), secrets=secrets) == expected


@given(CONTENT, SECRETS, st.lists(st.integers(0, 60), max_size=6))
def test_where_it_is_cut_changes_nothing(content: bytes, secrets: list[str], places: list[int]) -> None:
    settings = {"secrets": secrets, "patterns": ["ab+", "^b"]}
    assert masked(cut(content, places), **settings) == masked([content], **settings)
    assert len(masked([content], **settings)) == len(content)


def test_progress_that_begins_its_line_anew_is_not_held_back() -> None:
    masker = Masker(patterns=["x+$"])
    assert masker.feed(b"10 %\r20 xx\r30") == b"10 %\r20 **\r"
    assert masker.feed(b" %", is_last=True) == b"30 %"


@pytest.mark.parametrize(("secret", "unit"), [("----", b"-"), ("abab", b"ab"), ("aabaa", b"aab")])
def test_secrets_that_overlap_are_found_in_one_go(secret: str, unit: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    content, places = unit * 10_000, []
    found_in = masking._Secrets._found_in

    def counted(secrets: masking._Secrets, window: bytes) -> Iterator[tuple[int, int]]:
        for place in found_in(secrets, window):
            places.append(place)
            yield place

    monkeypatch.setattr(masking._Secrets, "_found_in", counted)
    whole = len(content) // len(unit) * len(unit)
    assert masked([content], secrets=[secret]).count(b"*") >= whole - len(unit)
    assert len(places) <= 4

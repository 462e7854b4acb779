from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudstore.s3.keys import join_key, s3_url, split_s3_url
from core.errors import DagsterInvariantViolationError
from core.values.keys import MAX_KEY_BYTES, decode_name, encode_name

# Lone surrogates are left in: file names that are no UTF-8 hold them.
NAMES = st.one_of(st.text(max_size=12), st.text(alphabet="./%2Ea\\ ~\0[]=", max_size=6))


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4))
def test_different_names_never_share_a_key(one: list[str], other: list[str]) -> None:
    assert (join_key("base", *one) == join_key("base", *other)) == (one == other)


@given(NAMES)
def test_a_name_is_one_harmless_segment(name: str) -> None:
    segment = encode_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_.%-]+", segment)
    assert segment not in (".", "..")
    assert decode_name(segment) == name


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("clean.result-1_a", "clean.result-1_a"),
        ("step[a=1]", "step%5Ba%3D1%5D"),
        ("a/b", "a%2Fb"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "..."),
        ("", "%"),
        ("%", "%25"),
        ("~", "%7E"),
        ("ü", "%C3%BC"),
    ],
)
def test_how_a_name_is_written(name: str, segment: str) -> None:
    assert encode_name(name) == segment


@pytest.mark.parametrize(
    ("prefix", "start"), [("", ""), ("/", ""), ("a", "a/"), ("/a/b/", "a/b/"), ("my data/ü=1", "my data/ü=1/")]
)
def test_the_prefix_stays_as_it_is_written(prefix: str, start: str) -> None:
    assert join_key(prefix, "x") == start + "x"


@pytest.mark.parametrize("prefix", ["a//b", "a/./b", "../a", "a/..", "a\\b", "a\0", "a\nb", "a\x7f", "a\ud800"])
def test_a_prefix_that_stores_do_not_keep_is_refused(prefix: str) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="prefix"):
        join_key(prefix, "x")


def test_a_key_may_have_1024_bytes_and_no_more() -> None:
    assert len(join_key("p" * (MAX_KEY_BYTES - 4), "abc")) == MAX_KEY_BYTES
    with pytest.raises(DagsterInvariantViolationError, match="1025 bytes"):
        join_key("p" * (MAX_KEY_BYTES - 4), "abcd")
    with pytest.raises(DagsterInvariantViolationError, match="bytes"):
        join_key("ü" * 512, "a")


@pytest.mark.parametrize("key", ["k", "a/b", "a?b#c%20d e", "/leading", "a//b", "ü"])
def test_an_s3_url_goes_there_and_back(key: str) -> None:
    assert split_s3_url(s3_url("bucket", key)) == ("bucket", key)


@pytest.mark.parametrize("url", ["", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "S3://b/k", "http://b/k"])
def test_what_is_no_s3_url_is_refused(url: str) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="s3://bucket/key"):
        split_s3_url(url)

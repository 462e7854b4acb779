"""The keys of steps are put together and taken apart at one place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.events.step_keys import is_template_key, mapped_key, mapping_key_of, solid_key_of, template_key

SOLIDS = st.lists(st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True), min_size=1, max_size=3).map(".".join)
KEYS = st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True)


@given(SOLIDS, KEYS)
def test_a_key_says_which_solid_and_which_value_it_is_of(solid_key: str, key: str) -> None:
    mapped, template = mapped_key(solid_key, key), template_key(solid_key)
    assert (solid_key_of(mapped), mapping_key_of(mapped), is_template_key(mapped)) == (solid_key, key, False)
    assert (solid_key_of(template), mapping_key_of(template), is_template_key(template)) == (solid_key, None, True)
    assert (solid_key_of(solid_key), mapping_key_of(solid_key), is_template_key(solid_key)) == (solid_key, None, False)


def test_how_they_are_written() -> None:
    assert mapped_key("outer.clean", "first") == "outer.clean[first]"
    assert template_key("clean") == "clean[?]"

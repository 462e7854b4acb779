"""Members of enums have digests that change with what their class says."""

from __future__ import annotations

import enum
from typing import Any

import pytest

from core.plan.canonical import NoDigestError, digest


def colors(red: Any = 1, rate: int = 2, held: Any = None) -> Any:
    class Color(enum.Enum):
        RED = red
        BLUE = "blue"

        def scaled(self) -> Any:
            return self.value * rate, held

    return Color


def test_equal_enums_have_equal_digests() -> None:
    assert digest({"color": colors().RED}) == digest({"color": colors().RED})


@pytest.mark.parametrize("other", [colors(red=3).RED, colors(red=True).RED, colors(rate=4).RED, colors().BLUE])
def test_the_member_its_value_and_the_methods_count(other: enum.Enum) -> None:
    assert digest(colors().RED) != digest(other)


class Bits(enum.IntFlag):
    READ = 1
    WRITE = 2


class Open(enum.Enum):
    """Takes every value."""

    KNOWN = "known"

    @classmethod
    def _missing_(cls, value: object) -> Any:
        made = object.__new__(cls)
        made._name_, made._value_ = "OTHER", value
        return made


@pytest.mark.parametrize(
    "values", [[Bits(number) for number in range(33)], [Open(text) for text in ("known", "a", "b")]]
)
def test_members_that_are_made_by_a_call_have_digests_of_their_own(values: list[enum.Enum]) -> None:
    assert len({digest(value) for value in values}) == len(values)
    assert digest(Bits.READ | Bits.WRITE) == digest(Bits.WRITE | Bits.READ)


def test_an_enum_whose_code_cannot_be_seen_has_no_digest() -> None:
    with pytest.raises(NoDigestError, match="a Color, whose code cannot be seen"):
        digest(colors(held=(number for number in range(3))).RED)

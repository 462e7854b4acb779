"""The keys of steps: `outer.clean`, that of the solid; of one that is mapped over a dynamic output `clean[key]`.

Names of solids and mapping keys hold no brackets. While mapping keys are not known, `clean[?]` stands for all steps.
"""

from __future__ import annotations

_EVERY = "?"  # no mapping key


def mapped_key(solid_key: str, mapping_key: str) -> str:
    """The key of the step for one value of the dynamic output that a solid is mapped over."""
    return f"{solid_key}[{mapping_key}]"


def template_key(solid_key: str) -> str:
    """The key of the step that stands for all of a solid that is mapped over a dynamic output."""
    return mapped_key(solid_key, _EVERY)


def is_template_key(step_key: str) -> bool:
    """Whether it is the key of a step that stands for others."""
    return step_key.endswith(template_key(""))


def solid_key_of(step_key: str) -> str:
    """The key of a step's solid."""
    return step_key.partition("[")[0]


def mapping_key_of(step_key: str) -> str | None:
    """For which value of a dynamic output a step is executed; None where there is none."""
    key = step_key.partition("[")[2].removesuffix("]")
    return key if key and key != _EVERY else None

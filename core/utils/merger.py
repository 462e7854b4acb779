"""Merging dicts; neither is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.config import own_copy


def merge_dicts(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> dict[Any, Any]:
    """A dict with the keys of both; where both have one, the value of the right one.

    Example:
        >>> from core.utils import merge_dicts
        >>> merge_dicts({"a": {"b": 1}}, {"a": {"c": 2}})
        {'a': {'c': 2}}
    """
    return {**left, **right}


def deep_merge_dicts(onto_dict: Mapping[Any, Any], from_dict: Mapping[Any, Any]) -> dict[Any, Any]:
    """A dict with the keys of both, merged wherever both have a dict; of other values, that of the second one.

    Args:
        onto_dict: copied, with dicts and lists in it.
        from_dict: wins. Lists are not merged: its list takes the place of the other one.

    Example:
        >>> from core.utils import deep_merge_dicts
        >>> deep_merge_dicts({"a": {"b": 1}}, {"a": {"c": 2}})
        {'a': {'b': 1, 'c': 2}}
    """
    merged = {key: own_copy(value) for key, value in onto_dict.items()}
    for key, value in from_dict.items():
        lower = merged.get(key)
        if isinstance(lower, dict) and isinstance(value, dict):
            value = deep_merge_dicts(lower, value)
        merged[key] = value
    return merged

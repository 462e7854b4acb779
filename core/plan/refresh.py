"""The steps that are to be executed whatever is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from core.config import unknown_name
from core.events.payloads import StepOutputHandle
from core.events.step_keys import is_template_key, mapping_key_of, solid_key_of, template_key
from core.plan.expand import expanded
from core.plan.plan import ExecutionPlan
from core.plan.selection import key_in, select_steps, with_followers


def refreshed_steps(plan: ExecutionPlan, refresh: str | Sequence[str]) -> frozenset[str]:
    """The keys of the steps that queries name, and of all that they feed, since new values do not change versions.

    The step for one value of a dynamic output, as `clean[key]`, may be named before it is known whether there is that
    value: then its key is among them, and those of the steps for the same value that follow from it.

    Args:
        plan: the whole plan, with templates.
        refresh: queries as for `select_steps`.

    Raises:
        DagsterInvalidSubsetError: a query is malformed, or names no step.
    """
    queries = [refresh] if isinstance(refresh, str) else list(refresh)
    known: dict[StepOutputHandle, dict[str, None]] = {}
    of_values, others = [], []
    for query in queries:
        key = key_in(query)
        template = plan.steps.get(template_key(solid_key_of(key)))
        mapping_key = mapping_key_of(key)
        if template is None or template.mapped_over is None or mapping_key is None:
            others.append(query)
        else:
            of_values.append(query)
            known.setdefault(template.mapped_over, {})[mapping_key] = None
    with_values = expanded(plan, {source: tuple(keys) for source, keys in known.items()}).plan.steps
    of_named_values = with_followers(with_values, select_steps(with_values, of_values))
    # What follows from a step that is none for a value is all of it, also the steps for values that nobody named.
    whole = [*select_steps(plan.steps, others), *(key for key in of_named_values if key in plan.steps)]
    return frozenset((*of_named_values, *with_followers(plan.steps, whole)))


def missing_refreshed(plan: ExecutionPlan, sources: Iterable[StepOutputHandle]) -> Iterator[str]:
    """What is to be said of steps that were to be refreshed, for values that dynamic outputs turned out not to have.

    Args:
        plan: the plan by now, in which the values of these outputs are known.
        sources: the outputs.
    """
    missing: dict[str, list[str]] = {}
    for key in plan.refreshed:
        if key not in plan.steps and not is_template_key(key):
            missing.setdefault(template_key(solid_key_of(key)), []).append(key)
    for source in sources if missing else ():
        of_source = [key for template in plan.followers.get(source, ()) for key in missing.get(template, ())]
        for mapping_key in dict.fromkeys(map(mapping_key_of, of_source)):
            steps = " and ".join(repr(key) for key in of_source if mapping_key_of(key) == mapping_key)
            unknown = unknown_name("mapping key", mapping_key, plan.mapping_keys[source])
            yield f"There is no {steps} to refresh, since {source} has no such value: {unknown}"

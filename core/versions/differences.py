"""How two versions of a step differ: the facts that changed, one phrase each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from core.events.payloads import PlanVersionedData, VersionedStep

Facts = Mapping[str, str]

_BY_ITS_CODE = "that of its code"


def all_facts(data: PlanVersionedData, step: VersionedStep) -> dict[str, str]:
    """All facts that the version of a step is made of.

    Args:
        data: of the run.
        step: one of its steps.

    Returns:
        The step's own facts, such as `config months` and `input rows`; those of its solid, such as `definition`,
        `version`, `code helpers.parse_time` and `package pandas`; and those of resources, such as
        `resource db version` and `resource db config host`.
    """
    facts = {"definition": step.definition, **data.solids.get(step.definition, {}), **step.facts}
    for key in step.resources:
        facts |= {f"resource {key} {name}": fact for name, fact in data.resources.get(key, {}).items()}
    return facts


def inputs_from_outputs(facts: Facts) -> list[list[str]]:
    """For each input that outputs feed, those outputs, such as `join.result`."""
    found = (_sources(fact) for name, fact in facts.items() if name.startswith("input "))
    return [[output for output, _version in sources] for sources in found if sources]


def differences(before: Facts, now: Facts) -> list[str]:
    """What changed from one version of a step to another; empty if the facts are equal.

    Args:
        before: `all_facts` of the earlier version.
        now: `all_facts` of the later one.
    """
    old_resources, new_resources = _by_resource(before), _by_resource(now)
    old_name, name = before["definition"], now["definition"]
    solid = _Owner(f"`{name}`", "", f"version of `{name}`")
    found = [f"solid: `{old_name}` → `{name}`"] if old_name != name else []
    found += [*_code_changes(solid, before, now), *_other_changes(solid, before, now)]
    for key in dict.fromkeys([*old_resources, *new_resources]):
        title = f"resource `{key}`"
        if key not in old_resources:
            found.append(f"{title} added")
        elif key not in new_resources:
            found.append(f"{title} removed")
        else:
            resource = _Owner(title, f"{title} ", f"{title} version")
            found += _code_changes(resource, old_resources[key], new_resources[key])
            found += _other_changes(resource, old_resources[key], new_resources[key])
    return list(dict.fromkeys(found))


class _Owner(msgspec.Struct, frozen=True):
    """A solid or resource to which facts belong.

    Attributes:
        name: what to call it.
        prefix: what the names of its facts begin with.
        version: what to call its version.
    """

    name: str
    prefix: str
    version: str


def _by_resource(facts: Facts) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, fact in facts.items():
        if name.startswith("resource "):
            _resource, key, own_name = name.split(" ", 2)
            found.setdefault(key, {})[own_name] = fact
    return found


def _code_changes(owner: _Owner, before: Facts, now: Facts) -> list[str]:
    """Changes of the version, or of the parts that a version strategy made it of."""
    old_version, new_version = before.get("version"), now.get("version")
    old_code, new_code = _named("code", before), _named("code", now)
    if bool(old_code) != bool(new_code):  # one version was written by hand and the other computed from the code
        old, new = _BY_ITS_CODE if old_code else old_version, _BY_ITS_CODE if new_code else new_version
        return [_change(owner.version, old, new)]
    packages = _changes(f"{owner.prefix}package", _named("package", before), _named("package", now))
    if not new_code:
        return [*([_change(owner.version, old_version, new_version)] if old_version != new_version else []), *packages]
    parts = [_part(part, old_code, new_code) for part in _changed(old_code, new_code)]
    if parts:
        return [f"code of {owner.name} changed ({', '.join(parts)})", *packages]
    is_unexplained = old_version != new_version and not packages
    return [f"code of {owner.name} changed"] if is_unexplained else packages


def _part(name: str, before: Facts, now: Facts) -> str:
    if name not in before:
        return f"{name} added"
    return name if name in now else f"{name} removed"


def _other_changes(owner: _Owner, before: Facts, now: Facts) -> list[str]:
    found: list[str] = []
    for fact in _changed(before, now):
        kind, _space, name = fact.partition(" ")
        title = f"{owner.prefix}{kind}{f' `{name}`' if name else ''}"
        old, new = before.get(fact), now.get(fact)
        if kind in ("definition", "version", "code", "package", "resource"):
            continue
        if kind == "input":
            found += _input_changes(title, old, new)
        elif kind == "source":
            found.append(f"{title} {'added' if old is None else 'removed' if new is None else 'changed'}")
        else:
            found.append(_change(title, old, new))
    return found


def _input_changes(title: str, before: str | None, now: str | None) -> list[str]:
    old, new = _sources(before), _sources(now)
    upstream = [f"upstream `{output}`" for output, version in new if dict(old).get(output, version) != version]
    if new and [output for output, _version in old] == [output for output, _version in new]:
        return upstream
    return [_change(title, _input(before), _input(now)), *upstream]


def _sources(fact: str | None) -> list[tuple[str, str]]:
    """Outputs and versions, parsed from `from a.result <version>, b.result <version>`; empty for a value."""
    if fact is None or not fact.startswith("from "):
        return []
    parts = (each.rpartition(" ") for each in fact.removeprefix("from ").split(", "))
    return [(output, version) for output, _space, version in parts]


def _input(fact: str | None) -> str | None:
    """The fact of an input as people read it, without versions."""
    if fact is None:
        return None
    return ", ".join(output for output, _version in _sources(fact)) or fact.removeprefix("value ")


def _named(kind: str, facts: Facts) -> dict[str, str]:
    return {name.removeprefix(f"{kind} "): fact for name, fact in facts.items() if name.startswith(f"{kind} ")}


def _changed(before: Facts, now: Facts) -> Iterable[str]:
    return (name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name))


def _changes(kind: str, before: Facts, now: Facts) -> list[str]:
    return [_change(f"{kind} `{name}`", before.get(name), now.get(name)) for name in _changed(before, now)]


def _change(title: str, before: str | None, now: str | None) -> str:
    if before is None:
        return f"{title} added: {now}"
    return f"{title} removed (was {before})" if now is None else f"{title}: {before} → {now}"

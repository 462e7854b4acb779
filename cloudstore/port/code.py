"""Python code of Dagster 0.11, rewritten: its imports, and what is asked of modules that it imports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import libcst as cst
from libcst.metadata import (
    MetadataWrapper,
    PositionProvider,
    QualifiedNameProvider,
    QualifiedNameSource,
    ScopeProvider,
)

from cloudstore.port.imports import dotted, dotted_name, import_line, kept_aliases, module_line, renamed
from cloudstore.port.names import (
    first_place,
    has_below,
    home_of_advice,
    home_of_module,
    home_of_name,
    is_known_module,
    is_module,
    is_of_dagster,
    may_be_module,
    name_here,
)
from cloudstore.port.notes import Note, note_on, note_on_alias, note_on_text
from core.absent import advice_on_name

_MODULE_AS_TEXT = re.compile(r"dagster\w*(?:\.\w+)+|dagster_\w+")


class Ported(NamedTuple):
    """A file after it was rewritten.

    Attributes:
        content: the file.
        notes: what has no counterpart, by line.
    """

    content: bytes
    notes: list[Note]


def port_code(content: bytes) -> Ported:
    """Rewrites a Python file. All but names of Dagster 0.11 stays: layout, comments, encoding.

    Raises:
        libcst.ParserSyntaxError, SyntaxError: it is not Python.
        UnicodeDecodeError, LookupError: its encoding is not what it says.
    """
    wrapper = MetadataWrapper(cst.parse_module(content))
    scopes = set(wrapper.resolve(ScopeProvider).values())
    rewriter = _Rewriter(is_taken=any(scope is not None and "core" in scope for scope in scopes))
    module = wrapper.visit(rewriter)
    return Ported(module.bytes, sorted(set(rewriter.notes)))


class _Rewriter(cst.CSTTransformer):
    """Rewrites one module.

    Args:
        is_taken: whether the module uses the name `core` for something of its own.
    """

    METADATA_DEPENDENCIES = (PositionProvider, QualifiedNameProvider)

    def __init__(self, is_taken: bool) -> None:
        super().__init__()
        self.notes: list[Note] = []
        self._is_taken = is_taken
        self._following: list[cst.SimpleStatementLine] = []
        self._parts_of_chains: set[cst.CSTNode] = set()
        self._modules: dict[str, str] = {}  # that were imported so far, and what they are here

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        following, self._following = self._following, []
        if not following:
            return updated_node
        if not updated_node.body:  # every name has gone to another line
            following[0] = following[0].with_changes(
                leading_lines=[*updated_node.leading_lines, *following[0].leading_lines],
                trailing_whitespace=updated_node.trailing_whitespace,
            )
            return cst.FlattenSentinel(following)
        return cst.FlattenSentinel([updated_node, *following])

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.RemovalSentinel:
        old = dotted(original_node.module) if original_node.module and not original_node.relative else None
        if old is None or not is_of_dagster(old):
            return updated_node
        if isinstance(updated_node.names, cst.ImportStar) or isinstance(original_node.names, cst.ImportStar):
            return updated_node.with_changes(module=dotted_name(self._module(original_node, old)))
        aliases, homes = [], []
        for alias in updated_node.names:
            name = dotted(alias.name) or ""
            if home_of_name(old, name) is None and is_known_module(f"{old}.{name}"):
                self._modules[f"{old}.{name}"] = home = home_of_module(f"{old}.{name}") or old
                self._following.append(module_line(home, alias))
            else:
                aliases.append(renamed(alias, name_here(old, name)))
                homes.append(self._home(original_node, old, name))
                if is_module(here := f"{homes[-1]}.{name}"):
                    self._modules[f"{old}.{name}"] = here
        if not aliases:
            return cst.RemoveFromParent()
        most = max(dict.fromkeys(homes), key=homes.count)
        for home in (each for each in dict.fromkeys(homes) if each != most):
            chosen = [alias for alias, of in zip(aliases, homes, strict=True) if of == home]
            self._following.append(import_line(home, chosen, updated_node))
        kept = [alias for alias, of in zip(aliases, homes, strict=True) if of == most]
        return kept_aliases(updated_node, kept).with_changes(module=dotted_name(most))

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        names = []
        for alias in updated_node.names:
            old = dotted(alias.name) or ""
            if is_of_dagster(old):
                self._modules[old] = home = self._module(original_node, old)
                alias = alias.with_changes(name=dotted_name(home))
                if self._is_taken and alias.asname is None and home == "core":
                    alias = alias.with_changes(asname=cst.AsName(cst.Name("dagster")))
            names.append(alias)
        return updated_node.with_changes(names=names)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if dotted(node) is not None and node not in self._parts_of_chains:
            self._parts_of_chains |= set(_within(node))

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        chain = dotted(original_node)
        if chain is None or original_node in self._parts_of_chains:
            return updated_node
        qualified = self.get_metadata(QualifiedNameProvider, original_node, set())
        imported = {each.name for each in qualified if each.source is QualifiedNameSource.IMPORT}
        meant = next((each for each in sorted(imported) if is_of_dagster(each)), None)
        if meant is None or not self._begins_with_module(meant, chain):
            return updated_node
        found = self._found(meant)
        if found is None:
            self._note(original_node, *_split(meant))
        if chain != meant:  # by an alias of a module, which stays
            return updated_node if found is None else self._by_alias(original_node, meant, chain, found) or updated_node
        if found is None:
            if not _is_public(meant):
                return updated_node
            found = f"core{meant.removeprefix('dagster')}"  # where the error says what to use
        return dotted_name(self._shown(found))

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        if isinstance(node.evaluated_value, str) and _MODULE_AS_TEXT.fullmatch(node.evaluated_value):
            note = note_on_text(self._line(node), node.evaluated_value)
            self.notes += [] if note is None else [note]

    def _found(self, meant: str) -> str | None:
        """What a dotted name of 0.11 is here: its first part that is known, and what follows that."""
        parts = meant.split(".")
        for end in range(1, len(parts)):
            module, name, is_last = ".".join(parts[:end]), parts[end], end == len(parts) - 1
            home = home_of_name(module, name)
            is_one = is_module(f"{home}.{name}") or is_module(first_place(f"{module}.{name}") or "")
            if home is not None and (is_last or not is_one):
                return ".".join([home, name_here(module, name), *parts[end + 1 :]])
            if home is None and not may_be_module(module, name):
                return None  # what follows is asked of something that is not here, and is no name of a module
        return None

    def _by_alias(self, node: cst.CSTNode, meant: str, chain: str, found: str) -> cst.BaseExpression | None:
        """What is written by an alias of a module, as it is now; None where it stays as it is."""
        alias, *names = chain.split(".")
        home = self._modules[_imported(meant, chain)]
        if found.startswith(f"{home}."):
            return dotted_name(f"{alias}{found.removeprefix(home)}")
        if not has_below(home, names):
            self.notes.append(note_on_alias(self._line(node), meant, found))
        return None

    def _begins_with_module(self, meant: str, chain: str) -> bool:
        """Whether what is written begins with a module; what is not here of an imported name is told at its import."""
        if chain != meant:
            return _imported(meant, chain) in self._modules
        parts = meant.split(".")
        return any(is_known_module(".".join(parts[:end])) for end in range(1, len(parts)))

    def _shown(self, name: str) -> str:
        return f"dagster{name.removeprefix('core')}" if self._is_taken and name.startswith("core.") else name

    def _module(self, node: cst.CSTNode, old: str) -> str:
        home = home_of_module(old)
        if home is None:
            self._note(node, old)
        return home or old

    def _home(self, node: cst.CSTNode, old: str, name: str) -> str:
        """Where to import a name from. One that is not here is asked of the package that says what to use."""
        home = home_of_name(old, name)
        if home is None:
            self._note(node, old, name)
            return home_of_advice(old, name) or old
        return home

    def _note(self, node: cst.CSTNode, module: str, name: str = "") -> None:
        self.notes.append(note_on(self._line(node), module, name))

    def _line(self, node: cst.CSTNode) -> int:
        line: int = self.get_metadata(PositionProvider, node).start.line
        return line


def _imported(meant: str, chain: str) -> str:
    """What the first name of a chain stands for, of which the whole chain means something."""
    return ".".join(meant.split(".")[: -chain.count(".")])


def _is_public(meant: str) -> bool:
    """Whether a dotted name is that of something at the top of `dagster`, or of what is known to have been there."""
    package, *names = meant.split(".")
    return package == "dagster" and (len(names) == 1 or advice_on_name(package, names[0]) is not None)


def _within(node: cst.Attribute) -> Iterator[cst.CSTNode]:
    inner: cst.CSTNode = node.value
    while isinstance(inner, cst.Attribute):
        yield inner
        inner = inner.value


def _split(meant: str) -> Sequence[str]:
    module, _, name = meant.rpartition(".")
    return module, name

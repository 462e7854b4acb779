"""Import statements as syntax."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst


def dotted(node: cst.CSTNode) -> str | None:
    """The text of a name, or of names with dots between them; None for any other expression."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.insert(0, node.attr.value)
        node = node.value
    return ".".join([node.value, *parts]) if isinstance(node, cst.Name) else None


def dotted_name(text: str) -> cst.Name | cst.Attribute:
    """The syntax of a name, or of names with dots between them."""
    first, *others = text.split(".")
    made: cst.Name | cst.Attribute = cst.Name(first)
    for each in others:
        made = cst.Attribute(made, cst.Name(each))
    return made


def import_line(module: str, aliases: Sequence[cst.ImportAlias], before: cst.ImportFrom) -> cst.SimpleStatementLine:
    """`from module import a, b`, with the comments that the names had in the statement before, above it."""
    plain = [each.with_changes(comma=cst.MaybeSentinel.DEFAULT) for each in aliases]
    comments = [cst.EmptyLine(comment=comment) for alias in aliases for comment in _comments_of(alias, before)]
    return cst.SimpleStatementLine([cst.ImportFrom(dotted_name(module), plain)], leading_lines=comments)


def module_line(module: str, alias: cst.ImportAlias) -> cst.SimpleStatementLine:
    """`import module as name`, for what was `from package import name`."""
    name = alias.asname or cst.AsName(cst.Name(dotted(alias.name) or ""))
    return cst.SimpleStatementLine([cst.Import([cst.ImportAlias(dotted_name(module), name)])])


def renamed(alias: cst.ImportAlias, name: str) -> cst.ImportAlias:
    """The alias with another name, which the code goes on to call as before."""
    if dotted(alias.name) == name:
        return alias
    before = cst.Name(dotted(alias.name) or "")
    return alias.with_changes(name=cst.Name(name), asname=alias.asname or cst.AsName(before))


def kept_aliases(statement: cst.ImportFrom, aliases: Sequence[cst.ImportAlias]) -> cst.ImportFrom:
    """The statement with only these of its names. Commas and parentheses stand as they would without the others."""
    *others, last = aliases
    before = statement.names
    if isinstance(before, cst.ImportStar) or before[-1].comma is last.comma:
        return statement.with_changes(names=aliases)
    own, end = _space_after(last, statement), _space_after(before[-1], statement)
    if isinstance(end, cst.ParenthesizedWhitespace):
        first_line = own.first_line if isinstance(own, cst.ParenthesizedWhitespace) else cst.TrailingWhitespace()
        end = end.with_changes(first_line=first_line)
    comma, rpar = before[-1].comma, statement.rpar
    if isinstance(comma, cst.Comma) and end is not None:
        comma = comma.with_changes(whitespace_after=end)
    elif rpar is not None and end is not None:
        rpar = rpar.with_changes(whitespace_before=end)
    return statement.with_changes(names=[*others, last.with_changes(comma=comma)], rpar=rpar)


def _space_after(alias: cst.ImportAlias, statement: cst.ImportFrom) -> cst.BaseParenthesizableWhitespace | None:
    """What stands between a name and what follows it, a comma apart."""
    if isinstance(alias.comma, cst.Comma):
        return alias.comma.whitespace_after
    return statement.rpar.whitespace_before if statement.rpar is not None else None


def _comments_of(alias: cst.ImportAlias, statement: cst.ImportFrom) -> Iterator[cst.Comment]:
    """The comment on the line of a name, and those on lines after it; of the last name, these stay."""
    after = _space_after(alias, statement)
    if isinstance(after, cst.ParenthesizedWhitespace):
        is_last = not isinstance(statement.names, cst.ImportStar) and statement.names[-1].comma is alias.comma
        found = [after.first_line.comment, *(line.comment for line in (() if is_last else after.empty_lines))]
        yield from (comment for comment in found if comment is not None)

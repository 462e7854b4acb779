"""Versions from the source of a function and of everything it reaches; see `SourceHashVersionStrategy`.

A version is a digest over a graph. Its nodes are targets (a function, a class, a constant, an installed package ...),
and its edges are the names by which they use each other. The modules, from the whole to the parts:

- `strategy`: walks the graph from a solid's or resource's function, and computes the digest.
- `expand`: one step of the walk, from a target to its own content and to the targets it uses.
- `lookup`: from a name in a scope to the targets it stands for.
- `targets`: the kinds of targets, and the scopes in which names are looked up.
- `trace`: what was read for an answer, which tells whether the answer still holds.
- `files`, `syntax`, `references`: source files, the normal form of their syntax, and the names it takes from outside.
- `values`: the content of constants and of values held in closures.
- `origins`: whether a module belongs to the standard library, an installed package or the user's project.
"""

from core.versions.source_hash.strategy import SourceHashVersionStrategy

__all__ = ["SourceHashVersionStrategy"]

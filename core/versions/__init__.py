"""Versions computed from source code, and why a version differs from an earlier one.

- `source_hash`: versions of solids and resources from the source of their functions.
- `differences`: which facts make two versions of a step differ.
- `explain`: why each step of a memoized run was executed or not.
"""

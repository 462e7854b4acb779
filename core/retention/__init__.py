"""What is kept, and for how long.

- `prune`, with `prune_values`: delete what exceeds the limits of `retention:` in `dagster.yaml` (`limits`).
- `wipe`: delete stored versions that a user selects.
- `value_users`: which runs use a stored value; both ask before they delete one.
"""

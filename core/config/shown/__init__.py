"""A schema as text, as JSON schema, and as the smallest config that fits."""

"""Values in buckets: objects that are whole, verified and maybe signed, and what keeps and finds them by version."""

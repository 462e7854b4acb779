"""How compute logs get to a bucket, and back."""

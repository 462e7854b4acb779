"""Models of pydantic as config schemas."""

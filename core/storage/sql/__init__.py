"""What every storage on a SQL database shares: opening it, its schema's revision, its errors."""

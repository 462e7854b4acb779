"""What a memoized run costs when all of its values are stored."""

"""What several definitions are made of: config schemas, inputs and outputs, retry policies."""

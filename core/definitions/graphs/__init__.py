"""What is placed in a pipeline or graph, by calls in a body, and what a pipeline then consists of."""

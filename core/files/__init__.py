"""Files that solids hand to each other: the interface, on the local disk and in memory."""

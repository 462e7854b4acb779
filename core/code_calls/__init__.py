"""Calls of code servers, by those that know no code: the wire, the client, and servers that this process starts."""

"""The program `cloudstore api grpc`: a process without the user's code that answers, and those that have it."""

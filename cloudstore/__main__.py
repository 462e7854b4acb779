"""`python -m cloudstore`: the command, by the Python that runs it."""

from cloudstore.cli import main

if __name__ == "__main__":
    main(prog_name="python -m cloudstore")

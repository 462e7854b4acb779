"""What a fork server is for: the jobs that its children do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NoReturn

from core.executors.processes.messages import Begin
from core.fork_server.randomness import RandomStates


class Jobs(ABC):
    """The jobs of a server, whose code is loaded.

    Attributes:
        program: the module whose `main` serves them.
        states: of random numbers, from which those of children follow.
        loading_seconds: how long loading has taken.
    """

    program: str

    def __init__(self, loading_seconds: float) -> None:
        self.states, self.loading_seconds = RandomStates(), loading_seconds

    @abstractmethod
    def learn(self, begin: Begin) -> None:
        """Takes up, before it is forked, what a job tells all that come after it."""

    @abstractmethod
    def setup_for_one(self, begin: Begin) -> object:
        """What is told first to a process that is not forked, and loads the code itself."""

    @abstractmethod
    def do_and_exit(self, begin: Begin, descriptor: int) -> NoReturn:
        """Does a job in this process, and ends it.

        Args:
            begin: the job.
            descriptor: where what happens is told.
        """

    def sources(self) -> dict[str, int]:
        """The files of which the code was loaded, with when each was changed last; none where nobody asks for them."""
        return {}

    def outlives(self, begin: Begin) -> bool:
        """Whether the process for a job goes on when the server ends."""
        return False

    def leaves_nothing(self, begin: Begin) -> bool:
        """Whether what a job has started is ended with it, also where the job ends well."""
        return False

"""Random numbers in forked children: each gets others, and the same ones again where the pipeline has seeded them."""

from __future__ import annotations

import hashlib
import random
import sys
from contextlib import suppress
from typing import Any


class RandomStates:
    """The states of the global generators of Python and NumPy in this process, from which those of children follow.

    Python itself gives its own generator a new state at each fork, also where it was seeded, and NumPy does nothing, so
    that all children would draw the same numbers.
    """

    def __init__(self) -> None:
        self._states = [repr(random.getstate()).encode(), _state_of_numpy()]

    def set_for(self, name: str) -> None:
        """Sets those of this process.

        Args:
            name: of what it does; each name has numbers of its own.
        """
        digest = hashlib.sha256()
        for part in (*self._states, name.encode("utf-8", "surrogatepass")):
            digest.update(len(part).to_bytes(8, "big") + part)
        random.seed(digest.digest())
        numpy = _global_generator_of_numpy()
        if numpy is not None:
            with suppress(TypeError):  # a generator that the pipeline has put there, which takes no seed
                numpy.seed(list(digest.digest()))


def _state_of_numpy() -> bytes:
    numpy = _global_generator_of_numpy()
    if numpy is None:
        return b""
    state = numpy.get_state(legacy=False)["state"]
    return state["key"].tobytes() + repr(int(state["pos"])).encode() if "key" in state else repr(state).encode()


def _global_generator_of_numpy() -> Any:
    """The module that has it, if it was imported, and may have been drawn from."""
    return sys.modules.get("numpy.random")

"""A program that goes on until it is told to end, whichever of its threads the system hands the signal to."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, threading
from core.process.signals import until_told_to_end

def told():
    signal.pthread_kill(threading.get_ident() if sys.argv[2] == "another" else threading.main_thread().ident, number)

number, before = int(sys.argv[1]), signal.default_int_handler
signal.signal(number, before)  # a shell may have started the tests where it is ignored
with until_told_to_end() as wait:
    threading.Thread(target=told).start()
    wait()
assert signal.getsignal(number) == before and signal.set_wakeup_fd(-1) == -1
print("ended, with descriptors", sorted(map(int, os.listdir("/dev/fd")))[:-1])
"""


@pytest.mark.parametrize("thread", ["main", "another"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_ends(number: int, thread: str) -> None:
    command = [sys.executable, "-c", PROGRAM, str(int(number)), thread]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ended, with descriptors [0, 1, 2]\n"


def test_a_signal_that_is_ignored_stays_so() -> None:
    program = """
import os, signal
from core.process.signals import until_told_to_end

signal.signal(signal.SIGHUP, signal.SIG_IGN)
with until_told_to_end() as wait:
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGTERM)
    wait()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")

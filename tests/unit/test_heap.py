"""Garbage is not looked for while a process starts, and is afterwards, however the start ends."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from agent.heap import starting

_THREADS = """\
import os, threading
from agent.heap import use_one_heap
use_one_heap()
step = threading.Barrier(9)
for _ in range(8):
    threading.Thread(target=lambda: (bytearray(100_000), step.wait(), step.wait())).start()
step.wait()
heaps = [line for line in open("/proc/self/maps") if int(line.split("-")[0], 16) % 2**26 == 0 and "rw-p" in line]
step.wait()
print(len(heaps))
"""


def test_garbage_is_looked_for_again_when_a_start_is_over_or_has_failed() -> None:
    with starting():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), starting():
        _ = 1 // 0
    assert gc.isenabled()


def test_threads_share_one_heap_of_the_c_library() -> None:
    done = subprocess.run([sys.executable, "-c", _THREADS], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"

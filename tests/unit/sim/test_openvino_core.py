"""Networks that come and go leave the process able to take a signal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from agent.builder import runtime
from agent.sim import vpu

# On processors with AMX each core of OpenVINO lays a signal stack of its own for the thread and puts back the one that
# it found, though that may be freed by then: with several cores the next signal ends the process.
COME_AND_GO = """
import signal
import numpy as np
from agent.builder.runtime import load_ir
from agent.sim.network import load_network
from agent.sim.vpu import _Models, warm_up
from tests.support.networks import tiny_ir

warm_up()
models = _Models()
networks = [load_network(tiny_ir(seed=seed), {}) for seed in range(9)]  # more than are kept
for network in networks:
    models.infer(network, np.zeros((1, network.channels, network.height, network.width), np.float32))
    load_ir(network.xml, network.weights)
del models
signal.signal(signal.SIGINT, lambda *_: print("taken"))
signal.raise_signal(signal.SIGINT)
"""


def test_a_signal_is_taken_after_more_networks_than_are_kept() -> None:
    done = subprocess.run([sys.executable, "-c", COME_AND_GO], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "taken\n"), done.stderr


@pytest.mark.parametrize("core", [vpu.core, runtime.core])
def test_there_is_one_core_for_as_long_as_the_process_lives(core: Callable[[], object]) -> None:
    assert core() is core()

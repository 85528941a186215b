"""Answers of a network that the simulation cannot run: a compiled one without an IR in its place.

They depend on the bytes of the network and on what it sees and on nothing else, they are not those of the network,
and cannot be taken for them: the winner of a real soft-max has at least 1/classes, here it has half of that at most.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from agent.sim.chunks import Geometry
from agent.sim.network import BOX_VALUES, Network
from agent.sim.outputs import BACKGROUND, Outcome, OutputReading, read_output

_MOST_BOXES = 3
# Classes of a detector that does not tell, with the background: those of Pascal VOC, which SSD samples have.
_CLASSES = 21


def stand_in(network: Network, seen: NDArray[np.float32], reading: OutputReading, image: Geometry) -> Outcome:
    """A class, or up to three boxes, for the input `seen`."""
    digest = hashlib.sha256(network.digest.encode() + seen.tobytes()).digest()
    draws = np.random.Generator(np.random.PCG64(np.random.SeedSequence(int.from_bytes(digest[:16], "little"))))
    if reading.kind == "Classification":
        return Outcome(int(draws.integers(network.classes)), 0.5 * float(draws.random()) / network.classes)
    rows = np.zeros((int(draws.integers(_MOST_BOXES + 1)), BOX_VALUES), np.float32)
    rows[:, 1] = draws.integers(BACKGROUND + 1, _CLASSES, len(rows))
    rows[:, 2] = draws.random(len(rows))
    rows[:, 3:5] = draws.random((len(rows), 2)) * 0.5
    rows[:, 5:] = rows[:, 3:5] + draws.random((len(rows), 2)) * 0.5
    return read_output(rows.ravel(), reading, image)

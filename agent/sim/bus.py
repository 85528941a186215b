"""The simulated USB bus of this process: what `System.GetCameras` finds.

Global on purpose, as the real bus is: the module with the vendor's names takes no arguments.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.sim.link import BusDevice, LocalBusDevice

if TYPE_CHECKING:
    from agent.sim.device import Firefly
    from agent.sim.spec import SimulationSpec

_lock = threading.Lock()
_places: list[BusDevice] = []


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - a forked child may find it taken by a thread that it does not have
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def attach(place: BusDevice) -> None:
    """Put a camera, or a place where one may appear, on the bus."""
    with _lock:
        if place not in _places:
            _places.append(place)


def detach(place: BusDevice) -> None:
    """Take it off again; harmless where it is not on the bus."""
    with _lock:
        if place in _places:
            _places.remove(place)


def places() -> list[BusDevice]:
    """Everything on the bus, in the order of attachment."""
    with _lock:
        return list(_places)


@contextmanager
def local_camera(spec: SimulationSpec, clock: Clock) -> Iterator[Firefly]:
    """A camera in this process, on the bus for the length of the block; gives the device for plant and truth."""
    from agent.sim.device import Firefly

    place = LocalBusDevice(Firefly(spec, clock))
    attach(place)
    try:
        yield place.device
    finally:
        detach(place)

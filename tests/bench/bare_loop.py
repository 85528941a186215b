"""The reference of what a frame costs: a bare loop of the SDK's calls on a camera, in a process of its own.

    python -m tests.bench.bare_loop FRAME_RATE (SOCKET SERIAL)...

The cameras are set up by the agent's adapter as the daemon does, inference on where they hold a network; then nothing
but GetNextImage, GetChunkData and Release, one thread a camera. `pid` on standard input is answered with
the id of this process, any other line with the frames so far.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from agent.camera import network
from agent.camera.device import FireflyDevice
from agent.camera.guard import Guard
from agent.camera.session import SystemOwner
from agent.camera.settings import CameraSettings
from agent.clock import SystemClock
from agent.sim import bus, pyspin
from agent.sim.remote import RemoteBusDevice

_CLOCK = SystemClock()
_CONNECT_S = 30.0
_GRAB_MS = 1000


class BareLoop:
    """One camera. Owner of its thread; `frames` is read by others."""

    def __init__(self, owner: SystemOwner, serial: str, frame_rate: float) -> None:
        settings = CameraSettings(serial, serial, exposure_us=2000.0, frame_rate=frame_rate)
        self.frames = 0
        self._device = FireflyDevice(settings, owner, _CLOCK)
        self._device.connect(Guard(_CLOCK, "connect", _CONNECT_S))
        session = self._device.opened()
        if session.nodes.try_int(network.SIZE):
            network.enable(session.nodes)
        self._session = session
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=f"bare loop {serial}")
        self._thread.start()

    def close(self) -> None:
        self._ending = True
        self._thread.join()
        self._device.disconnect()

    def _run(self) -> None:
        camera = self._session.pointer
        self._session.begin()
        while not self._ending:
            image = camera.GetNextImage(_GRAB_MS)
            image.GetChunkData()
            image.Release()
            self.frames += 1


def main(arguments: Sequence[str]) -> None:
    """Stream until standard input ends."""
    rate, *arguments = arguments
    places = [RemoteBusDevice(Path(one)) for one in arguments[0::2]]
    for place in places:
        bus.attach(place)
    owner = SystemOwner(pyspin, _CLOCK)
    loops = [BareLoop(owner, serial, float(rate)) for serial in arguments[1::2]]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while line := sys.stdin.readline():
        sys.stdout.write(f"{os.getpid() if line.strip() == 'pid' else sum(one.frames for one in loops)}\n")
        sys.stdout.flush()
    for one in loops:
        one.close()


if __name__ == "__main__":
    main(sys.argv[1:])

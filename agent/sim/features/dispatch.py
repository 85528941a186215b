"""Brings the rooms together: which hook a register access runs."""

from __future__ import annotations

from agent.sim.features.device import DeviceRoom
from agent.sim.features.events import EventRoom
from agent.sim.features.files import FileRoom
from agent.sim.features.images import ImageSource
from agent.sim.features.inference import InferenceRoom
from agent.sim.features.lines import LineRoom
from agent.sim.features.parts import Parts, Reader, Room, Writer
from agent.sim.features.stream import StreamRoom


class Features:
    """Read and write hooks by feature name. Owner: the device, under its lock."""

    def __init__(self, parts: Parts, images: ImageSource) -> None:
        self._parts = parts
        self.device = DeviceRoom(parts)
        self._stream = StreamRoom(parts, images)
        self.inference = InferenceRoom(parts, self._stream.plan)
        self._files = FileRoom(parts)
        rooms: tuple[Room, ...] = (
            self.device,
            self._stream,
            self.inference,
            self._files,
            LineRoom(parts),
            EventRoom(parts),
        )
        self._readers: dict[str, Reader] = {}
        self._writers: dict[str, Writer] = {}
        for room in rooms:
            self._readers.update(room.readers)
            self._writers.update(room.writers)

    def before_read(self, feature: str, now_ns: int) -> None:
        """Bring the register of `feature` up to date."""
        reader = self._readers.get(feature)
        value = None if reader is None else reader(now_ns)
        if value is not None:
            self._parts.bank.put(feature, value)

    def after_write(self, feature: str, now_ns: int) -> None:
        """Let a written register take effect."""
        writer = self._writers.get(feature)
        if writer is not None:
            writer(now_ns)
        elif self._parts.acquisition.streaming:
            self._parts.acquisition.replan(self._stream.plan())

    def boot(self, now_ns: int) -> None:
        """Power-on: registers from the default user set, a network from flash."""
        self.device.powered_ns = self.device.linked_ns = now_ns
        self._files.ship()
        self._files.load_set(self._parts.bank.symbol("UserSetDefault"))
        self.inference.boot(now_ns)

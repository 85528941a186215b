"""The whole tree, and the description of each firmware."""

from __future__ import annotations

from functools import lru_cache

from agent.sim.nodes.acquisition import ACQUISITION
from agent.sim.nodes.chunks import CHUNK_DATA
from agent.sim.nodes.device import DEVICE, TRANSFER, TRANSPORT_LAYER, USER_SETS
from agent.sim.nodes.events import EVENTS
from agent.sim.nodes.files import FILE_ACCESS
from agent.sim.nodes.imaging import ANALOG, IMAGE_FORMAT
from agent.sim.nodes.inference import INFERENCE
from agent.sim.nodes.lines import COUNTERS, DIGITAL_IO, LOGIC_BLOCKS
from agent.sim.nodes.render import NEW_FIRMWARE, OLD_FIRMWARE, render

FIRMWARES = (NEW_FIRMWARE, OLD_FIRMWARE)
ROOT = (
    DEVICE,
    ACQUISITION,
    ANALOG,
    IMAGE_FORMAT,
    INFERENCE,
    FILE_ACCESS,
    CHUNK_DATA,
    EVENTS,
    DIGITAL_IO,
    COUNTERS,
    LOGIC_BLOCKS,
    USER_SETS,
    TRANSFER,
    TRANSPORT_LAYER,
)


@lru_cache(maxsize=len(FIRMWARES))
def description_xml(firmware: str) -> str:
    """The GenICam device description of `firmware`."""
    return render(ROOT, firmware)

"""A simulated camera with our adapter on it, under the virtual clock, and checks against the device's ground truth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, TypeVar, cast

import numpy as np
import pytest

from agent.camera import CameraSettings, Sdk, SystemOwner, Timing, WorkerCamera
from agent.clock import VirtualClock, run_virtual
from agent.domain.device import CameraEvent, EventKind, GoldenCheck, Image8, NetworkSetup
from agent.domain.result import RawInference
from agent.domain.subnet import InputSpec
from agent.sim import bus, pyspin
from agent.sim.device import Firefly
from agent.sim.pyspin import System
from agent.sim.spec import SimulationSpec, TransportSpec
from tests.support.networks import tiny_ir

T = TypeVar("T")

SDK = cast(Sdk, pyspin)
SERIAL = SimulationSpec().serial
SIZE, CLASSES = 16, 8
# A small file buffer makes an upload of several chunks out of a tiny network.
SMALL_CHUNKS = SimulationSpec(transport=TransportSpec(file_access_buffer_bytes=4096))


def settings(**changes: Any) -> CameraSettings:
    """Fixed exposure, so that frames are equally far apart."""
    base = CameraSettings("station-1", SERIAL, exposure_us=5000.0, gain_db=0.0, timing=Timing(settle_s=0.8))
    return replace(base, **changes)


@dataclass(frozen=True)
class Net:
    """A network and its place in a swap."""

    id: str
    blob: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        return sha256(self.blob).hexdigest()

    @property
    def setup(self) -> NetworkSetup:
        spec = InputSpec(SIZE, SIZE, 1, "Mono8", (127.5,), (127.5,))
        return NetworkSetup(self.id, "classification", spec, len(self.blob), CLASSES)


# Another seed has the same size, another width another service time.
NET_A, NET_B, NET_C = (
    Net(n, tiny_ir(CLASSES, SIZE, seed, width=w)) for n, seed, w in (("a", 1, 8), ("b", 2, 8), ("c", 3, 24))
)


def golden_image(seed: int = 0) -> Image8:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)


@dataclass
class Rig:
    """One device on the bus and one camera on it."""

    clock: VirtualClock
    device: Firefly
    owner: SystemOwner
    camera: WorkerCamera
    events: list[CameraEvent] = field(default_factory=list)

    def seen(self, kind: EventKind) -> list[CameraEvent]:
        return [event for event in self.events if event.kind is kind]

    async def install(self, net: Net, goldens: Sequence[GoldenCheck] = ()) -> None:
        """What a swap does to put `net` on the camera, from any state."""
        camera = self.camera
        await camera.stop_stream(10)
        await camera.disable_inference(10)
        await camera.delete_network(10)
        await camera.upload_network(net.blob, 30, ignore_progress)
        await camera.activate_network(net.setup, 30)
        if goldens:
            await camera.self_test(goldens, 30)
        await camera.mark_verified(net.id, 10)

    def wrong(self, records: Sequence[RawInference], nets: dict[int, Net]) -> list[RawInference]:
        """Records that the ground truth contradicts: another network, another answer, another exposure or part."""
        truth = self.device.truth()
        inferences = {row["timestamp_ns"]: row for row in truth["inferences"]}
        exposures = {row["timestamp_ns"]: row for row in truth["exposures"]}

        def right(record: RawInference) -> bool:
            row, exposure = inferences.get(record.captured_ns), exposures.get(record.captured_ns)
            return (
                row is not None
                and exposure is not None
                and row["sha256"] == nets[record.generation].digest
                and (row["class_id"], row["confidence"]) == (record.class_id, record.confidence)
                and exposure["frame_id"] == record.frame_id
            )

        return [record for record in records if not right(record)]


def ignore_progress(_done: int, _total: int) -> None:
    pass


@contextmanager
def rig(spec: SimulationSpec | None = None, chosen: CameraSettings | None = None) -> Iterator[Rig]:
    """A device on the bus and a camera that is not connected yet."""
    clock = VirtualClock()
    with bus.local_camera(spec or SimulationSpec(), clock) as device:
        owner = SystemOwner(SDK, clock)
        camera = WorkerCamera(chosen or settings(), owner, clock)
        yield Rig(clock, device, owner, camera)


def run(made: Rig, main: Callable[[Rig], Awaitable[T]]) -> T:
    """Run `main` in virtual time; the camera is closed after it, and the SDK must be released by then."""

    async def body() -> T:
        made.camera.on_event(made.events.append)
        try:
            return await main(made)
        finally:
            await made.camera.close()

    result = run_virtual(made.clock, body())
    assert System._instance is None, "the SDK was not released: something still holds the camera"
    return result


def play(
    main: Callable[[Rig], Awaitable[T]], spec: SimulationSpec | None = None, chosen: CameraSettings | None = None
) -> T:
    """`rig` and `run` in one."""
    with rig(spec, chosen) as made:
        return run(made, main)


def transactions(made: Rig, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts register reads and writes of the device from now on."""
    count = 0
    read, write = made.device.read, made.device.write

    def counted_read(epoch: int, address: int, length: int) -> bytes:
        nonlocal count
        count += 1
        return read(epoch, address, length)

    def counted_write(epoch: int, address: int, data: bytes) -> None:
        nonlocal count
        count += 1
        write(epoch, address, data)

    monkeypatch.setattr(made.device, "read", counted_read)
    monkeypatch.setattr(made.device, "write", counted_write)
    return lambda: count

"""A camera with our adapter on it: simulated under the virtual clock, with the device's ground truth, or a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, TypeVar, cast

import numpy as np
import pytest

from agent.camera import CameraSettings, Sdk, SystemOwner, Timing, WorkerCamera
from agent.clock import SystemClock, VirtualClock, run_virtual
from agent.domain.device import CameraEvent, EventKind, GoldenCheck, Image8, NetworkSetup
from agent.domain.result import RawInference
from agent.domain.subnet import InputSpec
from agent.sim import bus, pyspin
from agent.sim.device import Firefly
from agent.sim.pyspin import System
from agent.sim.spec import PESSIMISTIC, Quirks, SimulationSpec, TransportSpec
from tests.support import hardware
from tests.support.networks import tiny_ir

T = TypeVar("T")

SDK = cast(Sdk, pyspin)
SERIAL = hardware.chosen.serial if hardware.chosen.real else SimulationSpec().serial
SIZE, CLASSES = 16, 8
NEW_FIRMWARE, OLD_FIRMWARE = "1905.4.103", "1905.4.83"
# A small file buffer makes an upload of several chunks out of a tiny network.
SMALL_CHUNKS = SimulationSpec(transport=TransportSpec(file_access_buffer_bytes=4096))


@dataclass(frozen=True)
class CameraProfile:
    """A kind of camera that every contract test runs on."""

    firmware: str = NEW_FIRMWARE
    quirks: Quirks = field(default_factory=Quirks)

    @property
    def optional_nodes(self) -> bool:
        """Name, status, times and properties of the network (S1; S1b has none of them)."""
        return self.firmware != OLD_FIRMWARE

    def applied(self, spec: SimulationSpec) -> SimulationSpec:
        """`spec` as this kind of camera, where it does not say otherwise itself."""
        firmware = self.firmware if spec.firmware == NEW_FIRMWARE else spec.firmware
        return replace(spec, firmware=firmware, quirks=self.quirks if spec.quirks == Quirks() else spec.quirks)


PROFILES = {
    NEW_FIRMWARE: CameraProfile(),
    OLD_FIRMWARE: CameraProfile(OLD_FIRMWARE),
    "pessimistic": CameraProfile(quirks=PESSIMISTIC),
}
_current: list[CameraProfile] = [CameraProfile()]
F = TypeVar("F", bound=Callable[..., object])


def profile() -> CameraProfile:
    """The kind of camera that the running test is about."""
    return _current[-1]


@contextmanager
def on_profile(name: str) -> Iterator[None]:
    """`rig` makes cameras of that profile in the block; `hardware` is whatever the real one is."""
    _current.append(PROFILES.get(name, CameraProfile()))
    try:
        yield
    finally:
        _current.pop()


def only_on(*names: str) -> Callable[[F], F]:
    """The test is about these profiles only."""

    def kept(test: F) -> F:
        test.profiles = names  # type: ignore[attr-defined]
        return test

    return kept


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
        if hardware.chosen.real:
            return hardware.vendor_network()[1]
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

    @property
    def simulated(self) -> bool:
        return not hardware.chosen.real

    async def install(self, net: Net, goldens: Sequence[GoldenCheck] = ()) -> None:
        """What a swap does to put `net` on the camera, from any state. On hardware it is the vendor's sample."""
        camera = self.camera
        if not self.simulated:
            net = Net(net.id, hardware.vendor_network()[0])
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
    if hardware.chosen.real:
        yield _real_rig(chosen)
        return
    clock = VirtualClock()
    with bus.local_camera(profile().applied(spec or SimulationSpec()), clock) as device:
        owner = SystemOwner(SDK, clock)
        camera = WorkerCamera(chosen or settings(), owner, clock)
        yield Rig(clock, device, owner, camera)


def _real_rig(chosen: CameraSettings | None) -> Rig:
    """The real camera; `device` is there in name only, tests that use it are marked `simulation`."""
    clock = SystemClock()
    owner = SystemOwner(hardware.vendor_sdk(), clock)
    camera = WorkerCamera(chosen or settings(), owner, clock)
    return Rig(cast(VirtualClock, clock), cast(Firefly, None), owner, camera)


def run(made: Rig, main: Callable[[Rig], Awaitable[T]]) -> T:
    """Run `main` in virtual time; the camera is closed after it, and the SDK must be released by then."""

    async def body() -> T:
        made.camera.on_event(made.events.append)
        try:
            return await main(made)
        finally:
            await made.camera.close()

    if not made.simulated:
        return asyncio.run(body())
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

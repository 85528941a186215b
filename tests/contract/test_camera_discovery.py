"""Which camera is meant: by serial, or the only one there."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace

import pytest

from agent.camera import SystemOwner, WorkerCamera
from agent.clock import VirtualClock, run_virtual
from agent.errors import CameraGone
from agent.sim import bus
from agent.sim.spec import SimulationSpec
from tests.contract.rig import SDK, settings


def _connect(serial: str, present: tuple[str, ...]) -> str:
    clock = VirtualClock()

    async def story() -> str:
        camera = WorkerCamera(replace(settings(), serial=serial), SystemOwner(SDK, clock), clock)
        try:
            return (await camera.connect(30.0)).serial
        finally:
            await camera.close()

    with ExitStack() as stack:
        for number in present:
            stack.enter_context(bus.local_camera(SimulationSpec(serial=number), clock))
        found: str = run_virtual(clock, asyncio.wait_for(story(), 120.0))
    return found


@pytest.mark.simulation
@pytest.mark.parametrize("serial", ["", "1002"])
def test_without_a_serial_the_only_camera_is_meant(serial: str) -> None:
    assert _connect(serial, ("1002",)) == "1002"


@pytest.mark.simulation
def test_a_serial_picks_among_several() -> None:
    assert _connect("1002", ("1001", "1002", "1003")) == "1002"


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("serial", "present", "words"),
    [
        ("", ("1001", "1002"), "2 cameras found and no serial is configured"),
        ("", (), "0 cameras found and no serial is configured"),
        ("1009", ("1001",), "no camera with serial 1009 among 1 found"),
    ],
)
def test_a_camera_that_is_not_clearly_meant_is_named_as_missing(
    serial: str, present: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CameraGone, match=words):
        _connect(serial, present)

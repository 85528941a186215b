"""Every contract test runs on each camera profile: both firmware profiles and the pessimistic one, or on a real camera.

A test keeps to some profiles with `@only_on(...)`; one that needs ground truth, faults or a made-up camera is marked
`simulation` and is skipped on real hardware.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract import rig
from tests.support import hardware

NEEDS_SIMULATION = "needs the simulated camera: its ground truth, its faults, or a camera made for the test"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One run for each profile; on hardware just one."""
    if "camera_profile" not in metafunc.fixturenames:
        return
    names = ("hardware",) if hardware.chosen.real else getattr(metafunc.function, "profiles", tuple(rig.PROFILES))
    metafunc.parametrize("camera_profile", names, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not hardware.chosen.real:
        return
    for item in items:
        if "contract" in item.path.parts and item.get_closest_marker("simulation") is not None:
            item.add_marker(pytest.mark.skip(reason=NEEDS_SIMULATION))


@pytest.fixture(autouse=True)
def camera_profile(request: pytest.FixtureRequest) -> Iterator[str]:
    """The profile's name; what `rig` makes is a camera of it."""
    name: str = request.param
    with rig.on_profile(name):
        yield name

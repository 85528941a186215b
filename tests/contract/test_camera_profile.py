"""Camera profiles: what a firmware has and has not (facts/firefly-dl.md section 7, start-up action)."""

from __future__ import annotations

import json

import pytest

from agent.camera.profile import Profile, differences
from agent.sim.registers import load_description
from agent.sim.spec import SimulationSpec
from tests.contract.rig import NEW_FIRMWARE, Rig, only_on, play


def profile_of(firmware: str) -> Profile:
    async def main(made: Rig) -> Profile:
        await made.camera.connect(30)
        return await made.camera.profile(30)

    return play(main, SimulationSpec(firmware=firmware))


@pytest.mark.simulation
@only_on(NEW_FIRMWARE)
def test_a_profile_names_every_node_with_its_numbers() -> None:
    profile = profile_of("1905.4.103")
    assert len(profile) > 100
    assert (profile["InferenceEnable"]["kind"], profile["InferenceEnable"]["access"]) == ("boolean", "RW")
    assert profile["FileAccessBuffer"]["length"] == 65536
    numbers = load_description("1905.4.103").entries["FileSelector"]
    assert profile["FileSelector"]["entries"] == numbers, "the camera's own numbers"
    assert (profile["ExposureTime"]["low"], profile["ExposureTime"]["high"]) == (29.0, 30_000_000.0)
    assert json.loads(json.dumps(profile)) == profile


@pytest.mark.simulation
@only_on(NEW_FIRMWARE)
def test_profiles_of_one_firmware_are_equal_and_of_two_differ_in_the_optional_nodes() -> None:
    new, again, old = profile_of("1905.4.103"), profile_of("1905.4.103"), profile_of("1905.4.83")
    assert differences(new, again) == ()
    lines = [str(one) for one in differences(new, old)]
    assert any(line.startswith("InferenceNetworkStatus") for line in lines)
    assert not any(line.startswith("InferenceEnable") for line in lines), "S1b: both have it"
    assert not any(line.startswith("ExposureTime") for line in lines)


def test_a_node_that_only_one_camera_has_is_named() -> None:
    one: Profile = {"A": {"kind": "integer", "low": 0}, "B": {"kind": "float"}}
    two: Profile = {"A": {"kind": "integer", "low": 1}, "C": {"kind": "float"}}
    lines = [str(one) for one in differences(one, two)]
    assert lines == ["A.low: 0 against 1", "B: only in the first", "C: only in the second"]

"""The `groups:` section and the faults of the simulation, and the one line that names what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.app import simulation_spec, swap_groups
from agent.clock import VirtualClock
from agent.config import Group, effective, load_config
from agent.errors import BadInput, ConfigError
from agent.sim.spec import FaultSpec

CAMERAS = """\
version: 1
cameras:
  - {name: station-1, sdk: spinnaker, serial: "1"}
  - {name: station-2, sdk: spinnaker, serial: "2"}
  - {name: station-3, sdk: spinnaker, serial: "3"}
groups:
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_group_has_its_cameras_and_one_swap_at_a_time_by_default(tmp_path: Path) -> None:
    text = "  - {name: line-1, cameras: [station-1, station-2]}\n"
    config = load_config(written(tmp_path, CAMERAS + text))
    assert config.groups == (Group("line-1", ("station-1", "station-2"), 1, 30.0),)
    assert load_config(written(tmp_path, effective(config))).groups == config.groups


def test_the_effective_config_shows_the_groups(tmp_path: Path) -> None:
    text = "  - {name: line-1, cameras: [station-3, station-1, station-2], max_concurrent_swaps: 2, wait_s: 5}\n"
    told = effective(load_config(written(tmp_path, CAMERAS + text)))
    assert "groups:\n- name: line-1\n  cameras:\n  - station-3\n" in told
    assert "  max_concurrent_swaps: 2\n  wait_s: 5.0\n" in told


def test_cameras_of_a_group_share_one_office_and_others_have_none(tmp_path: Path) -> None:
    text = "  - {name: line-1, cameras: [station-1, station-3]}\n"
    config = load_config(written(tmp_path, CAMERAS + text + "policy: {swap: {deadline_s: 20}}\n"))
    groups = swap_groups(config, VirtualClock())
    assert set(groups) == {"station-1", "station-3"}
    assert groups["station-1"] is groups["station-3"]
    assert groups["station-1"].office.rules.lease_s >= 2 * 20


def test_a_group_of_one_camera_is_allowed(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, CAMERAS + "  - {name: lone, cameras: [station-2]}\n"))
    assert config.groups[0].max_concurrent_swaps == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  - {cameras: [station-1]}\n", "7: groups[0].name: is required"),
        ("  - {name: 'a b', cameras: [station-1]}\n", "7: groups[0].name: holds more than letters"),
        ("  - {name: a}\n", "7: groups[0].cameras: is required"),
        ("  - {name: a, cameras: []}\n", "7: groups[0].cameras: is empty; name at least one camera"),
        ("  - {name: a, cameras: station-1}\n", "7: groups[0].cameras: is not a list of words"),
        ("  - {name: a, cameras: [[x]]}\n", "7: groups[0].cameras[0]: is not a word"),
        (
            "  - name: a\n    cameras:\n      - station-1\n      - station-9\n",
            "10: groups[0].cameras[1]: 'station-9' is not a camera; did you mean 'station-3'?",
        ),
        ("  - {name: a, cameras: [zzz]}\n", "7: groups[0].cameras[0]: 'zzz' is not a camera; station-1, station-2, st"),
        ("  - {name: a, cameras: [station-1, station-1]}\n", "7: groups[0].cameras[1]: 'station-1' is named twice"),
        (
            "  - {name: a, cameras: [station-1]}\n  - {name: b, cameras: [station-2, station-1]}\n",
            "8: groups[1].cameras[1]: 'station-1' is in group 'a' already; a camera has one line",
        ),
        (
            "  - {name: a, cameras: [station-1]}\n  - {name: a, cameras: [station-2]}\n",
            "8: groups[1].name: 'a' is the name of another group",
        ),
        (
            "  - {name: a, cameras: [station-1, station-2], max_concurrent_swaps: 2}\n",
            "7: groups[0].max_concurrent_swaps: 2 is not within 1 to 1: the group has 2 camera(s), so that one sees",
        ),
        (
            "  - {name: a, cameras: [station-1], max_concurrent_swaps: 0}\n",
            "7: groups[0].max_concurrent_swaps: 0 swaps is outside 1 to 15",
        ),
        (
            "  - {name: a, cameras: [station-1], max_concurrent_swaps: 1.5}\n",
            "7: groups[0].max_concurrent_swaps: 1.5 is not a whole number",
        ),
        ("  - {name: a, cameras: [station-1], wait_s: 0}\n", "7: groups[0].wait_s: 0 seconds is outside 1 to 3600"),
        ("  - {name: a, cameras: [station-1], wait: 3}\n", "7: groups[0].wait: unknown key; did you mean 'wait_s'?"),
        ("  {name: a}\n", "7: groups: is not a list of mappings"),
    ],
)
def test_a_wrong_group_is_refused_with_line_key_and_reason(tmp_path: Path, text: str, expected: str) -> None:
    path = written(tmp_path, CAMERAS + text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).removeprefix(f"{path}:").startswith(expected)


SIMULATED = "version: 1\ncameras:\n  - name: a\n    sdk: simulated\n    simulation: "
FAULT = "{operation: file.write, effect: io_error, nth: 3}"


def test_faults_of_the_config_join_those_of_the_specification(tmp_path: Path) -> None:
    section = f"{{faults: [{FAULT}], spec: {{faults: [{{operation: stream, effect: frozen}}]}}}}\n"
    config = load_config(written(tmp_path, SIMULATED + section))
    (camera,) = config.cameras
    assert camera.simulation is not None
    spec = simulation_spec(camera, camera.simulation)
    assert spec.faults == (FaultSpec("stream", "frozen"), FaultSpec("file.write", "io_error", 3))
    assert load_config(written(tmp_path, effective(config))).cameras == config.cameras


def test_a_device_process_takes_faults_too(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, SIMULATED + f"{{socket: cam.sock, faults: [{FAULT}]}}\n"))
    (camera,) = config.cameras
    assert camera.simulation is not None
    assert camera.simulation.faults == ({"operation": "file.write", "effect": "io_error", "nth": 3},)
    assert load_config(written(tmp_path, effective(config))).cameras == config.cameras


@pytest.mark.parametrize("place", ["", "socket: cam.sock, "])
@pytest.mark.parametrize(
    ("faults", "what"),
    [
        ("[{operation: file.wrote, effect: io_error}]", r"faults\[0\].operation"),
        ("[{operation: file.write, effect: burn}]", r"faults\[0\].effect"),
        ("[{operation: file.write, effect: io_error, nth: 0}]", r"faults\[0\].nth"),
    ],
)
def test_a_fault_that_the_simulation_does_not_know_is_named(tmp_path: Path, place: str, faults: str, what: str) -> None:
    (camera,) = load_config(written(tmp_path, SIMULATED + f"{{{place}faults: {faults}}}\n")).cameras
    assert camera.simulation is not None
    with pytest.raises(BadInput, match=what):
        simulation_spec(camera, camera.simulation)


def test_faults_that_are_no_list_of_mappings_are_refused_with_their_line(tmp_path: Path) -> None:
    for text, expected in (("{faults: 5}", "is not a list of mappings"), ("{faults: [5]}", "[0]: is not a mapping")):
        path = written(tmp_path, SIMULATED + text + "\n")
        with pytest.raises(ConfigError) as caught:
            load_config(path)
        assert f":5: cameras[0].simulation.faults{'' if '[0]' in expected else ': '}{expected}" in str(caught.value)

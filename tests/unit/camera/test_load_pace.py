"""How often the adapter looks whether a network is loaded."""

from __future__ import annotations

from agent.camera.network import LoadPace
from agent.camera.settings import Timing
from agent.domain.device import NetworkSetup
from agent.domain.subnet import InputSpec

TIMING = Timing(status_poll_s=0.005, status_rest_s=0.05, status_near_s=0.001)
LOAD_S = 0.6


def setup(name: str, size: int = 100) -> NetworkSetup:
    return NetworkSetup(name, "classification", InputSpec(8, 8, 1, "Mono8", (0.0,), (1.0,)), size, 4)


def looks(pace: LoadPace, chosen: NetworkSetup, load_s: float = LOAD_S) -> tuple[int, float]:
    """How many looks find it loading, and how late the one comes that finds it loaded."""
    waited_s, count = 0.0, 0
    while waited_s < load_s:
        waited_s += pace.pause_s(chosen, waited_s)
        count += 1
    pace.took(chosen, waited_s)
    return count, waited_s - load_s


def test_an_unknown_network_is_looked_for_evenly() -> None:
    assert looks(LoadPace(TIMING), setup("a"))[0] == 120


def test_a_known_one_is_left_alone_until_it_is_about_to_be_loaded_and_then_looked_for_often() -> None:
    pace = LoadPace(TIMING)
    looks(pace, setup("a"))
    count, late_s = looks(pace, setup("a"))
    assert count <= 11 + 95  # ten long rests, and the last 15 % in steps of 1 ms
    assert late_s <= 0.001 + 1e-9


def test_a_network_that_loads_faster_than_last_time_is_found_within_a_rest() -> None:
    pace = LoadPace(TIMING)
    looks(pace, setup("a"))
    assert looks(pace, setup("a"), 0.2)[1] <= TIMING.status_rest_s


def test_one_that_takes_longer_than_ever_is_looked_for_as_an_unknown_one() -> None:
    pace = LoadPace(TIMING)
    looks(pace, setup("a"))
    assert looks(pace, setup("a"), 5.0)[0] < 11 + 300 + (5.0 - LOAD_S) / 0.005
    assert pace.pause_s(setup("a"), 100.0) == TIMING.status_poll_s


def test_another_network_of_the_same_name_is_unknown() -> None:
    pace = LoadPace(TIMING)
    looks(pace, setup("a"))
    assert pace.pause_s(setup("a", size=200), 0.0) == TIMING.status_poll_s


def test_the_networks_used_longest_ago_are_forgotten() -> None:
    pace = LoadPace(TIMING)
    for number in range(100):
        looks(pace, setup(str(number)))
    assert pace.pause_s(setup("0"), 0.0) == TIMING.status_poll_s
    assert pace.pause_s(setup("99"), 0.0) == TIMING.status_rest_s

"""Simulation specifications from and to plain data."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import BadInput
from agent.sim.spec import PESSIMISTIC, FaultSpec, Quirks, SceneSpec, SimulationSpec


def test_an_empty_mapping_gives_the_defaults() -> None:
    assert SimulationSpec.from_mapping({}) == SimulationSpec()


def test_a_specification_survives_the_way_through_plain_data() -> None:
    spec = SimulationSpec(
        serial="77", seed=3, scene=SceneSpec(900, 5, 10), faults=(FaultSpec("file.write", "short_write", nth=2),)
    )
    assert SimulationSpec.from_mapping(spec.to_mapping()) == spec


def test_quirks_may_be_named_as_a_set() -> None:
    assert SimulationSpec.from_mapping({"quirks": "pessimistic"}).quirks == PESSIMISTIC
    assert SimulationSpec.from_mapping({"quirks": "default"}).quirks == Quirks()


@pytest.mark.parametrize(
    ("mapping", "key"),
    [
        ({"speed": 1}, "speed"),
        ({"scene": {"ppm": 1}}, "scene.ppm"),
        ({"scene": {"parts_per_minute": -1}}, "scene.parts_per_minute"),
        ({"scene": {"parts_per_minute": "fast"}}, "scene.parts_per_minute"),
        ({"scene": {"seed": 1.5}}, "scene.seed"),
        ({"scene": {"seed": True}}, "scene.seed"),
        ({"scene": []}, "scene"),
        ({"quirks": "worst"}, "quirks"),
        ({"firmware": "1.0"}, "firmware"),
        ({"serial": ""}, "serial"),
        ({"faults": {}}, "faults"),
        ({"faults": [{"operation": "file.open"}]}, "faults[0]"),
        ({"faults": [{"operation": "coffee", "effect": "stall"}]}, "faults[0].operation"),
        ({"faults": [{"operation": "file.open", "effect": "explode"}]}, "faults[0].effect"),
        ({"twins": [1]}, "twins"),
    ],
)
def test_a_bad_value_is_refused_naming_its_key(mapping: dict[str, Any], key: str) -> None:
    with pytest.raises(BadInput) as refused:
        SimulationSpec.from_mapping(mapping)
    assert refused.value.field == key


def test_something_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(BadInput, match="wanted a mapping"):
        SimulationSpec.from_mapping([])  # type: ignore[arg-type]

"""Every unknown of facts/firefly-dl.md section 7 is decided somewhere that can be set, and has a worst value."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

from agent.sim import pyspin as PySpin
from agent.sim import quirks as module
from agent.sim.quirks import PESSIMISTIC, Quirks
from agent.sim.spec import SimulationSpec, StorageSpec, ThermalSpec, TransportSpec
from tests.support.vendor import bench

# Item of section 7: what decides it, as `Class.field`, or a node whose numbers, entries or names differ by firmware.
DECIDED = {
    1: ("node InferenceNetworkTypeSelector", "node FileSelector", "node ChunkSelector"),
    2: ("node InferenceNetworkOutputFormatSelector", "node InferencePreprocessBppSelector", "Quirks.type_mismatch"),
    3: ("node InferenceScalingTime", "node InferenceNetworkMaxSize", "node InferencePreprocessChannelSelector"),
    4: ("TransportSpec.file_access_buffer_bytes", "Quirks.file_access_length_bytes"),
    5: ("StorageSpec.max_network_bytes", "Quirks.network_flash_share"),
    6: (
        "TransportSpec.flash_bytes_per_s",
        "TransportSpec.flash_erase_bytes_per_s",
        "TransportSpec.network_load_s",
        "Quirks.status_lag_s",
    ),
    7: ("Quirks.upload_needs_inference_off", "Quirks.type_fixed_while_enabled"),
    8: ("Quirks.network_readable",),
    9: (
        "Quirks.first_inference_id",
        "Quirks.stale_chunks",
        "Quirks.result_outlives_network",
        "Quirks.disabled_chunk_raises",
    ),
    10: ("Quirks.corrupt_network",),
    11: ("Quirks.reset_keeps_ddr",),
    12: ("Quirks.frame_id_restarts",),
    13: ("ThermalSpec.limit_c", "ThermalSpec.slowdown"),
    14: ("Quirks.recycled_views",),
    15: ("Quirks.openvino_blobs_run", "SimulationSpec.twins"),
}
# The default already is the worst that is plausible.
WORST_ANYWAY = {
    "stale_chunks",
    "result_outlives_network",
    "frame_id_restarts",
    "overwrite_needs_delete",
    "unaligned_write_fails",
    "reset_keeps_ddr",
    "old_firmware_crashes",
}
_CLASSES = {c.__name__: c for c in (Quirks, TransportSpec, StorageSpec, ThermalSpec, SimulationSpec)}


def test_every_item_is_decided() -> None:
    assert sorted(DECIDED) == list(range(1, 16))
    assert all(DECIDED.values())


@pytest.mark.parametrize("item", DECIDED)
def test_what_decides_an_item_is_there(item: int) -> None:
    for name in DECIDED[item]:
        if name.startswith("node "):
            with bench() as camera:
                assert PySpin.IsReadable(camera.nodes.GetNode(name.removeprefix("node ")))
            continue
        owner, field = name.split(".")
        assert field in {f.name for f in dataclasses.fields(_CLASSES[owner])}


def test_the_items_that_the_quirks_name_are_those_of_the_table() -> None:
    source = inspect.getsource(module)
    named = {
        (int(item), field)
        for item, field in re.findall(r"    # Item (\d+)[^\n]*\n(?:    #[^\n]*\n)*    ([a-z_]+):", source)
    }
    listed = {(item, n.split(".")[1]) for item, names in DECIDED.items() for n in names if n.startswith("Quirks.")}
    assert named == listed


def test_every_quirk_says_in_a_comment_what_it_decides() -> None:
    source = inspect.getsource(Quirks)
    commented = set(re.findall(r"    #[^\n]*\n    ([a-z_]+):", source))
    assert commented == {f.name for f in dataclasses.fields(Quirks)}


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Quirks)])
def test_the_pessimistic_set_is_at_its_worst(field: str) -> None:
    differs = getattr(PESSIMISTIC, field) != getattr(Quirks(), field)
    assert differs is (field not in WORST_ANYWAY)

"""A commissioning record narrows what a swap has to meet, and nothing in it can widen that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import run_virtual
from agent.domain.device import CameraInfo, GoldenCheck
from agent.domain.reference import Answer, Reference
from agent.errors import LibraryError
from agent.swap.transaction import Payload
from tests.support.library_station import CAMERA, Station
from tests.support.memory_trust import MemoryTrust
from tests.support.tiny_libraries import png, sha256, tiny_ir

SERIAL, FIRMWARE = "20381234", "1905.4.103"
IMAGE, NETWORK = sha256(png(10)), sha256(tiny_ir())
INFO = CameraInfo(SERIAL, "Firefly", FIRMWARE, "4.0", 4096, None, 0, None, supports_injection=True)
SHARE = st.floats(0.0, 1.0)


def reference(confidence: float = 0.92, class_id: int = 1, **changes: Any) -> Reference:
    told = {"serial": SERIAL, "firmware": FIRMWARE, "network_sha256": NETWORK} | changes
    return Reference(answers=(Answer(IMAGE, class_id, confidence),), **told)


@settings(derandomize=True, deadline=None)
@given(SHARE, st.floats(1e-6, 0.5), st.floats(allow_nan=True), st.integers(-1, 2), SHARE)
def test_whatever_a_record_says_nothing_passes_that_the_library_refuses(
    confidence: float, tolerance: float, recorded: float, class_id: int, answered: float
) -> None:
    golden = GoldenCheck(np.zeros((2, 2), np.uint8), 1, confidence, tolerance)
    narrowed = reference(recorded, class_id).tightened([IMAGE], [golden])
    if isinstance(narrowed, str):
        return
    (own,) = narrowed
    assert own.class_id == 1
    if abs(answered - own.confidence) <= own.tolerance:
        assert abs(answered - golden.confidence) <= golden.tolerance


def test_a_record_reads_as_it_was_written_and_no_other_way() -> None:
    text = str(reference())
    assert Reference.parse(text) == reference()
    told = json.loads(text)
    others = [
        "",
        "[]",
        text + " ",
        json.dumps(told),
        text.replace("0.92", "NaN"),
        text.replace("0.92", '"0.92"'),
        text.replace("0.92", "1"),
        text.replace(IMAGE, IMAGE[:-1]),
        text.replace('"serial"', '"Serial"'),
        text.replace('"class_id":1', '"class_id":null'),
    ]
    assert [Reference.parse(other) for other in others] == [None] * len(others)


class Bench:
    """A station whose camera is known, and its book."""

    def __init__(self, folder: Path) -> None:
        self.book = MemoryTrust()
        self.station = Station(folder, self.book)

    def load(self, info: CameraInfo | None = INFO) -> Payload:
        async def main() -> Payload:
            self.station.info = info
            staging = await self.station.started()
            source = staging.told[CAMERA].source
            assert source is not None
            return await source.load("net-0")

        return run_virtual(self.station.clock, main())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_swap_has_to_meet_the_answers_of_library_and_camera(bench: Bench) -> None:
    (plain,) = bench.load().goldens
    bench.book.values[reference().key] = str(reference(0.92))
    (own,) = bench.load().goldens
    assert (plain.confidence, plain.tolerance) == (0.9, 0.05)
    assert own.confidence == pytest.approx((0.87 + 0.95) / 2)
    assert own.tolerance == pytest.approx((0.95 - 0.87) / 2)
    assert bench.load(None).goldens[0].tolerance == 0.05


@pytest.mark.parametrize("change", [{"serial": "1"}, {"firmware": "1"}, {"network_sha256": "0" * 64}])
def test_a_record_counts_for_its_own_camera_firmware_and_network_only(bench: Bench, change: dict[str, Any]) -> None:
    other = reference(**change)
    bench.book.values[other.key] = str(other)
    assert bench.load().goldens[0].tolerance == 0.05
    bench.book.values = {reference().key: str(other)}  # moved to where it does not belong
    with pytest.raises(LibraryError, match="was altered or is damaged; record it again"):
        bench.load()


@pytest.mark.parametrize(
    ("altered", "says"),
    [
        (
            str(reference()).replace("0.92", "0.2"),
            "says class 1 at 0.200 for golden image 1, the library class 1 at 0.900",
        ),
        (str(reference(class_id=2)), "says class 2 at 0.920 for golden image 1"),
        (str(Reference(SERIAL, FIRMWARE, NETWORK, ())), "has no answer for golden image 1"),
        (str(reference()).replace("1905", "1906"), "was altered or is damaged"),
        ("what", "was altered or is damaged"),
    ],
)
def test_a_record_that_was_altered_refuses_the_swap_before_anything_is_uploaded(
    bench: Bench, altered: str, says: str
) -> None:
    bench.book.values[reference().key] = altered
    with pytest.raises(LibraryError, match=says):
        bench.load()


def test_a_record_is_audited_with_its_digest_and_that_of_the_one_before() -> None:
    entry = reference(0.92).entry(reference(0.91), "anna")
    assert (entry.client, entry.origin, entry.method) == ("anna", "commissioning", "ReferenceRecorded")
    assert json.loads(entry.asked) == {"serial": SERIAL, "firmware": FIRMWARE, "network_sha256": NETWORK}
    assert json.loads(entry.before) == {"record_sha256": sha256(str(reference(0.91)).encode())}
    assert json.loads(entry.after) == {"record_sha256": sha256(str(reference(0.92)).encode())}

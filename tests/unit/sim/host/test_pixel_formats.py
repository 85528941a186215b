"""Buffers of packed and unpacked formats (GenICam PFNC, GigE Vision)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sim.host.pixel_formats import LAYOUTS, from_sensor, pack, plane, unpack

PACKED = [name for name, layout in LAYOUTS.items() if layout.is_packed]


@pytest.mark.parametrize(
    ("name", "samples", "octets"),
    [
        ("Mono10p", [0x3FF, 0, 0x3FF, 0], [0xFF, 0x03, 0xF0, 0x3F, 0x00]),
        ("Mono12p", [0xABC, 0x123], [0xBC, 0x3A, 0x12]),
        ("Mono12Packed", [0xABC, 0x123], [0xAB, 0x3C, 0x12]),
        ("Mono10Packed", [0x3FD, 0x006], [0xFF, 0x21, 0x01]),
    ],
)
def test_samples_are_packed_as_the_standard_says(name: str, samples: list[int], octets: list[int]) -> None:
    packed = pack(np.array(samples, np.uint16), LAYOUTS[name])
    assert packed.tolist() == octets


@pytest.mark.parametrize("name", PACKED)
@given(values=st.lists(st.integers(0, 0x3FF), min_size=1, max_size=33))
def test_packing_loses_nothing(name: str, values: list[int]) -> None:
    layout = LAYOUTS[name]
    packed = pack(np.array(values, np.uint16), layout)
    assert packed.size == layout.size(len(values), 1)
    assert unpack(packed, layout, len(values)).tolist() == values


@pytest.mark.parametrize("name", ["Mono8", "Mono10", "Mono16", *PACKED])
def test_a_sensor_buffer_brings_its_samples_back(name: str) -> None:
    layout = LAYOUTS[name]
    samples = np.arange(6 * 4, dtype=np.uint8).reshape(4, 6) * 10
    buffer = from_sensor(samples, layout)
    assert buffer.dtype == layout.dtype
    assert buffer.nbytes == layout.size(6, 4)
    assert np.array_equal(plane(buffer, layout, 6, 4) >> 8, samples)


def test_left_aligned_samples_of_sixteen_bits_keep_the_bits_of_the_format() -> None:
    samples = np.array([[0xABCD, 0x0040]], np.uint16)
    assert from_sensor(samples, LAYOUTS["Mono10"]).tolist() == [0xABCD >> 6, 1]
    assert from_sensor(samples, LAYOUTS["Mono8"]).tolist() == [0xAB, 0]
    assert from_sensor(samples, LAYOUTS["Mono16"]).tolist() == [0xABCD, 0x0040]

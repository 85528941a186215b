"""Arrays of npz and safetensors files: exact, bounded, and refused by name where they are damaged."""

from __future__ import annotations

import contextlib
import io
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.builder import weight_files
from agent.builder.errors import SupernetInvalid
from agent.builder.weight_files import MAX_FILE_BYTES, read_file, read_npz, read_weights

ARRAYS: dict[str, NDArray[np.generic]] = {
    "rows": np.arange(12, dtype=np.float32).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
    "half": np.array([0.5, -2], np.float16),
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}


def _npz(arrays: Mapping[str, NDArray[np.generic]], compressed: bool = False) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _safetensors() -> bytes:
    from safetensors.numpy import save

    return save({key: np.require(value, requirements="C") for key, value in ARRAYS.items()}, {"format": "pt"})


@pytest.mark.parametrize("data", [_npz(ARRAYS), _npz(ARRAYS, compressed=True), _safetensors()])
def test_every_type_and_order_of_elements_is_read(data: bytes) -> None:
    file = read_weights(data, "x")
    assert file.metadata == {}
    assert set(file.weights) == set(ARRAYS)
    for key, value in ARRAYS.items():
        assert (file.weights[key].dtype.name, file.weights[key].shape) == ("float32", value.shape)
        np.testing.assert_array_equal(file.weights[key], value)


def test_bfloat16_is_read_from_safetensors() -> None:
    header = b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    data = len(header).to_bytes(8, "little") + header + np.array([0x3FC0, 0xC010], "<u2").tobytes()
    np.testing.assert_array_equal(read_weights(data, "x").weights["w"], [1.5, -2.25])


def _with_header(header: str, body: bytes = b"\0" * 16) -> bytes:
    npy = io.BytesIO()
    with zipfile.ZipFile(npy, "w") as archive:
        text = header.encode().ljust(117) + b"\n"
        archive.writestr("w.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body)
    return npy.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            _with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824,), }"),
            "4294967296 bytes, 16 are",
        ),
        (_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }"), "takes -16 bytes"),
        (_with_header("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"), "would be unpickled"),
        (_with_header("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }"), "complex64, expected numbers"),
        (_with_header("{'descr': '|V0', 'fortran_order': False, 'shape': (2,), }"), "bytes, 16 are there"),
        (_with_header("{'descr': '<f4', 'shape': (("), "not a readable npz"),
        (_with_header("(" * 100), "not a readable npz"),
        (_npz({"__metadata__": np.array("{")}), "not JSON"),
        (_npz({"__metadata__": np.array("[1]")}), "expected an object of texts"),
        (b"\0" * 257 + b"ustar" + b"\0" * 100, "a tar checkpoint"),
        (b"PK\x03\x04" + b"PK\x01\x02" * 100_001, "more than 100000 files"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(data: bytes, words: str) -> None:
    with pytest.raises(SupernetInvalid) as caught:
        read_weights(data, "x")
    assert words in str(caught.value)


def test_an_archive_that_unpacks_to_more_than_a_file_may_have_is_refused_in_little_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weight_files, "MAX_FILE_BYTES", 1 << 26)
    data = _npz({"w": np.zeros((1 << 24) + 1, np.float32)}, compressed=True)
    tracemalloc.start()
    try:
        with pytest.raises(SupernetInvalid, match="it claims 67108996 bytes, at most 67108864"):
            read_npz(data, "x")
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_a_file_of_more_than_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(SupernetInvalid, match="more than 1073741824 bytes"):
        read_file(tmp_path / "large")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([_npz(ARRAYS), _npz(ARRAYS, compressed=True), _safetensors()]), st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(good: bytes, data: st.DataObject) -> None:
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        if data.draw(st.booleans()):
            damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        else:
            damaged[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(min_size=1, max_size=8))
    with contextlib.suppress(SupernetInvalid):  # any other exception fails the test
        read_weights(bytes(damaged), "x")

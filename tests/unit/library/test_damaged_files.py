"""A damaged file is refused with one line, or the damage lies in values that nothing in the file repeats.

The second kind is caught by the digest in the manifest (`test_library_store`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import BlobInvalid
from agent.library.blob import BlobInfo
from agent.library.formats import inspect_blob
from tests.support.network_files import ncsdk1, ncsdk2, openvino
from tests.support.tiny_libraries import tiny_ir

BLOBS = Path(__file__).parent / "blobs"
GRAPH, PARTS = ncsdk2(side=8, channels=3)
SAMPLES = {
    "ncsdk2": GRAPH,
    "ncsdk1": ncsdk1(name=b"net"),
    "openvino5": openvino(5),
    "openvino6": openvino(6),
    "version5": (BLOBS / "version-5.blob").read_bytes(),
    "myriad2": (BLOBS / "myriad2.blob").read_bytes(),
    "myriadx": (BLOBS / "myriadx.blob").read_bytes(),
    "ir": tiny_ir(),
}
# Header words of no redundancy: (offset, bits that may change unseen).
FREE_GRAPH_BITS = {0x2E: 0x7F, 0x32: 0x0F, 0x46: 0x01}  # minor version, SHAVEs, permutation flag
FREE_BLOB_BITS = {  # working memory, slices, SHAVEs and the DMA flag are not repeated
    0x5C: 0xFFFFFFFF,
    0x60: 0x1F,
    0x64: 0x1F,
    0x70: 0x01,
}


def _verdict(data: bytes) -> BlobInfo | None:
    """What is told of `data`, or None where it is refused; any other error fails the test."""
    try:
        return inspect_blob(data, "file")
    except BlobInvalid as exc:
        text = str(exc)
        assert text.startswith("file: ")
        assert "\n" not in text
        return None


def _flipped(data: bytes, bit: int) -> bytes:
    broken = bytearray(data)
    broken[bit // 8] ^= 1 << bit % 8
    return bytes(broken)


def _patched(data: bytes, offset: int, *words: int) -> bytes:
    broken = bytearray(data)
    struct.pack_into(f"<{len(words)}I", broken, offset, *words)
    return bytes(broken)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_are_sound(name: str) -> None:
    assert _verdict(SAMPLES[name]) is not None


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(place=st.data())
def test_a_cut_anywhere_is_refused(name: str, place: st.DataObject) -> None:
    data = SAMPLES[name]
    assert _verdict(data[: place.draw(st.integers(0, len(data) - 1))]) is None


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=300, deadline=None, derandomize=True)
@given(place=st.data())
def test_flipped_bits_are_refused_or_leave_a_sound_reading(name: str, place: st.DataObject) -> None:
    data = SAMPLES[name]
    for bit in place.draw(st.lists(st.integers(0, 8 * len(data) - 1), min_size=1, max_size=4, unique=True)):
        data = _flipped(data, bit)
    info = _verdict(data)
    assert info is None or info.size_bytes == len(data)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.binary(max_size=600), name=st.sampled_from(sorted(SAMPLES)), keep=st.integers(0, 300))
def test_rubbish_after_a_sound_start_is_refused(data: bytes, name: str, keep: int) -> None:
    sample = SAMPLES[name]
    assert _verdict(sample[: min(keep, len(sample) - 1)] + data) is None or data in sample


def _unseen(data: bytes, start: int, end: int) -> dict[int, int]:
    """Bits of the words from `start` to `end` whose flip is not noticed."""
    found: dict[int, int] = {}
    for bit in range(8 * start, 8 * end):
        if _verdict(_flipped(data, bit)) is not None:
            word = start + (bit // 8 - start) // 4 * 4
            found[word] = found.get(word, 0) | 1 << (bit - 8 * word)
    return found


def _only_free(found: dict[int, int], free: dict[int, int]) -> None:
    surprises = {hex(word): hex(bits) for word, bits in found.items() if bits & ~free.get(word, 0)}
    assert not surprises


def test_every_header_bit_of_a_graph_that_is_repeated_somewhere_is_checked() -> None:
    found = _unseen(GRAPH, 0x22, 80)
    _only_free(found, FREE_GRAPH_BITS)
    assert set(found) == set(FREE_GRAPH_BITS)  # else the list of what is free is out of date
    assert not _unseen(GRAPH, 0, 0x22)


def test_every_header_bit_of_the_vendors_graph_that_is_repeated_somewhere_is_checked(shared_data: Path) -> None:
    data = (shared_data / "firefly-network-classification.graph").read_bytes()
    _only_free(_unseen(data, 0x22, 80), FREE_GRAPH_BITS)
    assert not _unseen(data, 0, 0x22)


@pytest.mark.parametrize("name", ["openvino5", "openvino6", "version5", "myriad2", "myriadx"])
def test_every_header_bit_of_a_blob_that_is_repeated_somewhere_is_checked(name: str) -> None:
    _only_free(_unseen(SAMPLES[name], 0, 0xC0), FREE_BLOB_BITS)


def test_links_masks_and_tables_of_a_graph_are_checked() -> None:
    for start in PARTS.stages:
        assert not _unseen(GRAPH, start, start + 4)
        _only_free(_unseen(GRAPH, start + 8, start + 12), {start + 8: 0x7FFFFFFF})  # the top bit is always set
    for tensor in PARTS.tensors:
        _only_free(_unseen(GRAPH, tensor + 32, tensor + 40), {tensor + 32: 7, tensor + 36: 7})  # value type and order
    assert not _unseen(GRAPH, PARTS.weights[0] - 16, PARTS.weights[0])
    assert not _unseen(GRAPH, PARTS.relocations, PARTS.relocations + 20)


def test_the_shape_of_the_input_and_the_answer_of_a_graph_are_checked() -> None:
    assert not _unseen(GRAPH, PARTS.tensors[0], PARTS.tensors[0] + 12)
    assert not _unseen(GRAPH, PARTS.tensors[-1], PARTS.tensors[-1] + 12)


def test_the_weights_of_a_compiled_network_are_not_repeated_in_it() -> None:
    """Why a library keeps digests (facts/myriad-blobs.md 3)."""
    start, end = PARTS.weights
    assert _verdict(_flipped(GRAPH, 8 * (start + 10))) is not None
    assert _verdict(_flipped(GRAPH, 8 * end - 3)) is not None


def test_a_flip_anywhere_in_an_ir_changes_nothing_that_is_read() -> None:
    """All of the content has a checksum and all of the directory is repeated, but for who made it and attributes."""
    data = SAMPLES["ir"]
    entries = [at for at in range(len(data)) if data[at : at + 4] == b"PK\x01\x02"]
    free = {at + place for at in entries for place in (4, 5, 36, *range(38, 42))}
    seen = [at for at in range(len(data)) if _verdict(_flipped(data, 8 * at + 7 * at % 8)) is not None]
    assert seen
    assert set(seen) <= free


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda d: d + bytes(64), "length of the file is"),
        (lambda d: _patched(d, 0x2A, 3), "major version is 3, expected 2"),
        (lambda d: _patched(d, 0x32, 0), "0 SHAVEs, expected 1 .. 16"),
        (lambda d: _patched(d, 0x32, 17), "17 SHAVEs"),
        (lambda d: _patched(d, 0x3A, 0xFFFFFFF0), "do not fit into"),
        (lambda d: _patched(d, 0x42, 193), "input of 8x8x3 values in a stage, 193 in the header"),
        (lambda d: _patched(d, 80, 6), "number of stages is 5, expected 6"),
        (lambda d: _patched(d, 80, 4), "more than the 4 stages"),
        (lambda d: _patched(d, 80, 0xFFFFFFFF), "4294967295 stages, expected 1 .. 16384"),
        (lambda d: _patched(d, 88, 5), "output of 1x1x4 values in a stage, 5 in the header"),
        (lambda d: _patched(d, PARTS.stages[1], 12), "stage 1 runs from byte"),
        (lambda d: _patched(d, PARTS.stages[0] + 12, 4), "weights of a 4x3 kernel is 9, expected 12"),
        (lambda d: _patched(d, PARTS.tensors[1] + 24, 99), "work entry 99 of 8"),
        (lambda d: _patched(d, PARTS.tensors[1] + 28, 5), "location is 5, expected 4"),
        (lambda d: _patched(d, PARTS.tensors[0] + 12, 4), "strides 4x"),
        (lambda d: _patched(d, PARTS.relocations + 20, 0xFFFFFFF0), "weight entry 0 points to byte 4294967280"),
        (lambda d: _patched(d, PARTS.relocations + 8, 44), "offset of the work table"),
    ],
)
def test_what_is_wrong_with_a_graph_is_named(damage: Callable[[bytes], bytes], words: str) -> None:
    with pytest.raises(BlobInvalid) as caught:
        inspect_blob(damage(GRAPH), "g")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (0x38, 1 << 31, "truncated: the header says 2147483648 bytes"),
        (0x3C, 7, "blob version 7.0, expected 5.0 or 6.0"),
        (0x44, 0, "0 inputs, expected 1 .. 64"),
        (0x48, 65, "65 outputs, expected 1 .. 64"),
        (0x4C, 3, "stage 2 of"),
        (0x4C, 1, "padding after the stages, bytes 352 to 384, is not zero"),
        (0x4C, 0xFFFFFFFF, "4294967295 stages"),
        (0x50, 63, "bytes of all inputs is 63, expected 64"),
        (0x58, 0, "batch is 0, expected 1"),
        (0x58, 4, "batch is 4, expected 1"),
        (0x64, 99, "99 SHAVEs"),
        (0x64, 6, "takes 12 of 6 SHAVEs"),
        (0x68, 1, "flag for hardware stages is 1, expected 0"),
        (0x74, 193, "offset of the inputs is 193, expected 192"),
        (0x7C, 0, "sections at 192"),
        (0xC0, 1, "index of input 0 is 1, expected 0"),
        (0xC8, 0xFFFFFFF0, "input 0 has a name of 4294967280 bytes"),
        (0xDC, 9, "input 0 has data type 9"),
        (0xE0, 0x4421, "input 0 has layout 0x4421"),
        (0xE4, 0, "0 dimensions"),
        (0xE8, 2, "location of the shape of input 0 is 2, expected 3"),
        (0xEC, 1 << 30, "shape of input 0 at byte"),
    ],
)
def test_what_is_wrong_with_a_blob_is_named(offset: int, value: int, words: str) -> None:
    with pytest.raises(BlobInvalid) as caught:
        inspect_blob(_patched(SAMPLES["openvino6"], offset, value), "b")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda d: _patched(d, 0x20, 1 << 31), "truncated: the header says 2147483648 bytes"),
        (lambda d: d + bytes(64), "64 bytes after the"),
        (lambda d: _patched(d, 0xF0, 0), "0 stages"),
        (lambda d: _patched(d, 0xF0, 0xFFFFFFFF), "4294967295 stages end at byte"),
        (lambda d: _patched(d, 0xF4, 10), "weights start at 10"),
        (lambda d: _patched(d, 0xF8, 12), "first SHAVE is 12"),
        (lambda d: d[:0x28] + b"\x07" + d[0x29:], "name of the network at byte 40 is not text"),
        (lambda d: d[:0x30] + b"x" + d[0x31:], "name of the network at byte 40 is not text"),
    ],
)
def test_what_is_wrong_with_a_first_generation_graph_is_named(damage: Callable[[bytes], bytes], words: str) -> None:
    with pytest.raises(BlobInvalid) as caught:
        inspect_blob(damage(SAMPLES["ncsdk1"]), "g")
    assert words in str(caught.value)

"""What a library hands out was checked when it was read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from agent.errors import (
    AgentError,
    BadInput,
    BlobInvalid,
    BlobMissing,
    DigestMismatch,
    LibraryError,
    LibraryNotFound,
    ManifestInvalid,
)
from agent.library import InputMismatch, open_library, show_library, verify_library
from tests.support.network_files import ncsdk2
from tests.support.tiny_libraries import edit_manifest, png, publish_tiny, sha256, tiny_ir


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return publish_tiny(tmp_path / "library")


def _blob(library: Path, index: int = 0) -> Path:
    return library / open_library(library).manifest.subnets[index].artifacts[0].file


def _swap_blob(library: Path, data: bytes) -> None:
    """Make other bytes the declared blob of net-0, digest and size included."""
    file = f"blobs/{sha256(data)}.ovir"
    (library / file).write_bytes(data)

    def change(values: dict[str, Any]) -> None:
        artifact = values["subnets"][0]["artifacts"][0]
        artifact |= {"file": file, "sha256": sha256(data), "size_bytes": len(data)}

    edit_manifest(library, change)


def _one_line(error: AgentError, *words: str) -> None:
    text = str(error)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_a_blob_comes_back_as_the_bytes_that_were_published(library: Path) -> None:
    assert open_library(library).read_blob("net-1") == tiny_ir(salt=1)


def test_the_digest_is_that_of_the_manifest_file(library: Path) -> None:
    opened = open_library(library)
    assert opened.digest == opened.catalogue.digest == sha256((library / "manifest.json").read_bytes())


def test_a_symbolic_link_to_a_version_is_followed_once(library: Path, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(library)
    opened = open_library(link)
    link.unlink()
    assert opened.read_blob("net-0") == tiny_ir()


def test_golden_images_are_decoded(library: Path) -> None:
    (image,) = open_library(library).golden_images("net-0")
    assert image.pixels.dtype == np.uint8
    assert image.pixels.shape == (16, 16)
    assert (image.golden.class_id, int(image.pixels[0, 0])) == (1, 10)


def test_a_missing_folder_and_a_folder_without_manifest_are_no_library(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(LibraryNotFound, match="no library here"):
            open_library(path)


def test_a_missing_blob_is_named_at_opening(library: Path) -> None:
    blob = _blob(library)
    blob.unlink()
    with pytest.raises(BlobMissing) as caught:
        open_library(library)
    _one_line(caught.value, blob.name, "missing")


def test_a_missing_golden_image_is_named_at_opening(library: Path) -> None:
    golden = library / open_library(library).manifest.subnets[0].golden[0].image
    golden.unlink()
    with pytest.raises(BlobMissing, match=golden.name):
        open_library(library)


def test_a_blob_that_vanishes_later_is_missing_when_read(library: Path) -> None:
    opened = open_library(library)
    _blob(library).unlink()
    with pytest.raises(BlobMissing):
        opened.read_blob("net-0")


def test_another_size_is_found_at_opening(library: Path) -> None:
    blob = _blob(library)
    blob.write_bytes(blob.read_bytes() + b"x")
    with pytest.raises(DigestMismatch) as caught:
        open_library(library)
    size = len(tiny_ir())
    _one_line(caught.value, blob.name, f"{size + 1} bytes, the manifest says {size}")


def test_a_blob_that_grows_after_opening_is_not_read_beyond_its_size(library: Path) -> None:
    opened = open_library(library)
    blob = _blob(library)
    blob.write_bytes(blob.read_bytes() + b"x")
    with pytest.raises(BlobInvalid, match="more than"):
        opened.read_blob("net-0")


def test_a_flipped_bit_is_a_digest_mismatch(library: Path) -> None:
    blob = _blob(library)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    opened = open_library(library)
    with pytest.raises(DigestMismatch) as caught:
        opened.read_blob("net-0")
    _one_line(caught.value, blob.name, sha256(bytes(data)), sha256(tiny_ir()))
    assert caught.value.reason == "DIGEST_MISMATCH"


def test_a_truncated_network_is_invalid_even_with_a_matching_digest(library: Path) -> None:
    _swap_blob(library, tiny_ir()[:-40])
    with pytest.raises(BlobInvalid) as caught:
        open_library(library).read_blob("net-0")
    _one_line(caught.value, "truncated or damaged")
    assert caught.value.reason == "BLOB_INVALID"


def test_another_input_shape_is_a_mismatch(library: Path) -> None:
    _swap_blob(library, tiny_ir(side=40))
    with pytest.raises(InputMismatch) as caught:
        open_library(library).read_blob("net-0")
    _one_line(caught.value, "[1, 1, 40, 40]", "[1, 1, 32, 32]")
    assert caught.value.reason == "BLOB_INPUT_MISMATCH"


def _swap_graph(library: Path, data: bytes, shaves: int = 12, target: str = "firefly-dl") -> None:
    """Make an NCSDK graph the declared blob of net-0, whose input is 1 x 32 x 32."""
    file = f"blobs/{sha256(data)}.graph"
    (library / file).write_bytes(data)
    row = {"format": "ncsdk-graph-2", "target": target, "shaves": shaves, "file": file}
    row |= {"sha256": sha256(data), "size_bytes": len(data)}
    edit_manifest(library, lambda values: values["subnets"][0].update(artifacts=[row]))


def test_a_compiled_network_must_be_what_its_row_says(library: Path) -> None:
    _swap_graph(library, ncsdk2(side=32)[0])
    assert open_library(library).read_blob("net-0") == ncsdk2(side=32)[0]
    for graph, shaves, words in (
        (ncsdk2(side=32, shaves=8)[0], 12, "compiled for 8 SHAVEs, the manifest says 12"),
        (ncsdk2(side=32, shaves=16)[0], 16, "compiled for a Myriad X"),
        (ncsdk2(side=30)[0], 12, r"input [1, 1, 30, 30], the manifest says [1, 1, 32, 32]"),
        (ncsdk2(side=30, minor=0)[0], 12, "input of 900 values"),
        (ncsdk2(side=32, minor=0, classes=5)[0], 12, "output of 5 values, the labels need 4"),
    ):
        _swap_graph(library, graph, shaves)
        with pytest.raises(BlobInvalid) as caught:
            open_library(library).read_blob("net-0")
        _one_line(caught.value, words)
    _swap_graph(library, ncsdk2(side=32, shaves=16)[0], 16, "myriadx")
    assert verify_library(library).ok


def test_another_number_of_outputs_is_refused(library: Path) -> None:
    _swap_blob(library, tiny_ir(classes=3))
    with pytest.raises(BlobInvalid, match=r"output \[1, 3\], the labels need \[1, 4\]"):
        open_library(library).read_blob("net-0")


def test_another_format_than_declared_is_refused(library: Path) -> None:
    _swap_blob(library, b"not a network at all")
    with pytest.raises(BlobInvalid, match="no known network format"):
        open_library(library).read_blob("net-0")


def _replace_blob(blob: Path, kind: str, outside: Path) -> None:
    blob.rename(outside)
    if kind == "link":
        blob.symlink_to(outside)
    elif kind == "folder":
        blob.mkdir()
    else:
        os.mkfifo(blob)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_blob_that_is_no_regular_file_is_refused(library: Path, kind: str, tmp_path: Path) -> None:
    _replace_blob(_blob(library), kind, tmp_path / "outside")
    with pytest.raises(BlobInvalid, match="not a regular file"):
        open_library(library)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_blob_replaced_after_opening_is_refused(library: Path, kind: str, tmp_path: Path) -> None:
    opened = open_library(library)
    _replace_blob(_blob(library), kind, tmp_path / "outside")
    with pytest.raises(BlobInvalid, match=r"cannot be opened|not a regular file"):
        opened.read_blob("net-0")


def test_formats_that_are_not_accepted_are_not_needed(library: Path) -> None:
    _blob(library).unlink()
    opened = open_library(library, accepted_formats=["ncsdk-graph-2"])
    with pytest.raises(LibraryError, match="is there as openvino-ir-10; accepted: ncsdk-graph-2"):
        opened.read_blob("net-0")


def test_unknown_formats_and_sub_nets_are_bad_input(library: Path) -> None:
    with pytest.raises(BadInput, match="accepted_formats: 'elf' is unknown"):
        open_library(library, accepted_formats=["elf"])
    opened = open_library(library)
    for read in (opened.read_blob, opened.golden_images):
        with pytest.raises(BadInput, match="'net-9' is not in library 'tiny'"):
            read("net-9")


def _swap_golden(library: Path, data: bytes, name: str | None = None) -> None:
    file = f"golden/{name or sha256(data)}.png"
    (library / file).write_bytes(data)
    edit_manifest(library, lambda values: values["subnets"][0]["golden"][0].update(image=file))


def _encoded(image: Image.Image, tmp_path: Path) -> bytes:
    file = tmp_path / "image.png"
    image.save(file)
    return file.read_bytes()


def test_golden_images_that_are_not_8_bit_grey_pngs_are_refused(library: Path, tmp_path: Path) -> None:
    deep = _encoded(Image.fromarray(np.zeros((4, 4), np.uint16)), tmp_path)
    coloured = _encoded(Image.fromarray(np.zeros((4, 4, 3), np.uint8)), tmp_path)
    huge = bytearray(png())
    huge[16:20] = (100_000).to_bytes(4, "big")
    broken = png()[:40]
    for data in (deep, coloured, bytes(huge), broken, b"GIF89a", b""):
        _swap_golden(library, data)
        with pytest.raises(BlobInvalid) as caught:
            open_library(library).golden_images("net-0")
        _one_line(caught.value, "PNG")


def test_a_golden_image_that_does_not_fit_its_name_is_refused(library: Path) -> None:
    _swap_golden(library, png(99), name="0" * 64)
    with pytest.raises(DigestMismatch):
        open_library(library).golden_images("net-0")


def test_a_manifest_with_rubbish_names_file_and_reason(library: Path) -> None:
    (library / "manifest.json").write_text("{")
    with pytest.raises(ManifestInvalid, match=r"manifest\.json: -: "):
        open_library(library)


def test_verify_counts_what_is_sound_and_lists_what_is_not(library: Path) -> None:
    report = verify_library(library)
    assert (report.ok, report.blobs, report.goldens) == (True, 2, 2)
    blob = _blob(library, 1)
    data = bytearray(blob.read_bytes())
    data[50] ^= 1
    blob.write_bytes(data)
    report = verify_library(library)
    assert (report.ok, report.blobs, len(report.problems)) == (False, 1, 1)
    assert not verify_library(library / "none").ok


@settings(max_examples=80, deadline=None, derandomize=True)
@given(place=st.data())
def test_any_bit_of_a_blob_or_golden_image_counts(
    place: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Weights have no redundancy of their own; the digest in the manifest is theirs."""
    library = publish_tiny(tmp_path_factory.mktemp("bits") / "library")
    file = place.draw(st.sampled_from(sorted([*library.glob("blobs/*"), *library.glob("golden/*")])))
    data = bytearray(file.read_bytes())
    bit = place.draw(st.integers(0, 8 * len(data) - 1))
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)
    report = verify_library(library)
    assert [file.name in problem for problem in report.problems] == [True]


def test_show_lists_the_fastest_first(library: Path) -> None:
    summary = show_library(library)
    assert [row.id for row in summary.subnets] == ["net-0", "net-1"]
    assert (summary.name, summary.version, summary.labels[0]) == ("tiny", 1, "ok")


def test_opening_a_library_loads_no_heavy_package(library: Path) -> None:
    code = (
        "import sys; from agent.library import open_library; l = open_library(sys.argv[1]); l.read_blob('net-0');"
        "assert not {'openvino', 'torch', 'PIL', 'safetensors', 'cryptography'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(library)], check=True, timeout=60)

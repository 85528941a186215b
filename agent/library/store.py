"""An opened library: what it holds, and its blobs and golden images, checked each time they are read."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.domain import subnet as domain
from agent.errors import BadInput, BlobInvalid, LibraryError, LibraryNotFound, SignatureInvalid
from agent.library import signing
from agent.library.blob import FORMATS, BlobFormat, BlobInfo, InputMismatch
from agent.library.files import check_digest, check_stat, read_regular
from agent.library.formats import inspect_blob, platform_of
from agent.library.manifest import (
    MAX_MANIFEST_BYTES,
    Artifact,
    Manifest,
    Subnet,
    decode_manifest,
    manifest_digest,
)

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.sig"
MAX_GOLDEN_BYTES = 8 * 1024 * 1024
MAX_GOLDEN_SIDE = 4096

_PNG_GREY, _PNG_RGB = 0, 2


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """A golden image, decoded: pixels uint8 (height, width) grey or (height, width, 3) RGB."""

    golden: domain.Golden
    pixels: NDArray[np.uint8]


class Library:
    """One published library version. Safe to share between threads: it is never changed after opening."""

    def __init__(self, path: Path, manifest: Manifest, digest: str, accepted_formats: tuple[BlobFormat, ...]) -> None:
        self.path = path
        self.manifest = manifest
        self.digest = digest
        self.accepted_formats = accepted_formats
        self.catalogue = manifest.to_catalogue(digest)
        self._subnets = {subnet.id: subnet for subnet in manifest.subnets}

    def artifact(self, subnet_id: str) -> Artifact:
        """The artifact of a sub-net that will be uploaded. Raises LibraryError where none is accepted."""
        subnet = self._subnet(subnet_id)
        for wanted in self.accepted_formats:
            for artifact in subnet.artifacts:
                if artifact.format == wanted:
                    return artifact
        offered = ", ".join(artifact.format for artifact in subnet.artifacts)
        accepted = ", ".join(self.accepted_formats) or "none"
        raise LibraryError(f"{self.path}: sub-net {subnet_id!r} is there as {offered}; accepted: {accepted}")

    def read_blob(self, subnet_id: str) -> bytes:
        """The bytes to upload: those whose size, digest, format and input shape were just checked.

        Blocks on the disk. Raises LibraryError, BlobMissing, DigestMismatch, BlobInvalid, InputMismatch.
        """
        return self.read_artifact(subnet_id, self.artifact(subnet_id))

    def read_artifact(self, subnet_id: str, artifact: Artifact) -> bytes:
        """As `read_blob`, for one artifact of the sub-net."""
        path = self.path / artifact.file
        data = read_regular(path, artifact.size_bytes)
        check_digest(data, artifact.sha256, path)
        info = inspect_blob(data, str(path), artifact.format, platform_of(artifact.target))
        if info.shaves not in (None, artifact.shaves):
            raise BlobInvalid(f"{path}: compiled for {info.shaves} SHAVEs, the manifest says {artifact.shaves}")
        self._check_shapes(self._subnet(subnet_id), info, path)
        return data

    def golden_images(self, subnet_id: str) -> tuple[GoldenImage, ...]:
        """The golden images of a sub-net, decoded. Blocks on the disk. Raises LibraryError leaves."""
        subnet = self.catalogue.get(subnet_id)
        if subnet is None:
            raise BadInput("subnet", f"{subnet_id!r} is not in library {self.manifest.name!r}")
        return tuple(self._golden_image(golden, subnet.input.channels) for golden in subnet.goldens)

    def _golden_image(self, golden: domain.Golden, channels: int) -> GoldenImage:
        path = self.path / golden.image
        data = read_regular(path, MAX_GOLDEN_BYTES)
        check_digest(data, path.stem, path)
        return GoldenImage(golden, decode_golden(data, channels, str(path)))

    def _subnet(self, subnet_id: str) -> Subnet:
        subnet = self._subnets.get(subnet_id)
        if subnet is None:
            raise BadInput("subnet", f"{subnet_id!r} is not in library {self.manifest.name!r}")
        return subnet

    def _check_shapes(self, subnet: Subnet, info: BlobInfo, path: Path) -> None:
        """Shapes where the file tells them, else the numbers of values."""
        declared = self.manifest.input_of(subnet)
        wanted = (1, declared.channels, declared.height, declared.width)
        if info.input_shape is not None and info.input_shape != wanted:
            raise InputMismatch(f"{path}: input {list(info.input_shape)}, the manifest says {list(wanted)}")
        if info.inputs not in (None, math.prod(wanted)):
            raise InputMismatch(f"{path}: input of {info.inputs} values, the manifest says {list(wanted)}")
        classes = len(self.manifest.task.labels)
        if info.output_shape is not None and info.output_shape != (1, classes):
            raise BlobInvalid(f"{path}: output {list(info.output_shape)}, the labels need {[1, classes]}")
        if info.outputs not in (None, classes):
            raise BlobInvalid(f"{path}: output of {info.outputs} values, the labels need {classes}")


def open_library(
    path: Path | str,
    accepted_formats: Sequence[str] = FORMATS,
    trusted_keys: Sequence[Path] = (),
) -> Library:
    """Read the manifest and check that every accepted artifact and golden image is there.

    `path` may be a symbolic link to a version; it is followed once, here. With `trusted_keys` (PEM files) the
    manifest must be signed by one of them. Blocks on the disk. Raises LibraryError leaves.
    """
    unknown = [name for name in accepted_formats if name not in FORMATS]
    if unknown:
        raise BadInput("accepted_formats", f"{unknown[0]!r} is unknown; known: {', '.join(FORMATS)}")
    root = followed(Path(path))
    if not (root / MANIFEST_NAME).is_file():
        raise LibraryNotFound(f"{path}: no library here ({MANIFEST_NAME} is missing); build or copy one")
    data = read_regular(root / MANIFEST_NAME, MAX_MANIFEST_BYTES)
    if trusted_keys:
        _check_signature(root, data, trusted_keys)
    manifest = decode_manifest(data, str(root / MANIFEST_NAME))
    accepted = tuple(name for name in FORMATS if name in accepted_formats)
    accepted = tuple(sorted(accepted, key=list(accepted_formats).index))
    library = Library(root, manifest, manifest_digest(data), accepted)
    _check_files(library)
    return library


def followed(path: Path) -> Path:
    """Where `path` leads now: a link that is turned while a library is read must not mix two versions."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as exc:  # RuntimeError: a circle of links, before Python 3.13
        raise LibraryNotFound(f"{path}: cannot be followed: {exc}") from exc


def decode_golden(data: bytes, channels: int, where: str) -> NDArray[np.uint8]:
    """Pixels of an 8-bit PNG: (h, w) for one channel, (h, w, 3) RGB for three. Raises BlobInvalid."""
    from PIL import Image

    _check_png_header(data, channels, where)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            return np.array(image, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as exc:  # Pillow raises SyntaxError for broken PNG chunks
        raise BlobInvalid(f"{where}: not a readable PNG: {exc}") from exc


def _check_png_header(data: bytes, channels: int, where: str) -> None:
    """Size and depth from the first chunk, before any pixel is unpacked: a small PNG can hold a huge image."""
    if len(data) < 33 or not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        raise BlobInvalid(f"{where}: not a PNG")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    wanted = _PNG_GREY if channels == 1 else _PNG_RGB
    if depth != 8 or colour != wanted:
        raise BlobInvalid(f"{where}: PNG depth {depth} colour type {colour}, expected 8 and {wanted}")
    if not 1 <= width <= MAX_GOLDEN_SIDE or not 1 <= height <= MAX_GOLDEN_SIDE:
        raise BlobInvalid(f"{where}: PNG of {width}x{height} pixels, expected 1 .. {MAX_GOLDEN_SIDE} a side")


def _check_signature(root: Path, data: bytes, trusted_keys: Sequence[Path]) -> None:
    path = root / SIGNATURE_NAME
    if not path.is_file():
        raise SignatureInvalid(f"{path}: missing, but trusted keys are configured; sign the library")
    signing.verify(data, read_regular(path, 4096), trusted_keys, str(path))


def _check_files(library: Library) -> None:
    for subnet in library.manifest.subnets:
        for artifact in subnet.artifacts:
            if artifact.format in library.accepted_formats:
                check_stat(library.path / artifact.file, artifact.size_bytes)
        for golden in subnet.golden:
            check_stat(library.path / golden.image)

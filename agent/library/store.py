"""An opened library: what it holds, and its blobs and golden images, checked each time they are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.domain import subnet as domain
from agent.errors import BadInput, BlobInvalid, LibraryError, LibraryNotFound, SignatureInvalid
from agent.library import signing
from agent.library.blob import FORMATS, BlobFormat, BlobInfo, InputMismatch, Platform
from agent.library.files import check_digest, check_members, has_member, read_member
from agent.library.formats import inspect_blob, platform_of
from agent.library.manifest import (
    MAX_MANIFEST_BYTES,
    Artifact,
    Manifest,
    Subnet,
    decode_manifest,
    manifest_digest,
)
from agent.library.png import MAX_GOLDEN_BYTES, decode_golden

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.sig"
MAX_SIGNATURE_BYTES = 4096
MAX_UNPACKED_BYTES = 128 * 1024 * 1024  # of all golden images of a sub-net; they are in memory during a swap
CAMERA_PLATFORM: Platform = "myriad2"  # what every Firefly DL has (facts/firefly-dl.md section 1)


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """A golden image, decoded: pixels uint8 (height, width) grey or (height, width, 3) RGB."""

    golden: domain.Golden
    pixels: NDArray[np.uint8]


class Library:
    """One published library version. Safe to share between threads: it is never changed after opening.

    Manifest and signature were read once, and what was verified is what was parsed: `manifest_bytes`. Blobs and golden
    images are read once for each use, from names and digests of that manifest only.
    """

    def __init__(
        self, path: Path, manifest: Manifest, manifest_bytes: bytes, accepted_formats: tuple[BlobFormat, ...]
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.manifest_bytes = manifest_bytes
        self.digest = manifest_digest(manifest_bytes)
        self.accepted_formats = accepted_formats
        self.catalogue = manifest.to_catalogue(self.digest)
        self._subnets = {subnet.id: subnet for subnet in manifest.subnets}

    def accepting(self, formats: Sequence[str]) -> Library:
        """The same version for a camera that takes those formats; checks that their files are there.

        Raises BadInput, LibraryError leaves.
        """
        library = copy(self)
        library.accepted_formats = _in_order(formats)
        _check_artifacts(library)
        return library

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
        """The bytes to upload: those whose size, digest, format, processor and input shape were just checked.

        Blocks on the disk. Raises LibraryError, BlobMissing, DigestMismatch, BlobInvalid, InputMismatch.
        """
        return self._read(subnet_id, self.artifact(subnet_id), CAMERA_PLATFORM)

    def read_artifact(self, subnet_id: str, artifact: Artifact) -> bytes:
        """As `read_blob`, for one artifact of the sub-net, on whatever processor its target has."""
        return self._read(subnet_id, artifact, platform_of(artifact.target))

    def _read(self, subnet_id: str, artifact: Artifact, platform: Platform | None) -> bytes:
        path = self.path / artifact.file
        data = read_member(self.path, artifact.file, artifact.size_bytes)
        check_digest(data, artifact.sha256, path)
        info = inspect_blob(data, str(path), artifact.format, platform)
        if info.shaves not in (None, artifact.shaves):
            raise BlobInvalid(f"{path}: compiled for {info.shaves} SHAVEs, the manifest says {artifact.shaves}")
        self._check_shapes(self._subnet(subnet_id), info, path)
        return data

    def golden_images(self, subnet_id: str) -> tuple[GoldenImage, ...]:
        """The golden images of a sub-net, decoded. Blocks on the disk. Raises LibraryError leaves."""
        subnet = self.catalogue.get(subnet_id)
        if subnet is None:
            raise BadInput("subnet", f"{subnet_id!r} is not in library {self.manifest.name!r}")
        images, unpacked_bytes = [], 0
        for golden in subnet.goldens:
            image = self._golden_image(golden, subnet.input.channels)
            unpacked_bytes += image.pixels.nbytes
            if unpacked_bytes > MAX_UNPACKED_BYTES:
                raise BlobInvalid(
                    f"{self.path}: golden images of sub-net {subnet_id!r} unpack to more than the"
                    f" {MAX_UNPACKED_BYTES} bytes allowed; take fewer or smaller ones"
                )
            images.append(image)
        return tuple(images)

    def _golden_image(self, golden: domain.Golden, channels: int) -> GoldenImage:
        path = self.path / golden.image
        data = read_member(self.path, golden.image, MAX_GOLDEN_BYTES)
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
    trusted_keys: Sequence[Path] | None = None,
) -> Library:
    """Read the manifest and check that every accepted artifact and golden image is there.

    `path` may be a symbolic link to a version; it is followed once, here. With `trusted_keys` (PEM files) the
    manifest must be signed by one of them; an empty list trusts nobody. Blocks on the disk. Raises LibraryError leaves.
    """
    accepted = _in_order(accepted_formats)
    root = followed(Path(path))
    if not has_member(root, MANIFEST_NAME):
        raise LibraryNotFound(f"{path}: no library here ({MANIFEST_NAME} is missing); build or copy one")
    data = read_member(root, MANIFEST_NAME, MAX_MANIFEST_BYTES)
    if trusted_keys is not None:
        _check_signature(root, data, trusted_keys)
    library = Library(root, decode_manifest(data, str(root / MANIFEST_NAME)), data, accepted)
    _check_artifacts(library)
    _check_goldens(library)
    return library


def _in_order(formats: Sequence[str]) -> tuple[BlobFormat, ...]:
    """The formats of that list, in its order; raises BadInput for an unknown one."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise BadInput("accepted_formats", f"{unknown[0]!r} is unknown; known: {', '.join(FORMATS)}")
    return tuple(sorted((name for name in FORMATS if name in formats), key=list(formats).index))


def followed(path: Path) -> Path:
    """Where `path` leads now: a link that is turned while a library is read must not mix two versions."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as exc:  # RuntimeError: a circle of links, before Python 3.13
        raise LibraryNotFound(f"{path}: cannot be followed: {exc}") from exc


def _check_signature(root: Path, data: bytes, trusted_keys: Sequence[Path]) -> None:
    path, keys = root / SIGNATURE_NAME, signing.trusted(trusted_keys)
    if not has_member(root, SIGNATURE_NAME):
        raise SignatureInvalid(f"{path}: missing, but trusted keys are configured; sign the library")
    signing.verify(data, read_member(root, SIGNATURE_NAME, MAX_SIGNATURE_BYTES), keys, str(path))


def _check_artifacts(library: Library) -> None:
    check_members(
        library.path,
        (
            (artifact.file, artifact.size_bytes)
            for subnet in library.manifest.subnets
            for artifact in subnet.artifacts
            if artifact.format in library.accepted_formats
        ),
    )


def _check_goldens(library: Library) -> None:
    images = ((golden.image, None) for subnet in library.manifest.subnets for golden in subnet.golden)
    check_members(library.path, images)

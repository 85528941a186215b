"""What `library show` and `library verify` tell."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from agent.errors import LibraryError
from agent.library.blob import FORMATS, MAX_BLOB_BYTES, BlobFormat, BlobInfo, Platform
from agent.library.files import has_member, read_regular
from agent.library.formats import inspect_blob, sniff
from agent.library.store import SIGNATURE_NAME, Library, open_library

# More than the longest header that a magic number lies in.
_FIRST_LOOK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class SubnetRow:
    """One rung, ready to print. Times in milliseconds, accuracy as shares."""

    id: str
    resolution: int
    params: int
    macs_dense: int
    macs_depthwise: int
    layers: int
    top1: float
    ci95_low: float
    ci95_high: float
    predicted_ms: float
    preprocessing_ms: float
    size_bytes: int
    formats: tuple[str, ...]
    goldens: int


@dataclass(frozen=True, slots=True)
class LibrarySummary:
    """A library in short, fastest sub-net first."""

    path: str
    name: str
    version: int
    created: int
    digest: str
    task: str
    labels: tuple[str, ...]
    subnets: tuple[SubnetRow, ...]
    signed: bool


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Result of reading every file of a library; `problems` has one line each.

    `signature`: none is there, one is there that no key was given for, or one of a trusted key.
    """

    path: str
    digest: str | None
    blobs: int
    goldens: int
    problems: tuple[str, ...]
    signature: Literal["none", "unchecked", "trusted"] = "none"

    @property
    def ok(self) -> bool:
        """Nothing was found wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class FileReport:
    """What `library inspect` tells of one file."""

    path: str
    sha256: str
    info: BlobInfo


def show_library(path: Path) -> LibrarySummary:
    """Summarise a library. Raises LibraryError leaves."""
    library = open_library(path)
    manifest = library.manifest
    return LibrarySummary(
        str(library.path),
        manifest.name,
        manifest.version,
        manifest.created,
        library.digest,
        manifest.task.type,
        manifest.task.labels,
        subnet_rows(library),
        has_member(library.path, SIGNATURE_NAME),
    )


def subnet_rows(library: Library) -> tuple[SubnetRow, ...]:
    """All rungs, fastest first."""
    return tuple(sorted((_row(library, index) for index in range(len(library.manifest.subnets))), key=_by_time))


def verify_library(path: Path, trusted_keys: Sequence[Path] | None = None) -> VerifyReport:
    """Read and check every artifact and golden image; faults end up in the report, none is raised."""
    try:
        library = open_library(path, FORMATS, trusted_keys)
    except LibraryError as exc:
        return VerifyReport(str(path), None, 0, 0, (str(exc),))
    problems: list[str] = []
    blobs = goldens = 0
    for subnet in library.manifest.subnets:
        for artifact in subnet.artifacts:
            blobs += _works(partial(library.read_artifact, subnet.id, artifact), problems)
        goldens += len(subnet.golden) * _works(partial(library.golden_images, subnet.id), problems)
    signature: Literal["none", "unchecked", "trusted"] = "unchecked" if trusted_keys is None else "trusted"
    if not has_member(library.path, SIGNATURE_NAME):
        signature = "none"
    return VerifyReport(str(library.path), library.digest, blobs, goldens, tuple(problems), signature)


def inspect_file(path: Path, platform: Platform | None = None) -> FileReport:
    """What a blob, graph or IR file is; with `platform` it must not be made for another processor.

    Raises BlobMissing, BlobInvalid.
    """
    # Links are followed once, here; `realpath` leaves a circle of them to the opening, which refuses it.
    data = read_regular(Path(os.path.realpath(path)), MAX_BLOB_BYTES)
    return FileReport(str(path), hashlib.sha256(data).hexdigest(), inspect_blob(data, str(path), platform=platform))


def first_look(path: Path) -> tuple[BlobFormat | None, int | None]:
    """Format by magic number and size of a file that need not be sound; None where even that cannot be told."""
    if not path.is_file():
        return None, None
    with path.open("rb") as file:
        return sniff(file.read(_FIRST_LOOK_BYTES)), path.stat().st_size


def _works(check: Callable[[], object], problems: list[str]) -> int:
    try:
        check()
    except LibraryError as exc:
        problems.append(str(exc))
        return 0
    return 1


def _row(library: Library, index: int) -> SubnetRow:
    subnet = library.manifest.subnets[index]
    return SubnetRow(
        subnet.id,
        library.manifest.input_of(subnet).width,
        subnet.params,
        subnet.macs_dense,
        subnet.macs_depthwise,
        subnet.layers,
        subnet.accuracy.top1,
        subnet.accuracy.ci95_low,
        subnet.accuracy.ci95_high,
        subnet.latency.predicted_ms,
        subnet.latency.preprocessing_ms,
        subnet.artifacts[0].size_bytes,
        tuple(artifact.format for artifact in subnet.artifacts),
        len(subnet.golden),
    )


def _by_time(row: SubnetRow) -> tuple[float, str]:
    return row.predicted_ms, row.id

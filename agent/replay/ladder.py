"""The sub-nets of a replay: accuracy, service time as profiled, and what a swap to each costs.

Read from a library (its manifest alone is enough), or from a plain profile:

    {"schema": "ofa-agent.profile/1",
     "subnets": [{"id": "small", "top1": 0.714, "service_ms": 20.0, "size_bytes": 4500000},
                 {"id": "large", "top1": 0.801, "service_ms": 143.0, "swap_s": 3.6}]}

`swap_s` is a measured swap; without it the swap is computed from `size_bytes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from agent.domain.subnet import Accuracy, Catalogue, InputSpec, Subnet
from agent.errors import BadInput
from agent.library import FORMATS
from agent.library.manifest import MAX_MANIFEST_BYTES, SCHEMA, decode_manifest, manifest_digest
from agent.library.store import MANIFEST_NAME
from agent.replay.trace import Floats

PROFILE_SCHEMA: Literal["ofa-agent.profile/1"] = "ofa-agent.profile/1"
# A swap without and for each million bytes of upload (interfaces.md section 7).
SWAP_BASE_S = 1.0
SWAP_S_PER_MB = 0.22

_INPUT = InputSpec(1, 1, 1, "Mono8", (0.0,), (1.0,))  # no image is seen in a replay


@dataclass(frozen=True, slots=True)
class Net:
    """One sub-net; `service_ms` as profiled, at a slow-down of 1."""

    id: str
    top1: float
    service_ms: float
    swap_s: float


@dataclass(frozen=True)
class Ladder:
    """Sub-nets in the order of their source; policies and runs name them by their place."""

    nets: tuple[Net, ...]

    @cached_property
    def top1(self) -> Floats:
        return np.array([net.top1 for net in self.nets])

    @cached_property
    def service_ms(self) -> Floats:
        return np.array([net.service_ms for net in self.nets])

    @cached_property
    def swap_s(self) -> Floats:
        return np.array([net.swap_s for net in self.nets])

    @cached_property
    def by_speed(self) -> tuple[int, ...]:
        """Places from the fastest to the slowest; of equally fast ones the more accurate first."""
        return tuple(sorted(range(len(self.nets)), key=lambda k: (self.nets[k].service_ms, -self.nets[k].top1)))

    @cached_property
    def catalogue(self) -> Catalogue:
        """The same nets as the daemon's policy wants them."""
        subnets = tuple(
            Subnet(
                net.id,
                None,
                0,
                0,
                0,
                0,
                Accuracy(net.top1, 1, net.top1, net.top1, "replay"),
                net.service_ms,
                "replay",
                _INPUT,
                (),
                (),
            )
            for net in self.nets
        )
        return Catalogue("replay", 1, "", "classification", (), subnets)


class _Subnet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    top1: Annotated[float, Meta(ge=0.0, le=1.0)]
    service_ms: Annotated[float, Meta(gt=0.0, le=1e6)]
    size_bytes: Annotated[int, Meta(ge=1)] | None = None
    swap_s: Annotated[float, Meta(ge=0.0, le=1e4)] | None = None


class _Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal["ofa-agent.profile/1"]
    subnets: Annotated[tuple[_Subnet, ...], Meta(min_length=1, max_length=10_000)]


def read_ladder(path: Path, swap_base_s: float = SWAP_BASE_S, swap_s_per_mb: float = SWAP_S_PER_MB) -> Ladder:
    """From a library folder, a manifest file or a profile file. Raises BadInput or ManifestInvalid."""
    file, data = _read(path)

    def swap_s(size_bytes: int) -> float:
        return swap_base_s + swap_s_per_mb * size_bytes / 1e6

    if _is_manifest(path, data):
        catalogue = decode_manifest(data, str(file)).to_catalogue(manifest_digest(data))
        return Ladder(tuple(_of_library(subnet, swap_s(_size_bytes(subnet))) for subnet in catalogue.subnets))
    try:
        profile = msgspec.json.decode(data, type=_Profile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadInput(str(file), f"is no profile ({PROFILE_SCHEMA}): {exc}") from exc
    ids = [subnet.id for subnet in profile.subnets]
    nets = []
    for place, subnet in enumerate(profile.subnets):
        if subnet.id in ids[:place]:
            raise BadInput(f"{file}: subnets[{place}].id", f"{subnet.id!r} is used twice")
        cost_s = subnet.swap_s
        if cost_s is None and subnet.size_bytes is None:
            raise BadInput(f"{file}: subnets[{place}]", "neither swap_s nor size_bytes is given; give one")
        if cost_s is None:
            cost_s = swap_s(subnet.size_bytes or 0)
        nets.append(Net(subnet.id, subnet.top1, subnet.service_ms, cost_s))
    return Ladder(tuple(nets))


def digests_of(path: Path) -> dict[str, tuple[str, ...]]:
    """sha256 of the artifacts of each sub-net of a library; empty for a plain profile, which has none. Raises as
    `read_ladder`."""
    file, data = _read(path)
    if not _is_manifest(path, data):
        return {}
    catalogue = decode_manifest(data, str(file)).to_catalogue(manifest_digest(data))
    return {subnet.id: tuple(artifact.sha256 for artifact in subnet.artifacts) for subnet in catalogue.subnets}


def _read(path: Path) -> tuple[Path, bytes]:
    file = path / MANIFEST_NAME if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_MANIFEST_BYTES + 1)
    except OSError as exc:
        raise BadInput(str(file), f"cannot be read: {exc.strerror}; name a library folder or a profile") from exc
    return file, data


def _is_manifest(path: Path, data: bytes) -> bool:
    return path.is_dir() or SCHEMA.encode() in data


def ladder_of(rows: Sequence[tuple[str, float, float, float]]) -> Ladder:
    """From (id, top1, service_ms, swap_s)."""
    return Ladder(tuple(Net(*row) for row in rows))


def _of_library(subnet: Subnet, swap_s: float) -> Net:
    return Net(subnet.id, subnet.accuracy.top1, subnet.predicted_ms, swap_s)


def _size_bytes(subnet: Subnet) -> int:
    """Of the artifact that a camera which takes every format would get."""
    artifact = subnet.artifact(FORMATS)
    return artifact.size_bytes if artifact is not None else 0

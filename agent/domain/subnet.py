"""A sub-net, its artifacts and the catalogue of a library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Arch:
    """Elastic kernel, expansion, depth and resolution (facts/ofa.md 1.5), canonicalised."""

    ks: tuple[int, ...]
    e: tuple[float, ...]
    d: tuple[int, ...]
    r: int


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the camera's pre-processing must deliver; (pixel - mean) / scale per channel, pixels 0..255."""

    width: int
    height: int
    channels: int
    pixel_format: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled form of a sub-net; `file` is relative to the library."""

    format: str
    target: str
    shaves: int
    file: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Golden:
    """A test image with the answer the network must give; `image` is relative to the library."""

    image: str
    class_id: int
    confidence: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Top-1 share on `n` held-out images with its 95 % interval."""

    top1: float
    n: int
    ci95_low: float
    ci95_high: float
    dataset: str


@dataclass(frozen=True, slots=True)
class Subnet:
    """One rung of the ladder. `predicted_ms` is a service time (interfaces.md section 3)."""

    id: str
    arch: Arch | None
    params: int
    macs_dense: int
    macs_depthwise: int
    layers: int
    accuracy: Accuracy
    predicted_ms: float
    latency_source: str
    input: InputSpec
    artifacts: tuple[Artifact, ...]
    goldens: tuple[Golden, ...]

    def artifact(self, accepted_formats: tuple[str, ...]) -> Artifact | None:
        """The first artifact whose format is accepted, in the order of `accepted_formats`."""
        for wanted in accepted_formats:
            for artifact in self.artifacts:
                if artifact.format == wanted:
                    return artifact
        return None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All sub-nets of one library version; `digest` is the sha256 of the manifest's bytes."""

    name: str
    version: int
    digest: str
    task: str
    labels: tuple[str, ...]
    subnets: tuple[Subnet, ...]
    _by_id: Mapping[str, Subnet] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Of two with one id the first counts; a library has no two.
        object.__setattr__(self, "_by_id", {subnet.id: subnet for subnet in reversed(self.subnets)})

    def get(self, subnet_id: str) -> Subnet | None:
        """The sub-net of that id, or None."""
        return self._by_id.get(subnet_id)

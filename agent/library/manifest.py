"""`manifest.json`, schema "ofa-agent.library/1": typed, strictly decoded, deterministically encoded.

Unknown keys, wrong types, out-of-range numbers, duplicate ids and names that could leave the library folder are
refused with one line `FILE: KEY: reason`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from agent.domain import subnet as domain
from agent.errors import ManifestInvalid, shown
from agent.library.blob import EXTENSIONS, MAX_BLOB_BYTES, BlobFormat

K = TypeVar("K")
V = TypeVar("V")
SCHEMA: Literal["ofa-agent.library/1"] = "ofa-agent.library/1"
MAX_SUBNETS = 10_000
MAX_MANIFEST_BYTES = 48 * 1024 * 1024  # so many sub-nets of a full-size search take half of it
DEFAULT_TOLERANCE = 0.05
_MAX_VALUES = 2**21  # commas: numbers of two bytes each would be as much memory as fifty manifests
_MAX_BLOCKS = 64  # the largest family has twenty

# An id travels in log lines, metrics labels and file names: no slash, no dot first, no space.
Identifier = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")]
# Printable: it is shown on terminals and pages, where control characters and those that turn the direction of writing
# would show something else than what is there.
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"\A[^{_UNSEEN}]*\Z")]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
BlobFile = Annotated[str, Meta(pattern=r"\Ablobs/[0-9a-f]{64}\.(graph|blob|ovir)\Z")]
GoldenFile = Annotated[str, Meta(pattern=r"\Agolden/[0-9a-f]{64}\.png\Z")]
Count = Annotated[int, Meta(ge=0, le=10**15)]
Positive = Annotated[int, Meta(ge=1, le=10**9)]
Side = Annotated[int, Meta(ge=1, le=4096)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Milliseconds = Annotated[float, Meta(gt=0.0, le=1e6)]
PixelFormat = Literal["Mono8", "BGR8", "RGB8"]

_CHANNELS: dict[PixelFormat, int] = {"Mono8": 1, "BGR8": 3, "RGB8": 3}


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """Base of all records: immutable, no unknown keys, and in no cycle that a collector would have to look for."""


class Task(_Record, frozen=True):
    """What the networks answer; output i means `labels[i]`."""

    type: Literal["classification"]
    labels: Annotated[tuple[Text, ...], Meta(min_length=2, max_length=10_000)]


class Input(_Record, frozen=True):
    """Input of a network: (pixel - mean) / scale per channel, pixels 0..255 (facts/firefly-dl.md S13)."""

    width: Side
    height: Side
    channels: Literal[1, 3]
    pixel_format: PixelFormat
    mean: Annotated[tuple[Annotated[float, Meta(ge=-1e6, le=1e6)], ...], Meta(max_length=3)]
    scale: Annotated[tuple[Annotated[float, Meta(gt=0.0, le=1e6)], ...], Meta(max_length=3)]


class Supernet(_Record, frozen=True):
    """Where the sub-nets were cut from."""

    family: Identifier
    sha256: Sha256


class Arch(_Record, frozen=True, omit_defaults=True):
    """Elastic choices, canonicalised: entries of skipped blocks are 0. `w` is used by ResNet50D only."""

    ks: Annotated[tuple[Annotated[int, Meta(ge=0, le=31)], ...], Meta(max_length=_MAX_BLOCKS)]
    e: Annotated[tuple[Annotated[float, Meta(ge=0.0, le=64.0)], ...], Meta(max_length=_MAX_BLOCKS)]
    d: Annotated[tuple[Annotated[int, Meta(ge=0, le=64)], ...], Meta(max_length=_MAX_BLOCKS)]
    r: Side
    w: Annotated[tuple[Annotated[int, Meta(ge=0, le=64)], ...], Meta(max_length=_MAX_BLOCKS)] = ()


class Accuracy(_Record, frozen=True):
    """Top-1 share on held-out images with its Wilson 95 % interval."""

    top1: Share
    n: Positive
    ci95_low: Share
    ci95_high: Share
    dataset: Text


class Latency(_Record, frozen=True, omit_defaults=True):
    """Predicted service time; `preprocessing_ms` is the part of it spent before the network runs."""

    predicted_ms: Milliseconds
    source: Text
    preprocessing_ms: Annotated[float, Meta(ge=0.0, le=1e6)] = 0.0


class Calibration(_Record, frozen=True):
    """Images the batch-norm statistics were re-estimated on; `sha256` is over their bytes in order."""

    images: Positive
    sha256: Sha256


class Head(_Record, frozen=True, omit_defaults=True):
    """Which last layer was kept, the supernet's or one fitted on the user's images, and the top-1 of both.

    `supernet_top1` is missing where the supernet answers other classes.
    """

    kept: Literal["supernet", "fitted"]
    fitted_top1: Share
    supernet_top1: Share | None = None


class Artifact(_Record, frozen=True):
    """One compiled form of a sub-net; the file name is its digest."""

    format: BlobFormat
    target: Identifier
    shaves: Annotated[int, Meta(ge=1, le=16)]
    file: BlobFile
    sha256: Sha256
    size_bytes: Annotated[int, Meta(ge=1, le=MAX_BLOB_BYTES)]


class Golden(_Record, frozen=True):
    """A test image and the answer the network must give for it."""

    image: GoldenFile
    class_id: Annotated[int, Meta(ge=0, le=9_999)]
    confidence: Share
    tolerance: Annotated[float, Meta(gt=0.0, le=0.5)] = DEFAULT_TOLERANCE


class Subnet(_Record, frozen=True, omit_defaults=True):
    """One rung of the ladder."""

    id: Identifier
    arch: Arch | None
    params: Count
    macs_dense: Count
    macs_depthwise: Count
    layers: Count
    accuracy: Accuracy
    latency: Latency
    artifacts: Annotated[tuple[Artifact, ...], Meta(min_length=1, max_length=16)]
    golden: Annotated[tuple[Golden, ...], Meta(max_length=64)]
    input: Input | None = None
    calibration: Calibration | None = None
    head: Head | None = None


class Manifest(_Record, frozen=True):
    """A library version. `created` is unix seconds; `version` only ever grows."""

    schema: Literal["ofa-agent.library/1"]
    name: Identifier
    version: Positive
    created: Annotated[int, Meta(ge=0, le=2**40)]
    task: Task
    input: Input
    supernet: Supernet | None
    subnets: Annotated[tuple[Subnet, ...], Meta(min_length=1, max_length=MAX_SUBNETS)]

    def input_of(self, subnet: Subnet) -> Input:
        """The input of one sub-net: its own, else the library's."""
        return self.input if subnet.input is None else subnet.input

    def to_catalogue(self, digest: str) -> domain.Catalogue:
        """The same content for the layers above; `digest` is the sha256 of the manifest's bytes."""
        inputs, goldens = _Shared(_input), _Shared(_golden)
        subnets = tuple(_to_domain(subnet, inputs[self.input_of(subnet)], goldens) for subnet in self.subnets)
        return domain.Catalogue(self.name, self.version, digest, self.task.type, self.task.labels, subnets)


def decode_manifest(data: bytes, where: str = "manifest.json") -> Manifest:
    """Parse and check manifest bytes; `where` names the file in errors. Raises ManifestInvalid."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise ManifestInvalid(f"{where}: -: {len(data)} bytes, at most {MAX_MANIFEST_BYTES}")
    if data.count(b",") > _MAX_VALUES:
        raise ManifestInvalid(f"{where}: -: more than {_MAX_VALUES} values")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ManifestInvalid(_explain(where, str(exc))) from exc
    _check(manifest, where)
    return manifest


def encode_manifest(manifest: Manifest) -> bytes:
    """Deterministic bytes: sorted keys, two-space indent, newline at the end. Raises ManifestInvalid."""
    data = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"
    # What the strict reader would refuse must never be written.
    decode_manifest(data, "new manifest")
    return data


def manifest_digest(data: bytes) -> str:
    """Hex sha256 of the exact manifest bytes."""
    return hashlib.sha256(data).hexdigest()


def _explain(where: str, text: str) -> str:
    message, separator, path = text.partition(" - at ")
    key = re.sub(r"^\$\.?", "", path.strip("`")) if separator else ""
    return f"{where}: {shown(key) or '-'}: {shown(message.replace('`', ''))}"


def _check(manifest: Manifest, where: str) -> None:
    """Rules between fields, which types cannot say."""
    _check_input(manifest.input, f"{where}: input")
    seen: set[str] = set()
    for index, subnet in enumerate(manifest.subnets):
        at = f"{where}: subnets[{index}]"
        if subnet.id in seen:
            raise ManifestInvalid(f"{at}.id: {subnet.id!r} is used twice")
        seen.add(subnet.id)
        _check_subnet(subnet, len(manifest.task.labels), at)


def _check_subnet(subnet: Subnet, classes: int, at: str) -> None:
    if subnet.input is not None:
        _check_input(subnet.input, f"{at}.input")
    accuracy = subnet.accuracy
    if not accuracy.ci95_low <= accuracy.top1 <= accuracy.ci95_high:
        raise ManifestInvalid(
            f"{at}.accuracy: top1 {accuracy.top1} outside its interval {accuracy.ci95_low} .. {accuracy.ci95_high}"
        )
    if subnet.latency.preprocessing_ms > subnet.latency.predicted_ms:
        raise ManifestInvalid(f"{at}.latency.preprocessing_ms: more than predicted_ms")
    for index, artifact in enumerate(subnet.artifacts):
        expected = blob_file(artifact.sha256, artifact.format)
        if artifact.file != expected:
            raise ManifestInvalid(f"{at}.artifacts[{index}].file: {artifact.file}, expected {expected}")
    for index, golden in enumerate(subnet.golden):
        if golden.class_id >= classes:
            raise ManifestInvalid(f"{at}.golden[{index}].class_id: {golden.class_id}, labels end at {classes - 1}")


def _check_input(value: Input, at: str) -> None:
    if value.channels != _CHANNELS[value.pixel_format]:
        raise ManifestInvalid(f"{at}.channels: {value.channels} does not fit {value.pixel_format}")
    for key, values in (("mean", value.mean), ("scale", value.scale)):
        if len(values) != value.channels:
            raise ManifestInvalid(f"{at}.{key}: {len(values)} values, expected one per channel ({value.channels})")


def blob_file(sha256: str, blob_format: BlobFormat) -> str:
    """Library-relative name of a blob."""
    return f"blobs/{sha256}.{EXTENSIONS[blob_format]}"


def golden_file(sha256: str) -> str:
    """Library-relative name of a golden image."""
    return f"golden/{sha256}.png"


class _Shared(dict[K, V]):
    """One domain value for all records that are equal: thousands of sub-nets have the same few inputs and images."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make

    def __missing__(self, record: K) -> V:
        made = self[record] = self._make(record)
        return made


def _input(own: Input) -> domain.InputSpec:
    return domain.InputSpec(own.width, own.height, own.channels, own.pixel_format, own.mean, own.scale)


def _golden(golden: Golden) -> domain.Golden:
    return domain.Golden(golden.image, golden.class_id, golden.confidence, golden.tolerance)


def _to_domain(subnet: Subnet, own_input: domain.InputSpec, goldens: Mapping[Golden, domain.Golden]) -> domain.Subnet:
    arch, accuracy = subnet.arch, subnet.accuracy
    return domain.Subnet(
        id=subnet.id,
        arch=None if arch is None else domain.Arch(arch.ks, arch.e, arch.d, arch.r),
        params=subnet.params,
        macs_dense=subnet.macs_dense,
        macs_depthwise=subnet.macs_depthwise,
        layers=subnet.layers,
        accuracy=domain.Accuracy(accuracy.top1, accuracy.n, accuracy.ci95_low, accuracy.ci95_high, accuracy.dataset),
        predicted_ms=subnet.latency.predicted_ms,
        latency_source=subnet.latency.source,
        input=own_input,
        artifacts=tuple(
            domain.Artifact(a.format, a.target, a.shaves, a.file, a.sha256, a.size_bytes) for a in subnet.artifacts
        ),
        goldens=tuple(goldens[golden] for golden in subnet.golden),
    )

"""A finished sub-net as its manifest entry, its files and its row of the report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agent.builder.arch import Arch
from agent.builder.candidates import Candidate
from agent.builder.evaluate import Accuracy
from agent.builder.golden import Reference
from agent.builder.images import ImageSet
from agent.builder.plan import Net
from agent.builder.predict import LatencyLaw
from agent.builder.supernet import Normalisation, Supernet
from agent.builder.targets import Artifact
from agent.library import manifest as schema

MYRIAD2_SHAVES = 12

# Far below what is known of any of these values; keeps the manifest readable.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Transfer:
    """The supernet's last layer against a fitted one. `before` and `after` are on the held-out images, which chose
    nothing; the one with the better mean recall on the training images was kept, the fitted one cross-validated.

    `before` is None where the supernet answers other classes.
    """

    kept: Literal["supernet", "fitted"]
    before: Accuracy | None
    after: Accuracy
    strength: float
    cross_validated: float
    own_recall: float | None
    weighted: bool

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Transfer:
        """The inverse of `dataclasses.asdict`."""
        scores = {key: values[key] and Accuracy(**values[key]) for key in ("before", "after")}
        return cls(**{**values, **scores})


@dataclass(frozen=True, slots=True)
class BuiltSubnet:
    """One rung as it was built. `network_ms` is `predicted_ms` without pre-processing."""

    id: str
    arch: Arch
    top1: float
    ci95_low: float
    ci95_high: float
    predicted_ms: float
    network_ms: float
    size_bytes: int
    transfer: Transfer | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A calibrated, written and measured sub-net; the first of `artifacts` is the camera's.

    `folded`: they take raw pixels. `confusion` counts (true class, answer) on the held-out images, `recall` is the
    mean over the classes.
    """

    candidate: Candidate
    net: Net
    artifacts: tuple[Artifact, ...]
    score: Accuracy
    goldens: tuple[Reference, ...]
    folded: bool
    transfer: Transfer | None
    confusion: list[list[int]]
    recall: float

    @property
    def id(self) -> str:
        """Id in the library."""
        return self.candidate.arch.subnet_id()

    @property
    def size_bytes(self) -> int:
        """Upload to the camera."""
        return len(self.artifacts[0].data)

    @property
    def ir(self) -> bytes:
        """What the simulation runs, and every compiler starts from."""
        return next(one.data for one in self.artifacts if one.target == "simulated")

    def files(self) -> dict[str, bytes]:
        """Library-relative names and contents of all its files."""
        images = {schema.golden_file(golden.sha256): golden.png for golden in self.goldens}
        return {_artifact(one, self.shaves).file: one.data for one in self.artifacts} | images

    @property
    def shaves(self) -> int:
        """SHAVEs that it runs on, in the simulation too."""
        return self.artifacts[0].shaves or MYRIAD2_SHAVES

    def row(self, law: LatencyLaw) -> BuiltSubnet:
        """Its line of the report."""
        candidate, score = self.candidate, self.score
        return BuiltSubnet(
            self.id,
            candidate.arch,
            score.top1,
            score.ci95_low,
            score.ci95_high,
            candidate.predicted_ms,
            candidate.predicted_ms - law.fixed_ms,
            self.size_bytes,
            self.transfer,
        )


@dataclass(frozen=True, slots=True)
class Provenance:
    """What all entries of a library share: where their figures come from."""

    supernet: Supernet
    law: LatencyLaw
    calibration: ImageSet
    held_out: ImageSet


def subnet_entry(one: Finished, provenance: Provenance) -> schema.Subnet:
    """Manifest entry of one sub-net."""
    arch, counts, calibration = one.candidate.arch, one.candidate.counts, provenance.calibration
    return schema.Subnet(
        id=one.id,
        arch=schema.Arch(ks=arch.ks, e=arch.e, d=arch.d, r=arch.r, w=arch.w),
        params=counts.params,
        macs_dense=counts.macs_dense,
        macs_depthwise=counts.macs_depthwise,
        layers=counts.layers,
        accuracy=_accuracy(one.score, provenance.held_out.name),
        latency=_latency(one.candidate, provenance.law),
        input=_input(one, provenance.supernet.normalisation),
        calibration=schema.Calibration(images=len(calibration), sha256=calibration.sha256),
        artifacts=tuple(_artifact(artifact, one.shaves) for artifact in one.artifacts),
        golden=tuple(_golden(golden) for golden in one.goldens),
        head=None if one.transfer is None else _head(one.transfer),
    )


def library_manifest(
    name: str, version: int, created: int, made: Sequence[Finished], provenance: Provenance
) -> schema.Manifest:
    """The manifest of a whole library; its own input is that of the largest resolution."""
    supernet = provenance.supernet
    largest = max(made, key=lambda one: one.net.side_px)
    return schema.Manifest(
        schema=schema.SCHEMA,
        name=name,
        version=version,
        created=created,
        task=schema.Task(type="classification", labels=provenance.held_out.classes),
        input=_input(largest, supernet.normalisation),
        supernet=schema.Supernet(family=supernet.family.name, sha256=supernet.sha256),
        subnets=tuple(subnet_entry(one, provenance) for one in made),
    )


def _accuracy(score: Accuracy, dataset: str) -> schema.Accuracy:
    top1, low, high = (round(value, _DIGITS) for value in (score.top1, score.ci95_low, score.ci95_high))
    return schema.Accuracy(top1=top1, n=score.n, ci95_low=low, ci95_high=high, dataset=dataset)


def _latency(candidate: Candidate, law: LatencyLaw) -> schema.Latency:
    return schema.Latency(
        predicted_ms=round(candidate.predicted_ms, _DIGITS),
        source=f"{law.source}, x{law.time_scale:g}",
        preprocessing_ms=round(law.fixed_ms, _DIGITS),
    )


def _input(one: Finished, normalisation: Normalisation) -> schema.Input:
    """A network that has mean and scale folded in declares 0 and 1 (interfaces.md section 5)."""
    net = one.net
    neutral = (0.0,) * net.channels, (1.0,) * net.channels
    mean, scale = neutral if one.folded else (normalisation.mean, normalisation.scale)
    return schema.Input(
        width=net.side_px,
        height=net.side_px,
        channels=1 if net.channels == 1 else 3,
        pixel_format=normalisation.pixel_format,
        mean=mean,
        scale=scale,
    )


def _artifact(artifact: Artifact, shaves: int) -> schema.Artifact:
    """Manifest record; the simulation's twin has the `shaves` of the network that it stands for."""
    digest = hashlib.sha256(artifact.data).hexdigest()
    return schema.Artifact(
        format=artifact.format,
        target=artifact.target,
        shaves=(artifact.shaves or shaves) if artifact.target != "simulated" else shaves,
        file=schema.blob_file(digest, artifact.format),
        sha256=digest,
        size_bytes=len(artifact.data),
    )


def _head(transfer: Transfer) -> schema.Head:
    before = None if transfer.before is None else round(transfer.before.top1, _DIGITS)
    return schema.Head(kept=transfer.kept, supernet_top1=before, fitted_top1=round(transfer.after.top1, _DIGITS))


def _golden(golden: Reference) -> schema.Golden:
    return schema.Golden(
        image=schema.golden_file(golden.sha256),
        class_id=golden.class_id,
        confidence=golden.confidence,
        tolerance=golden.tolerance,
    )

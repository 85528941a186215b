"""A finished sub-net as its manifest entry, its files and its row of the report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.builder.arch import Arch
from agent.builder.evaluate import Accuracy
from agent.builder.golden import Reference
from agent.builder.images import ImageSet
from agent.builder.ladder import Candidate
from agent.builder.plan import Net
from agent.builder.predict import LatencyLaw
from agent.builder.supernet import Normalisation, Supernet
from agent.library import manifest as schema

IR_FORMAT: Literal["openvino-ir-10"] = "openvino-ir-10"
IR_TARGET = "simulated"
MYRIAD2_SHAVES = 12

# Far below what is known of any of these values; keeps the manifest readable.
_DIGITS = 6


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


@dataclass(frozen=True, slots=True)
class Finished:
    """A calibrated, written and measured sub-net; `blob` is its artifact."""

    candidate: Candidate
    net: Net
    blob: bytes
    score: Accuracy
    goldens: tuple[Reference, ...]

    @property
    def id(self) -> str:
        """Id in the library."""
        return self.candidate.arch.subnet_id()

    def files(self) -> dict[str, bytes]:
        """Library-relative names and contents of all its files."""
        images = {schema.golden_file(golden.sha256): golden.png for golden in self.goldens}
        return {self.artifact().file: self.blob} | images

    def artifact(self) -> schema.Artifact:
        """Manifest record of the blob."""
        digest = hashlib.sha256(self.blob).hexdigest()
        return schema.Artifact(
            format=IR_FORMAT,
            target=IR_TARGET,
            shaves=MYRIAD2_SHAVES,
            file=schema.blob_file(digest, IR_FORMAT),
            sha256=digest,
            size_bytes=len(self.blob),
        )

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
            len(self.blob),
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
        input=_input(one.net, provenance.supernet.normalisation),
        calibration=schema.Calibration(images=len(calibration), sha256=calibration.sha256),
        artifacts=(one.artifact(),),
        golden=tuple(_golden(golden) for golden in one.goldens),
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
        input=_input(largest.net, supernet.normalisation),
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


def _input(net: Net, normalisation: Normalisation) -> schema.Input:
    return schema.Input(
        width=net.side_px,
        height=net.side_px,
        channels=1 if net.channels == 1 else 3,
        pixel_format=normalisation.pixel_format,
        mean=normalisation.mean,
        scale=normalisation.scale,
    )


def _golden(golden: Reference) -> schema.Golden:
    return schema.Golden(
        image=schema.golden_file(golden.sha256),
        class_id=golden.class_id,
        confidence=golden.confidence,
        tolerance=golden.tolerance,
    )

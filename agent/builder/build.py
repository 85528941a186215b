"""From a supernet and images to a published library."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agent.builder.arch import Arch, parse_arch
from agent.builder.evaluate import Accuracy, Bench, accuracy
from agent.builder.golden import Reference, choose_goldens
from agent.builder.images import ImageSet, load_images
from agent.builder.ir import compile_ir, net_to_ir
from agent.builder.ladder import Candidate, LadderOptions, Progress, choose_ladder, measure
from agent.builder.plan import Net
from agent.builder.predict import LatencyLaw
from agent.builder.runtime import Runner
from agent.builder.supernet import Normalisation, Supernet, load_supernet
from agent.errors import BuildError
from agent.library import manifest as schema
from agent.library.publish import Publication, creation_time, next_version, publish

# Fewer images make the statistics of the widest layers noise (facts/ofa.md 6.5).
MIN_CALIBRATION_IMAGES = 1000
CALIBRATION_IMAGES = 1024
IR_TARGET = "simulated"
MYRIAD2_SHAVES = 12

_CHANNELS = {"Mono8": 1, "RGB8": 3, "BGR8": 3}


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What `library build` was asked for. `archs` are files with chosen architectures; without any a ladder is
    searched."""

    supernet: Path
    images: Path
    held_out: Path
    out: Path
    name: str = "ofa-library"
    version: int | None = None
    archs: tuple[Path, ...] = ()
    ladder: LadderOptions = field(default_factory=LadderOptions)
    law: LatencyLaw = field(default_factory=LatencyLaw)
    sign_key: Path | None = None
    force: bool = False


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
class BuildReport:
    """What was published, fastest sub-net first."""

    path: Path
    digest: str
    version: int
    changed: bool
    subnets: tuple[BuiltSubnet, ...]


@dataclass(frozen=True, slots=True)
class _Made:
    """A finished sub-net: its manifest entry, its files and the report's row."""

    entry: schema.Subnet
    files: dict[str, bytes]
    row: BuiltSubnet


def build_library(request: BuildRequest, progress: Progress = lambda _line: None) -> BuildReport:
    """Choose, calibrate, evaluate, write and publish. Equal inputs, seed and SOURCE_DATE_EPOCH give equal bytes.

    Blocks for about half a minute for a small supernet; `progress` gets one line at a time. Raises BuildError or
    LibraryError leaves; nothing is published then.
    """
    supernet = load_supernet(request.supernet)
    channels = _CHANNELS[supernet.normalisation.pixel_format]
    calibration, held_out = load_images(request.images, channels), load_images(request.held_out, channels)
    calibration, held_out = _checked_sets(calibration, held_out, supernet)
    bench = Bench(calibration, held_out, supernet.normalisation)
    candidates = _candidates(request, supernet, bench, progress)
    made = [_make(supernet, candidate, bench, request.law, progress) for candidate in candidates]
    if not request.archs:
        made = _still_rising(made)
    manifest = _manifest(request, supernet, held_out.classes, made)
    files = {name: content for one in made for name, content in one.files.items()}
    published = publish(manifest, files, request.out, key=request.sign_key, force=request.force)
    return _report(published, made)


def _checked_sets(calibration: ImageSet, held_out: ImageSet, supernet: Supernet) -> tuple[ImageSet, ImageSet]:
    labels = supernet.labels or held_out.classes
    if len(calibration) < MIN_CALIBRATION_IMAGES:
        raise BuildError(f"{calibration.name}: {len(calibration)} images, need at least {MIN_CALIBRATION_IMAGES}")
    # Sets are often sorted by class; a fixed shuffle keeps every batch and probe mixed.
    calibration, held_out = (_shuffled(images.with_classes(labels)) for images in (calibration, held_out))
    calibration = calibration.head(CALIBRATION_IMAGES)
    known = {image.tobytes() for image in calibration.images}
    shared = sum(image.tobytes() in known for image in held_out.images)
    if shared:
        raise BuildError(f"{held_out.name}: {shared} held-out images are also calibration images")
    return calibration, held_out


def _shuffled(images: ImageSet) -> ImageSet:
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
    return ImageSet(images.name, images.images[order], images.labels[order], images.classes)


def _candidates(request: BuildRequest, supernet: Supernet, bench: Bench, progress: Progress) -> Sequence[Candidate]:
    if not request.archs:
        rungs = choose_ladder(supernet, bench, request.law, request.ladder, progress)
        return [rung.candidate for rung in rungs]
    archs = [read_arch(path, supernet) for path in request.archs]
    measured = [measure(supernet, arch, request.law) for arch in dict.fromkeys(archs)]
    return sorted(measured, key=lambda candidate: candidate.predicted_ms)


def read_arch(source: Path | str, supernet: Supernet) -> Arch:
    """Architecture from a file, or from JSON text given in its place. Raises BuildError."""
    text = str(source)
    if text.lstrip().startswith("{"):
        return parse_arch(text, supernet.space)
    try:
        return parse_arch(Path(source).read_text(encoding="utf-8"), supernet.space, text)
    except (OSError, UnicodeDecodeError) as exc:
        raise BuildError(f"{text}: cannot be read as an architecture: {exc}") from exc


def _make(supernet: Supernet, candidate: Candidate, bench: Bench, law: LatencyLaw, progress: Progress) -> _Made:
    """Calibrate, write the artifact, and measure that very artifact on the whole held-out set."""
    net = bench.calibrate(supernet.cut(candidate.arch))
    blob = net_to_ir(net, softmax=True)
    subnet_id = candidate.arch.subnet_id()
    answers = Runner(compile_ir(blob, subnet_id))(bench.held_out_input(net.side_px))
    score = accuracy(answers, bench.held_out.labels)
    goldens = choose_goldens(subnet_id, bench.held_out.images, answers, bench.held_out.labels)
    progress(f"built {subnet_id}: {candidate.predicted_ms:.1f} ms, {100 * score.top1:.1f} %")
    entry = _entry(subnet_id, candidate, net, blob, score, goldens, bench, supernet.normalisation, law)
    files = {entry.artifacts[0].file: blob} | {schema.golden_file(g.sha256): g.png for g in goldens}
    network_ms = candidate.predicted_ms - law.fixed_ms
    row = BuiltSubnet(
        subnet_id,
        candidate.arch,
        score.top1,
        score.ci95_low,
        score.ci95_high,
        candidate.predicted_ms,
        network_ms,
        len(blob),
    )
    return _Made(entry, files, row)


def _still_rising(made: list[_Made]) -> list[_Made]:
    """Drop rungs that the whole held-out set shows to be beaten by a faster one."""
    rising: list[_Made] = []
    for one in made:
        if not rising or one.row.top1 > rising[-1].row.top1:
            rising.append(one)
    return rising


def _entry(
    subnet_id: str,
    candidate: Candidate,
    net: Net,
    blob: bytes,
    score: Accuracy,
    goldens: tuple[Reference, ...],
    bench: Bench,
    normalisation: Normalisation,
    law: LatencyLaw,
) -> schema.Subnet:
    arch, counts = candidate.arch, candidate.counts
    digest = hashlib.sha256(blob).hexdigest()
    return schema.Subnet(
        id=subnet_id,
        arch=schema.Arch(ks=arch.ks, e=arch.e, d=arch.d, r=arch.r, w=arch.w),
        params=counts.params,
        macs_dense=counts.macs_dense,
        macs_depthwise=counts.macs_depthwise,
        layers=counts.layers,
        accuracy=schema.Accuracy(
            top1=round(score.top1, 6),
            n=score.n,
            ci95_low=round(score.ci95_low, 6),
            ci95_high=round(score.ci95_high, 6),
            dataset=bench.held_out.name,
        ),
        latency=schema.Latency(
            predicted_ms=round(candidate.predicted_ms, 4),
            source=f"{law.source}, x{law.time_scale:g}",
            preprocessing_ms=round(law.fixed_ms, 4),
        ),
        input=_input(net, normalisation),
        calibration=schema.Calibration(images=len(bench.calibration), sha256=bench.calibration.sha256),
        artifacts=(
            schema.Artifact(
                format="openvino-ir-10",
                target=IR_TARGET,
                shaves=MYRIAD2_SHAVES,
                file=schema.blob_file(digest, "openvino-ir-10"),
                sha256=digest,
                size_bytes=len(blob),
            ),
        ),
        golden=tuple(
            schema.Golden(
                image=schema.golden_file(golden.sha256),
                class_id=golden.class_id,
                confidence=golden.confidence,
                tolerance=golden.tolerance,
            )
            for golden in goldens
        ),
    )


def _input(net: Net, normalisation: Normalisation) -> schema.Input:
    return schema.Input(
        width=net.side_px,
        height=net.side_px,
        channels=1 if net.channels == 1 else 3,
        pixel_format="Mono8" if net.channels == 1 else "RGB8",
        mean=normalisation.mean,
        scale=normalisation.scale,
    )


def _manifest(
    request: BuildRequest, supernet: Supernet, labels: tuple[str, ...], made: Sequence[_Made]
) -> schema.Manifest:
    inputs = [one.entry.input for one in made if one.entry.input is not None]
    manifest = schema.Manifest(
        schema=schema.SCHEMA,
        name=request.name,
        version=request.version or 1,
        created=creation_time(),
        task=schema.Task(type="classification", labels=labels),
        input=max(inputs, key=lambda value: value.width),
        supernet=schema.Supernet(family=supernet.family.name, sha256=supernet.sha256),
        subnets=tuple(one.entry for one in made),
    )
    return manifest if request.version is not None else next_version(manifest, request.out)


def _report(published: Publication, made: Sequence[_Made]) -> BuildReport:
    rows = tuple(one.row for one in made)
    return BuildReport(published.path, published.digest, published.version, published.changed, rows)

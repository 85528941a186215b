"""From a supernet and images to a published library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agent.builder.arch import Arch, parse_arch
from agent.builder.entries import BuiltSubnet, Finished, Provenance, library_manifest
from agent.builder.evaluate import Bench, accuracy
from agent.builder.golden import choose_goldens
from agent.builder.images import ImageSet, load_images
from agent.builder.ir import compile_ir, net_to_ir
from agent.builder.ladder import Candidate, LadderOptions, Progress, choose_ladder, measure
from agent.builder.predict import LatencyLaw
from agent.builder.runtime import Runner
from agent.builder.supernet import Supernet, load_supernet
from agent.errors import BuildError
from agent.library.publish import creation_time, next_version, publish

# Fewer images make the statistics of the widest layers noise (facts/ofa.md 6.5).
MIN_CALIBRATION_IMAGES = 1000
CALIBRATION_IMAGES = 1024


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
class BuildReport:
    """What was published, fastest sub-net first."""

    path: Path
    digest: str
    version: int
    changed: bool
    subnets: tuple[BuiltSubnet, ...]


def build_library(request: BuildRequest, progress: Progress = lambda _line: None) -> BuildReport:
    """Choose, calibrate, evaluate, write and publish. Equal inputs, seed and SOURCE_DATE_EPOCH give equal bytes.

    Blocks for about half a minute for a small supernet; `progress` gets one line at a time. Raises BuildError or
    LibraryError leaves; nothing is published then.
    """
    supernet = load_supernet(request.supernet)
    channels = len(supernet.normalisation.mean)
    calibration, held_out = load_images(request.images, channels), load_images(request.held_out, channels)
    calibration, held_out = _checked_sets(calibration, held_out, supernet)
    candidates, held_out = _candidates(request, supernet, calibration, held_out, progress)
    bench = Bench(calibration, held_out, supernet.normalisation)
    made: list[Finished] = []
    for candidate in candidates:
        shared = sorted({golden.index for one in made for golden in one.goldens})
        made.append(_make(supernet, candidate, bench, shared, progress))
    if not request.archs:
        made = _still_rising(made)
    provenance = Provenance(supernet, request.law, calibration, held_out)
    manifest = library_manifest(request.name, request.version or 1, creation_time(), made, provenance)
    if request.version is None:
        manifest = next_version(manifest, request.out)
    files = {name: content for one in made for name, content in one.files().items()}
    published = publish(manifest, files, request.out, key=request.sign_key, force=request.force)
    rows = tuple(one.row(request.law) for one in made)
    return BuildReport(published.path, published.digest, published.version, published.changed, rows)


def _checked_sets(calibration: ImageSet, held_out: ImageSet, supernet: Supernet) -> tuple[ImageSet, ImageSet]:
    labels = supernet.labels or held_out.classes
    classes = supernet.cut(supernet.space.smallest(min(supernet.space.r))).classes
    if classes != len(labels):
        raise BuildError(f"{held_out.name}: {len(labels)} classes, the supernet answers {classes}")
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


def _candidates(
    request: BuildRequest, supernet: Supernet, calibration: ImageSet, held_out: ImageSet, progress: Progress
) -> tuple[Sequence[Candidate], ImageSet]:
    """What to build, and the images to report accuracy on: none that a search has chosen by, which would flatter."""
    if not request.archs:
        choosing, held_out = held_out.parted(min(request.ladder.probe_images, len(held_out) // 2))
        bench = Bench(calibration, choosing, supernet.normalisation)
        rungs = choose_ladder(supernet, bench, request.law, request.ladder, progress)
        return [rung.candidate for rung in rungs], held_out
    archs = [read_arch(path, supernet) for path in request.archs]
    measured = [measure(supernet, arch, request.law) for arch in dict.fromkeys(archs)]
    return sorted(measured, key=lambda candidate: candidate.predicted_ms), held_out


def read_arch(source: Path | str, supernet: Supernet) -> Arch:
    """Architecture from a file, or from JSON text given in its place. Raises BuildError."""
    text = str(source)
    if text.lstrip().startswith("{"):
        return parse_arch(text, supernet.space)
    try:
        return parse_arch(Path(source).read_text(encoding="utf-8"), supernet.space, text)
    except (OSError, UnicodeDecodeError) as exc:
        raise BuildError(f"{text}: cannot be read as an architecture: {exc}") from exc


def _make(
    supernet: Supernet, candidate: Candidate, bench: Bench, shared: Sequence[int], progress: Progress
) -> Finished:
    """Calibrate, write the artifact, and measure that very artifact on the whole held-out set.

    `shared` are the golden images of the rungs before it.
    """
    net = bench.calibrate(supernet.cut(candidate.arch))
    blob = net_to_ir(net, softmax=True)
    subnet_id, held_out = candidate.arch.subnet_id(), bench.held_out
    answers = Runner(compile_ir(blob, subnet_id))(bench.held_out_input(net.side_px))
    score = accuracy(answers, held_out.labels)
    goldens = choose_goldens(subnet_id, held_out.images, answers, held_out.labels, shared=shared)
    progress(f"built {subnet_id}: {candidate.predicted_ms:.1f} ms, {100 * score.top1:.1f} %")
    return Finished(candidate, net, blob, score, goldens)


def _still_rising(made: list[Finished]) -> list[Finished]:
    """Drop rungs that the whole held-out set shows to be beaten by a faster one."""
    rising: list[Finished] = []
    for one in made:
        if not rising or one.score.top1 > rising[-1].score.top1:
            rising.append(one)
    return rising

"""From a supernet and images to a published library."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from agent.builder.arch import Arch, parse_arch
from agent.builder.candidates import Candidates, Refusal
from agent.builder.dataset import Dataset, DatasetReport, read_dataset
from agent.builder.dwell import worth_going_to
from agent.builder.entries import BuiltSubnet, Finished, Provenance, library_manifest
from agent.builder.golden import NoGoldens
from agent.builder.labels import fit_classes
from agent.builder.ladder import Found, LadderOptions, Progress, Rung, Steps, choose_ladder
from agent.builder.measured import law_from
from agent.builder.predict import LatencyLaw
from agent.builder.report import advice, write_report
from agent.builder.search import search_ladder
from agent.builder.supernet import Supernet, load_supernet
from agent.builder.targets import Target, target
from agent.builder.targets.errors import ToolsMissing
from agent.builder.targets.firefly import FireflyTarget, hand_over
from agent.builder.targets.myriad import PROCESSORS
from agent.builder.workfolder import WorkFolder, work_path
from agent.builder.workshop import Heads, Material, Workshop
from agent.errors import BuildError
from agent.library import key_fingerprint
from agent.library.publish import Publication, creation_time, next_version, publish
from agent.library.store import MANIFEST_NAME

CALIBRATION_IMAGES = 1024
# Grows when equal inputs would give other results than the steps that an older agent kept.
_RECIPE = 1


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What `library build` was asked for. `archs` are files with chosen architectures; without any a ladder is
    searched. Without `held_out` a part of `images` is held out. `resume` keeps finished steps beside `out` until the
    library is published; `report` is a file to write."""

    supernet: Path
    images: Path
    held_out: Path | None
    out: Path
    name: str = "ofa-library"
    version: int | None = None
    archs: tuple[Path, ...] = ()
    ladder: LadderOptions = field(default_factory=LadderOptions)
    law: LatencyLaw = field(default_factory=LatencyLaw)
    sign_key: Path | None = None
    force: bool = False
    targets: tuple[str, ...] = ("simulated",)
    shaves: int | None = None
    transfer: Literal["auto", "off"] = "off"
    measured: Path | None = None
    resume: bool = False
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A rung that was built and left out, and why."""

    id: str
    top1: float
    predicted_ms: float
    reason: str


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was published, fastest sub-net first, and what is to be said about it."""

    path: Path
    digest: str
    version: int
    changed: bool
    subnets: tuple[BuiltSubnet, ...]
    images: DatasetReport
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()


def build_library(
    request: BuildRequest,
    progress: Progress = lambda _line: None,
    steps: Steps = lambda _phase, _done, _all: None,
) -> BuildReport:
    """Choose, calibrate, evaluate, write and publish. Equal inputs, seed and SOURCE_DATE_EPOCH give equal bytes.

    Blocks for about half a minute for a small supernet, and five seconds a rung for a Myriad; `progress` gets one
    line at a time, `steps` the place in each phase. Raises BuildError or LibraryError leaves; nothing is published
    then.
    """
    _check_early(request)
    supernet = load_supernet(request.supernet)
    targets = [target(name, None if name == "simulated" else request.shaves) for name in request.targets]
    archs = [read_arch(path, supernet) for path in request.archs]
    dataset, heads = _dataset(request, supernet, archs, progress)
    law = _law(request, progress)
    waiting = _waiting(targets, progress)
    material = _material(request, dataset)
    work = WorkFolder(work_path(request.out) if request.resume else None, _basis(supernet, material))
    workshop = Workshop(supernet, material, heads, targets, waiting, work)
    found = _found(request, archs, workshop, Candidates(supernet, law, _refusal(targets)), (progress, steps))
    made, dropped = _make_all(workshop, found.rungs, bool(archs), progress, steps)
    if not archs:
        made, beaten = _pruned(made, request.ladder.max_dwell_s)
        dropped += beaten
    notes = [f"left out {one.id}: {one.reason}" for one in dropped] + advice(request.images, made, supernet)
    notes += _left_to_do(request.out, waiting, made)
    for line in notes:
        progress(line)
    published = _publish(request, made, Provenance(supernet, law, material.calibration, material.held_out))
    report = BuildReport(
        published.path,
        published.digest,
        published.version,
        published.changed,
        tuple(one.row(law) for one in made),
        dataset.report,
        tuple(dropped),
        (*found.notes, *notes),
    )
    if request.report is not None:
        write_report(request.report, report, made, law, found.tried, material.held_out.classes)
    if work.reused:
        progress(f"{work.reused} steps were taken from an interrupted build")
    work.remove()
    return report


def _check_early(request: BuildRequest) -> None:
    """What would otherwise be found out after minutes of work. Raises BuildError, SignatureInvalid."""
    needed = {"sklearn": request.transfer == "auto", "pymoo": request.ladder.method == "nsga2" and not request.archs}
    missing = [name for name, wanted in needed.items() if wanted and find_spec(name) is None]
    if missing:
        raise BuildError(f"build: {', '.join(missing)} is not installed; pip install 'ofa-agent[build]'")
    if request.sign_key is not None:
        key_fingerprint(request.sign_key)
    out = Path(os.path.abspath(request.out))
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MANIFEST_NAME).is_file())):
        raise BuildError(f"{request.out}: exists and is not a library; choose another folder")
    if request.report is not None:
        folder = Path(os.path.abspath(request.report)).parent
        if folder != out.parent and not folder.is_dir():
            raise BuildError(f"{request.report}: {folder} is not a folder")


def _dataset(
    request: BuildRequest, supernet: Supernet, archs: Sequence[Arch], progress: Progress
) -> tuple[Dataset, Heads]:
    """The images, clean, split and labelled, and what may answer for them."""
    side_px = max([*supernet.space.r, *(arch.r for arch in archs)])
    channels = len(supernet.normalisation.mean)
    dataset = read_dataset(request.images, request.held_out, channels, side_px, request.ladder.seed)
    for line in dataset.report.lines():
        progress(line)
    return fit_classes(dataset, supernet, request.transfer)


def _law(request: BuildRequest, progress: Progress) -> LatencyLaw:
    """The law asked for, or the one fitted to what a camera measured."""
    law = replace(request.law, shaves=_shaves(request))
    if request.measured is not None:
        law = law_from(request.measured, request.out, law)
        progress(law.source)
    return law


def _waiting(targets: Sequence[Target], progress: Progress) -> tuple[FireflyTarget, ...]:
    """Makes tools ready; the targets whose compiler runs on other machines only. Raises ToolsMissing for the rest."""
    waiting: list[FireflyTarget] = []
    for one in targets:
        try:
            one.prepare(progress)
        except ToolsMissing:
            if not isinstance(one, FireflyTarget):
                raise
            waiting.append(one)
    return tuple(waiting)


def _left_to_do(out: Path, waiting: Sequence[FireflyTarget], made: Sequence[Finished]) -> list[str]:
    """Hand over what another machine has to compile, in a folder beside the library; what to say about it."""
    folder = out.with_name(f"{out.name}.ncsdk")
    lines: list[str] = []
    for one in waiting:
        folder.mkdir(parents=True, exist_ok=True)
        left = [hand_over(one, made_net.ir, folder / f"{made_net.id}.graph") for made_net in made]
        lines.append(
            f"mvNCCompile is not on the PATH: the library holds IRs only, and {folder} the graphs to compile; where "
            f"the NCSDK 2 is installed run, as the .txt files say: {left[0].command} (and {len(left) - 1} more)"
        )
    return lines


def _publish(request: BuildRequest, made: Sequence[Finished], provenance: Provenance) -> Publication:
    manifest = library_manifest(request.name, request.version or 1, creation_time(), made, provenance)
    if request.version is None:
        manifest = next_version(manifest, request.out)
    files = {name: content for one in made for name, content in one.files().items()}
    return publish(manifest, files, request.out, key=request.sign_key, force=request.force)


def _material(request: BuildRequest, dataset: Dataset) -> Material:
    """Accuracy is reported on images that no search has chosen by, which would flatter."""
    choosing, judged = dataset.held_out, dataset.held_out
    if not request.archs:
        choosing, judged = judged.parted(min(request.ladder.probe_images, len(judged) // 2))
    return Material(dataset.training.head(CALIBRATION_IMAGES), dataset.training, choosing, judged)


def _found(
    request: BuildRequest,
    archs: Sequence[Arch],
    workshop: Workshop,
    candidates: Candidates,
    tell: tuple[Progress, Steps],
) -> Found:
    """The ladder asked for, or the one searched."""
    if not archs:
        options = request.ladder
        find = search_ladder if options.method == "nsga2" else choose_ladder
        return find(candidates, workshop.prober(options.probe_calibration, options.probe_images), options, *tell)
    for arch in archs:
        refusal = candidates.refusal(arch)
        if refusal is not None:
            raise BuildError(f"arch {arch.subnet_id()}: {', '.join(request.targets)}: {refusal}")
    chosen = sorted((candidates.of(arch) for arch in dict.fromkeys(archs)), key=lambda one: one.predicted_ms)
    limit = request.ladder.max_latency_ms
    if limit is not None and chosen[-1].predicted_ms > limit:
        slow = chosen[-1]
        raise BuildError(f"arch {slow.arch.subnet_id()}: predicted {slow.predicted_ms:.1f} ms, limit {limit:g} ms")
    return Found(tuple(Rung(candidate, math.nan) for candidate in chosen), ())


def _make_all(
    workshop: Workshop, rungs: Sequence[Rung], asked_for: bool, progress: Progress, steps: Steps
) -> tuple[list[Finished], list[Dropped]]:
    """All rungs; one that was searched and cannot be tested on the camera is left out, one asked for is an error."""
    made: list[Finished] = []
    dropped: list[Dropped] = []
    for number, rung in enumerate(rungs):
        shared = sorted({golden.index for one in made for golden in one.goldens})
        try:
            made.append(workshop.make(rung.candidate, shared, progress))
        except NoGoldens as exc:
            if asked_for or (number == len(rungs) - 1 and not made):
                raise
            candidate = rung.candidate
            dropped.append(Dropped(candidate.arch.subnet_id(), rung.top1, candidate.predicted_ms, str(exc)))
        steps("build", number + 1, len(rungs))
    return made, dropped


def _pruned(made: list[Finished], max_dwell_s: float) -> tuple[list[Finished], list[Dropped]]:
    """Without rungs that the whole held-out set shows to be beaten by a faster one, or not to be worth a swap."""
    rising: list[Finished] = []
    dropped: list[Dropped] = []
    for one in made:
        if not rising or one.score.top1 > rising[-1].score.top1:
            rising.append(one)
        else:
            dropped.append(_dropped(one, f"{rising[-1].id} is faster and no less accurate"))
    kept, beaten = worth_going_to(rising, lambda one: one.score.top1, lambda one: one.size_bytes, max_dwell_s)
    dropped += [
        _dropped(one, f"a swap to it pays after {dwell:.0f} s only, limit {max_dwell_s:g} s") for one, dwell in beaten
    ]
    return kept, dropped


def _dropped(one: Finished, reason: str) -> Dropped:
    return Dropped(one.id, one.score.top1, one.candidate.predicted_ms, reason)


def _refusal(targets: Sequence[Target]) -> Refusal:
    """The first target's refusal."""
    return lambda arch, net: next((why for one in targets if (why := one.refuses(arch, net))), None)


def _shaves(request: BuildRequest) -> int:
    """That the first Myriad of the targets gives to a network; a Myriad 2's 12 where there is none."""
    if request.shaves is not None:
        return request.shaves
    return next((PROCESSORS[name].default_shaves for name in request.targets if name in PROCESSORS), 12)


def _basis(supernet: Supernet, material: Material) -> str:
    """Digest of everything that all steps depend on."""
    parts = [str(_RECIPE), version("ofa-agent"), version("openvino"), supernet.sha256]
    for images in (material.calibration, material.training, material.choosing, material.held_out):
        labels = hashlib.sha256(images.labels.tobytes()).hexdigest()
        parts += [images.sha256, labels, json.dumps(images.classes), str(images.images.shape)]
    return "\n".join(parts)


def read_arch(source: Path | str, supernet: Supernet) -> Arch:
    """Architecture from a file, or from JSON text given in its place. Raises BuildError."""
    text = str(source)
    if text.lstrip().startswith("{"):
        return parse_arch(text, supernet.space)
    try:
        return parse_arch(Path(source).read_text(encoding="utf-8"), supernet.space, text)
    except (OSError, UnicodeDecodeError) as exc:
        raise BuildError(f"{text}: cannot be read as an architecture: {exc}") from exc

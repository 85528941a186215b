"""Makes sub-nets: calibrates, gives each its better last layer, compiles, and measures what was made.

Every result goes through the work folder, so that an interrupted build goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agent.builder.batchnorm import Statistics
from agent.builder.candidates import Candidate
from agent.builder.entries import Finished, Transfer
from agent.builder.evaluate import Accuracy, Bench, Prepared, accuracy, wilson
from agent.builder.golden import choose_goldens
from agent.builder.graph import InputFold
from agent.builder.images import ImageSet
from agent.builder.ir import compile_ir, net_to_ir
from agent.builder.ladder import Progress
from agent.builder.plan import STATISTICS, Net
from agent.builder.runtime import Runner
from agent.builder.supernet import Supernet
from agent.builder.targets import Artifact, Target
from agent.builder.targets.simulated import SimulatedTarget
from agent.builder.transfer import (
    FeatureRunner,
    Head,
    confusion,
    fit_head,
    head_of,
    mean_recall,
    quick_head,
    with_head,
)
from agent.builder.workfolder import WorkFolder
from agent.errors import BuildError

# Of the last layer: the supernet's own, a fitted one, or the better of the two.
Heads = Literal["own", "fitted", "better"]


@dataclass(frozen=True, slots=True)
class Material:
    """Images by what they are for: batch norms and heads, choosing among sub-nets, judging what was chosen."""

    calibration: ImageSet
    training: ImageSet
    choosing: ImageSet
    held_out: ImageSet


class Workshop:
    """Makes the sub-nets of one supernet for some targets; those `waiting` for a compiler get the IR only.

    Blocks; one thread.
    """

    def __init__(
        self,
        supernet: Supernet,
        material: Material,
        heads: Heads,
        targets: Sequence[Target],
        waiting: Sequence[Target],
        work: WorkFolder,
    ) -> None:
        self._supernet = supernet
        self._material = material
        self._heads = heads
        self._targets = [one for one in targets if one not in waiting] or [SimulatedTarget()]
        self._work = work
        normalisation = supernet.normalisation
        self._bench = Bench(material.calibration, material.held_out, normalisation)
        self._training = Prepared(material.training, normalisation)
        self.folds_input = folds_input(targets)
        self._fold = InputFold(normalisation.mean, normalisation.scale) if self.folds_input else None

    def prober(self, calibration_images: int, choosing_images: int) -> Prober:
        """Quick scores on the images that choices are made by."""
        return Prober(self._supernet, self._material, self._heads, self._work, (calibration_images, choosing_images))

    def make(self, candidate: Candidate, shared: Sequence[int], progress: Progress) -> Finished:
        """Calibrate, choose the last layer, compile, and measure that very network on the whole held-out set.

        `shared` are the golden images of the rungs before it. Raises BuildError leaves.
        """
        key = f"make {candidate.arch.to_json()} heads={self._heads} fold={self.folds_input}"
        study = _Study.unpack(self._work.step(key, lambda: self._study(candidate).pack()))
        net = self._supernet.cut(candidate.arch).with_statistics(study.statistics)
        if study.head is not None:
            net = with_head(net, study.head)
        ir = net_to_ir(net, softmax=True, fold=self._fold)
        subnet_id, held_out = candidate.arch.subnet_id(), self._material.held_out
        score = accuracy(study.answers, held_out.labels)
        goldens = choose_goldens(subnet_id, held_out.images, study.answers, held_out.labels, shared=shared)
        artifacts = self._compiled(ir, net, progress)
        progress(f"built {subnet_id}: {candidate.predicted_ms:.1f} ms, {100 * score.top1:.1f} %{_head_words(study)}")
        answered = np.asarray(study.answers.argmax(1), np.int64)
        table = confusion(answered, held_out.labels, net.classes)
        recall = mean_recall(answered, held_out.labels)
        return Finished(
            candidate, net, artifacts, score, goldens, self.folds_input, study.transfer, table.tolist(), recall
        )

    def _study(self, candidate: Candidate) -> _Study:
        """Everything about a sub-net that takes long, compiling apart."""
        net = self._bench.calibrate(self._supernet.cut(candidate.arch))
        statistics = {
            f"{u.name}.bn.{part}": net.weights[f"{u.name}.bn.{part}"] for u in net.units() for part in STATISTICS
        }
        transfer, head = (None, None) if self._heads == "own" else self._choose_head(net)
        if head is not None:
            net = with_head(net, head)
        ir = net_to_ir(net, softmax=True, fold=self._fold)
        run, prepared = Runner(compile_ir(ir, candidate.arch.subnet_id())), self._bench.held_out
        slices = prepared.raw_slices(net.side_px) if self._fold else prepared.slices(net.side_px)
        return _Study(statistics, head, np.concatenate([run(part) for part in slices]), transfer)

    def _choose_head(self, net: Net) -> tuple[Transfer, Head | None]:
        """The comparison, and the fitted layer where it is the better one."""
        run, material = FeatureRunner(net), self._material
        classes = len(material.training.classes)
        features = run(self._training.slices(net.side_px))
        fitted = fit_head(features, material.training.labels, classes)
        judged, labels = run(self._bench.held_out.slices(net.side_px)), material.held_out.labels
        after = accuracy_of(fitted.head, judged, labels)
        before, own_recall = None, None
        if self._heads == "better":
            own = head_of(net)
            own_recall = mean_recall(own.answers(features), material.training.labels)
            before = accuracy_of(own, judged, labels)
        kept = own_recall is None or fitted.cross_validated > own_recall
        transfer = Transfer(
            "fitted" if kept else "supernet",
            before,
            after,
            fitted.strength,
            fitted.cross_validated,
            own_recall,
            fitted.weighted,
        )
        return transfer, fitted.head if kept else None

    def _compiled(self, ir: bytes, net: Net, progress: Progress) -> tuple[Artifact, ...]:
        """Artifacts of all targets, each format once."""
        found: dict[tuple[str, str], Artifact] = {}
        digest = hashlib.sha256(ir).hexdigest()
        for one in self._targets:
            pack = functools.partial(_compile, one, ir, net, progress)
            packed = self._work.step(f"compile {one!r} {digest}", pack)
            for artifact in _unpack_artifacts(packed):
                found.setdefault((artifact.format, artifact.target), artifact)
        # The IR is what the simulation runs; the camera's own networks come first.
        return tuple(sorted(found.values(), key=lambda artifact: artifact.target == "simulated"))


class Prober:
    """Scores sub-nets well enough to choose among them."""

    def __init__(
        self,
        supernet: Supernet,
        material: Material,
        heads: Heads,
        work: WorkFolder,
        counts: tuple[int, int],
    ) -> None:
        calibration, choosing = material.calibration.head(counts[0]), material.choosing.head(counts[1])
        self._supernet = supernet
        self._heads = heads
        self._work = work
        self._counts = f"{len(calibration)}/{len(choosing)}"
        self._bench = Bench(calibration, choosing, supernet.normalisation)

    def __call__(self, candidate: Candidate) -> float:
        """Top-1 share on the choosing images."""
        key = f"probe {candidate.arch.to_json()} heads={self._heads} images={self._counts}"
        return float(json.loads(self._work.step(key, lambda: json.dumps(self._score(candidate)).encode())))

    def _score(self, candidate: Candidate) -> float:
        net = self._bench.calibrate(self._supernet.cut(candidate.arch))
        if self._heads == "own":
            return self._bench.score(net).top1
        run, known, unseen = FeatureRunner(net), self._bench.calibration, self._bench.held_out
        classes, labels = len(known.images.classes), unseen.images.labels
        heads = [quick_head(run(known.slices(net.side_px)), known.images.labels, classes)]
        if self._heads == "better":
            heads.append(head_of(net))
        features = run(unseen.slices(net.side_px))
        return max(accuracy_of(head, features, labels).top1 for head in heads)


def accuracy_of(head: Head, features: NDArray[np.float32], labels: NDArray[np.int64]) -> Accuracy:
    """Top-1 of a last layer."""
    return wilson(int((head.answers(features) == labels).sum()), len(labels))


def folds_input(targets: Sequence[Target]) -> bool:
    """Whether the networks take raw pixels. Raises BuildError where two targets cannot share one input."""
    wishes = {one.folds_input: one.name for one in targets if one.name != "simulated"}
    if len(wishes) > 1:
        raise BuildError(
            f"target {wishes[True]} takes raw pixels and {wishes[False]} normalised ones; build a library for each"
        )
    return next(iter(wishes), False)


@dataclass(frozen=True, slots=True)
class _Study:
    """`head` is None where the supernet's own is kept; `answers` f32 (held-out images, classes)."""

    statistics: Statistics
    head: Head | None
    answers: NDArray[np.float32]
    transfer: Transfer | None

    def pack(self) -> bytes:
        arrays: dict[str, Any] = {f"bn/{key}": value for key, value in self.statistics.items()}
        if self.head is not None:
            arrays |= {"head/weight": self.head.weight, "head/bias": self.head.bias}
        about = json.dumps(None if self.transfer is None else asdict(self.transfer))
        buffer = io.BytesIO()
        np.savez(buffer, answers=self.answers, about=np.frombuffer(about.encode(), np.uint8), **arrays)
        return buffer.getvalue()

    @classmethod
    def unpack(cls, data: bytes) -> _Study:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        about = json.loads(arrays["about"].tobytes())
        statistics = {key.removeprefix("bn/"): value for key, value in arrays.items() if key.startswith("bn/")}
        head = Head(arrays["head/weight"], arrays["head/bias"]) if "head/weight" in arrays else None
        return cls(statistics, head, arrays["answers"], None if about is None else Transfer.from_dict(about))


def _compile(to: Target, ir: bytes, net: Net, progress: Progress) -> bytes:
    """Artifacts of one target: a line of JSON that tells them apart, then their bytes."""
    artifacts = to.compile(ir, net, progress)
    rows = [[one.format, one.target, one.shaves, len(one.data)] for one in artifacts]
    return json.dumps(rows).encode() + b"\n" + b"".join(one.data for one in artifacts)


def _unpack_artifacts(data: bytes) -> list[Artifact]:
    header, _, content = data.partition(b"\n")
    artifacts, start = [], 0
    for name, to, shaves, length in json.loads(header):
        artifacts.append(Artifact(name, to, shaves, content[start : start + length]))
        start += length
    return artifacts


def _head_words(study: _Study) -> str:
    transfer = study.transfer
    if transfer is None:
        return ""
    before = "" if transfer.before is None else f" (its own last layer: {100 * transfer.before.top1:.1f} %)"
    if transfer.kept == "fitted":
        return f", last layer fitted{before}"
    return f", keeps its own last layer (a fitted one: {100 * transfer.after.top1:.1f} %)"

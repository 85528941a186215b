"""What `library build` does with a user's images: split, last layers, targets, resuming, the report."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agent.builder.batchnorm import estimate_statistics
from agent.builder.build import BuildReport, BuildRequest, build_library
from agent.builder.candidates import NothingFits
from agent.builder.dataset import TooFewImages
from agent.builder.ladder import LadderOptions
from agent.builder.supernet import load_supernet
from agent.builder.targets.errors import ToolsMissing
from agent.builder.transfer import FeatureRunner, fit_head
from agent.cli.sim import library_twins
from agent.errors import BuildError, SignatureInvalid
from agent.library import open_library, verify_library
from agent.sim.network import load_network
from tests.support.images import pattern_set, write_set
from tests.support.supernets import LABELS, small_weights, write_supernet

LADDER = LadderOptions(
    max_subnets=3, pool=40, candidates=10, probe_images=60, probe_calibration=64, method="nsga2", max_dwell_s=1800
)
EPOCH = "1700000000"
LARGEST = {"ks": 5, "e": 4, "d": 2, "r": 32}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    weights = small_weights()
    weights["classifier.linear.weight"] *= 8
    write_supernet(folder / "supernet.safetensors", weights)
    write_set(folder / "images.npz", 500, seed=1)
    (folder / "arch.json").write_text(json.dumps(LARGEST))
    return folder


@pytest.fixture(autouse=True)
def epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    _made_equal(monkeypatch)


def _made_equal(patch: pytest.MonkeyPatch) -> None:
    """Equal builds, of a search that is no longer than it has to be here: test_search.py is about what it finds."""
    patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    patch.setattr("agent.builder.search.POPULATION", 12)
    patch.setattr("agent.builder.search.GENERATIONS", 4)


def _request(inputs: Path, out: Path, **changes: object) -> BuildRequest:
    request = BuildRequest(
        supernet=inputs / "supernet.safetensors",
        images=inputs / "images.npz",
        held_out=None,
        out=out,
        archs=(inputs / "arch.json",),
        ladder=LADDER,
        transfer="auto",
        report=out.with_name("report.json"),
    )
    return replace(request, **changes)  # type: ignore[arg-type]


def _report(out: Path) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(out.with_name("report.json").read_text())
    return found


class _StopAfter:
    """Progress that ends the build at the nth line with a word: the user's Ctrl-C."""

    def __init__(self, word: str, count: int) -> None:
        self._word, self._left = word, count

    def __call__(self, line: str) -> None:
        self._left -= self._word in line
        if not self._left:
            raise KeyboardInterrupt


@dataclass(frozen=True)
class Whole:
    """A build that nobody interrupted: its report, and the steps that it told."""

    report: BuildReport
    steps: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def whole(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    steps: list[tuple[str, int, int]] = []
    request = _request(inputs, tmp_path_factory.mktemp("whole") / "library", archs=())
    with pytest.MonkeyPatch.context() as patch:
        _made_equal(patch)
        return Whole(build_library(request, steps=lambda *step: steps.append(step)), steps)


@pytest.mark.parametrize(("word", "count"), [("tried ", 3), ("accuracy predictor", 1), ("built ", 2)])
def test_an_interrupted_build_goes_on_and_ends_in_the_same_library(
    inputs: Path, tmp_path: Path, whole: Whole, word: str, count: int
) -> None:
    request = _request(inputs, tmp_path / "broken", archs=(), resume=True)
    with pytest.raises(KeyboardInterrupt):
        build_library(request, _StopAfter(word, count))
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / ".broken.build").iterdir()}
    assert len(kept) >= count
    assert not request.out.exists()

    def still_there(_phase: str, _done: int, _all: int) -> None:
        for name, written in kept.items():
            assert (tmp_path / ".broken.build" / name).stat().st_mtime_ns == written

    assert build_library(request, steps=still_there).digest == whole.report.digest
    assert not (tmp_path / ".broken.build").exists()


def test_a_work_folder_that_is_deleted_costs_time_only(inputs: Path, tmp_path: Path) -> None:
    request = _request(inputs, tmp_path / "library", archs=(), resume=True)
    with pytest.raises(KeyboardInterrupt):
        build_library(request, _StopAfter("built ", 1))
    for file in (tmp_path / ".library.build").iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    assert verify_library(build_library(request).path).ok


def test_steps_of_each_phase_are_counted_to_their_end(whole: Whole) -> None:
    for phase in ("search", "build"):
        done = [step[1] for step in whole.steps if step[0] == phase]
        assert done == list(range(1, len(done) + 1))
    assert whole.steps[-1][1] == whole.steps[-1][2]


def test_a_fitted_last_layer_is_shipped_where_it_is_better_and_both_are_reported(inputs: Path, tmp_path: Path) -> None:
    report = build_library(_request(inputs, tmp_path / "library"))
    (subnet,) = report.subnets
    transfer = subnet.transfer
    assert transfer is not None
    assert transfer.before is not None
    assert transfer.kept == "fitted"
    assert transfer.after.top1 > transfer.before.top1 + 0.2  # the supernet is random
    assert subnet.top1 == pytest.approx(transfer.after.top1, abs=0.02)
    (entry,) = open_library(report.path).manifest.subnets
    assert entry.head is not None
    assert (entry.head.kept, entry.head.supernet_top1) == ("fitted", transfer.before.top1)
    (told,) = _report(report.path)["subnets"]
    table = np.array(told["confusion"])
    assert table.shape == (4, 4)
    assert table.sum() == sum(report.images.held_out.values())
    assert np.trace(table) / table.sum() == pytest.approx(subnet.top1)
    assert report.notes == ()


def test_a_last_layer_that_is_better_than_a_fitted_one_stays(inputs: Path, tmp_path: Path) -> None:
    """A supernet whose own layer was fitted on many images meets a user with few."""
    supernet = load_supernet(inputs / "supernet.safetensors")
    images, labels = pattern_set(3000, seed=1)
    x = ((images[:, None].astype(np.float32) - 127) / 64).astype(np.float32)
    net = supernet.cut(supernet.space.largest(32))
    net = net.with_statistics(estimate_statistics(net, x[:1024], (1024,)))
    head = fit_head(FeatureRunner(net)([x]), labels, 4).head
    weights = small_weights()
    weights |= {"classifier.linear.weight": head.weight, "classifier.linear.bias": head.bias}
    adapted = write_supernet(tmp_path / "adapted.safetensors", weights)
    few = write_set(tmp_path / "few.npz", 130, seed=3)
    report = build_library(_request(inputs, tmp_path / "library", supernet=adapted, images=few))
    transfer = report.subnets[0].transfer
    assert transfer is not None
    assert transfer.before is not None
    assert transfer.own_recall is not None
    assert transfer.kept == "supernet"
    assert transfer.own_recall > transfer.cross_validated
    assert report.subnets[0].top1 == pytest.approx(transfer.before.top1, abs=0.02)
    assert any("no gain on 1 of 1 sub-nets" in note for note in report.notes)
    assert any("python -m agent.builder.train --images" in note for note in report.notes)


def test_classes_that_the_supernet_does_not_know_get_a_fitted_layer(inputs: Path, tmp_path: Path) -> None:
    images, labels = pattern_set(300, seed=6)
    names = ("broken", "round", "whole")
    np.savez(tmp_path / "own.npz", images=images, labels=labels % 3, classes=np.array(names))
    request = _request(inputs, tmp_path / "library", images=tmp_path / "own.npz")
    report = build_library(request)
    library = open_library(report.path)
    assert library.catalogue.labels == names
    (entry,) = library.manifest.subnets
    assert entry.head is not None
    assert (entry.head.kept, entry.head.supernet_top1) == ("fitted", None)
    assert entry.accuracy.top1 > 0.6
    with pytest.raises(BuildError, match="class 'broken' is not one of"):
        build_library(replace(request, out=tmp_path / "off", transfer="off"))


def test_a_folder_of_classes_is_enough(inputs: Path, tmp_path: Path) -> None:
    images, labels = pattern_set(240, seed=6)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = tmp_path / "mine" / LABELS[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    (tmp_path / "mine" / "ok" / "broken.png").write_bytes(b"not an image")
    lines: list[str] = []
    report = build_library(_request(inputs, tmp_path / "library", images=tmp_path / "mine"), lines.append)
    assert report.images.unreadable == (
        next(line.removeprefix("not readable, left out: ") for line in lines if "broken.png" in line),
    )
    assert sum(report.images.held_out.values()) == pytest.approx(48, abs=2)


def test_a_class_without_images_is_named(inputs: Path, tmp_path: Path) -> None:
    images, labels = pattern_set(400, seed=6)
    three = labels < 3
    np.savez(tmp_path / "set.npz", images=images[three], labels=labels[three], classes=np.array(LABELS))
    held_out = write_set(tmp_path / "held.npz", 100, seed=9)
    with pytest.raises(TooFewImages, match="class 'dent' has 0 images, a last layer needs 3"):
        build_library(_request(inputs, tmp_path / "library", images=tmp_path / "set.npz", held_out=held_out))


def test_measured_service_times_of_a_library_improve_the_next_one(inputs: Path, tmp_path: Path) -> None:
    """A camera that is twice as slow as the law has it."""
    out, archs = tmp_path / "library", []
    for number, (k, d, r) in enumerate(((3, 1, 24), (5, 2, 24), (5, 2, 32))):
        archs.append(tmp_path / f"{number}.json")
        archs[-1].write_text(json.dumps({"ks": k, "e": 4, "d": d, "r": r}))
    first = build_library(_request(inputs, out, archs=tuple(archs)))
    rows = {one.id: {"service_ms": 2.0 * one.predicted_ms, "results": 300} for one in first.subnets}
    file = tmp_path / "measured.json"
    file.write_text(json.dumps({"schema": "ofa-agent.measured/1", "subnets": rows}))
    second = build_library(_request(inputs, out, archs=tuple(archs), measured=file))
    for before, after in zip(first.subnets, second.subnets, strict=True):
        assert after.predicted_ms == pytest.approx(2 * before.predicted_ms, rel=0.02)
    entry = open_library(out).manifest.subnets[0]
    assert entry.latency.source.startswith("fit: 3 measured sub-nets, error 1.0 %")
    assert second.version == 2


def test_a_latency_that_no_chosen_architecture_meets_is_refused(inputs: Path, tmp_path: Path) -> None:
    slow = replace(LADDER, max_latency_ms=1.3)
    with pytest.raises(BuildError, match=r"predicted .* ms, limit 1.3 ms"):
        build_library(_request(inputs, tmp_path / "library", ladder=slow))
    with pytest.raises(NothingFits, match="the fastest sub-net is predicted at"):
        build_library(_request(inputs, tmp_path / "library", ladder=slow, archs=()))


def _no_work(line: str) -> None:
    raise AssertionError(f"worked before it looked: {line}")


def test_what_would_fail_at_the_end_is_refused_at_the_beginning(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = _request(inputs, tmp_path / "library", archs=())
    with pytest.raises(SignatureInvalid):
        build_library(replace(request, sign_key=tmp_path / "none.pem"), _no_work)
    with pytest.raises(BuildError, match="is not a folder"):
        build_library(replace(request, report=tmp_path / "no" / "report.json"), _no_work)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(BuildError, match="exists and is not a library"):
        build_library(replace(request, out=tmp_path / "mine"), _no_work)
    monkeypatch.setattr("agent.builder.build.find_spec", lambda _name: None)
    with pytest.raises(BuildError, match=r"sklearn, pymoo is not installed; pip install 'ofa-agent\[build\]'"):
        build_library(request, _no_work)


def test_targets_that_cannot_share_an_input_are_refused(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.builder.targets.myriad.MyriadTarget.prepare", lambda _self, _progress: None)
    request = _request(inputs, tmp_path / "library", targets=("myriad2", "firefly-dl"))
    with pytest.raises(BuildError, match="build a library for each"):
        build_library(request)


def test_without_its_compiler_a_myriad_library_is_not_begun(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_self: object, _progress: object) -> None:
        raise ToolsMissing("no compiler here")

    monkeypatch.setattr("agent.builder.targets.myriad.MyriadTarget.prepare", missing)
    with pytest.raises(ToolsMissing):
        build_library(_request(inputs, tmp_path / "library", targets=("myriad2",)))
    assert not (tmp_path / "library").exists()


def test_firefly_graphs_are_handed_over_where_the_vendors_compiler_is_not_here(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    request = _request(inputs, tmp_path / "library", targets=("firefly-dl",), archs=())
    report = build_library(request)
    library = open_library(report.path)
    assert {k for one in library.manifest.subnets if one.arch for k in one.arch.ks} <= {0, 3}
    assert {artifact.format for one in library.manifest.subnets for artifact in one.artifacts} == {"openvino-ir-10"}
    left = sorted(file.name for file in (tmp_path / "library.ncsdk").iterdir())
    assert left == sorted(f"{one.id}.{end}" for one in report.subnets for end in ("pb", "txt"))
    assert any("mvNCCompile -s 12" in note for note in report.notes)
    arch = tmp_path / "arch.json"
    arch.write_text(json.dumps(LARGEST))
    with pytest.raises(BuildError, match=r"firefly-dl: .*a depthwise 5x5"):
        build_library(replace(request, archs=(arch,)))


@pytest.mark.usefixtures("myriad_compiler")
def test_a_myriad_library_holds_blobs_of_the_camera_and_their_twins(inputs: Path, tmp_path: Path) -> None:
    report = build_library(_request(inputs, tmp_path / "library", targets=("myriad2",), shaves=8))
    assert verify_library(report.path).ok
    (entry,) = open_library(report.path).manifest.subnets
    assert [(one.format, one.target, one.shaves) for one in entry.artifacts] == [
        ("openvino-blob-6", "myriad2", 8),
        ("openvino-ir-10", "simulated", 8),
    ]
    assert report.subnets[0].size_bytes == entry.artifacts[0].size_bytes
    assert entry.input is not None
    assert (entry.input.mean, entry.input.scale) == ((0.0,), (1.0,))
    blob = open_library(report.path).read_artifact(entry.id, entry.artifacts[0])
    network = load_network(blob, library_twins(report.path), blobs_need_twin=True)
    assert (network.size_bytes, network.width) == (entry.artifacts[0].size_bytes, 32)

"""From a supernet and images to a published library."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.builder.build import BuildRequest, build_library
from agent.builder.dataset import TooFewImages
from agent.builder.errors import ArchInvalid
from agent.builder.ir import compile_ir
from agent.builder.ladder import LadderOptions
from agent.builder.predict import LatencyLaw
from agent.builder.resize import resize
from agent.builder.runtime import Runner
from agent.errors import BuildError
from agent.library import Library, open_library, verify_library
from tests.support.images import write_set
from tests.support.supernets import LABELS, small_weights, write_supernet

LADDER = LadderOptions(max_subnets=3, min_subnets=1, pool=40, candidates=2, probe_images=60, probe_calibration=64)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a random supernet, sure of its answers, and images."""
    folder = tmp_path_factory.mktemp("inputs")
    weights = small_weights()
    weights["classifier.linear.weight"] *= 8
    write_supernet(folder / "supernet.safetensors", weights)
    write_set(folder / "images.npz", 1100, seed=1)
    write_set(folder / "held-out.npz", 150, seed=2)
    for number, arch in enumerate(({"ks": 3, "e": 2, "d": 1, "r": 24}, {"ks": 5, "e": 4, "d": 2, "r": 32})):
        (folder / f"arch-{number}.json").write_text(json.dumps(arch))
    return folder


def _request(inputs: Path, out: Path, archs: int = 2) -> BuildRequest:
    return BuildRequest(
        supernet=inputs / "supernet.safetensors",
        images=inputs / "images.npz",
        held_out=inputs / "held-out.npz",
        out=out,
        archs=tuple(inputs / f"arch-{number}.json" for number in range(archs)),
        ladder=LADDER,
        law=LatencyLaw(time_scale=9.0),
    )


@pytest.fixture(scope="module")
def library(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    out = tmp_path_factory.mktemp("built") / "library"
    build_library(_request(inputs, out))
    return open_library(out)


def test_chosen_architectures_become_rungs_in_order_of_latency(library: Library) -> None:
    first, second = library.catalogue.subnets
    assert first.arch is not None
    assert (first.arch.r, first.input.width, second.input.width) == (24, 24, 32)
    assert first.predicted_ms < second.predicted_ms
    assert first.predicted_ms > LatencyLaw().fixed_ms
    assert (first.artifacts[0].format, first.artifacts[0].target, first.artifacts[0].shaves) == (
        "openvino-ir-10",
        "simulated",
        12,
    )
    assert first.input.mean == (127.0,)
    assert first.accuracy.n == 150
    assert library.catalogue.labels == LABELS
    calibration = library.manifest.subnets[0].calibration
    assert calibration is not None
    assert calibration.images == 1024


def test_everything_published_verifies(library: Library) -> None:
    report = verify_library(library.path)
    assert report.problems == ()
    assert (report.blobs, report.goldens >= 4) == (2, True)


def test_artifacts_end_in_softmax_and_answer_their_golden_images(library: Library) -> None:
    for subnet in library.catalogue.subnets:
        run = Runner(compile_ir(library.read_blob(subnet.id), subnet.id))
        goldens = library.golden_images(subnet.id)
        assert len({image.golden.class_id for image in goldens}) >= 2
        for image in goldens:
            x = (resize(image.pixels[None], subnet.input.width) - subnet.input.mean[0]) / subnet.input.scale[0]
            answer = run(x.astype(np.float32))[0]
            assert answer.sum() == pytest.approx(1, abs=1e-5)
            assert answer.argmax() == image.golden.class_id
            assert answer.max() == pytest.approx(image.golden.confidence, abs=1e-4)
            assert np.diff(np.sort(answer))[-1] >= 0.2
            assert image.golden.tolerance == 0.05


def test_equal_inputs_give_equal_libraries(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    requests = [replace(_request(inputs, tmp_path / name), archs=()) for name in ("a", "b")]
    lines: list[str] = []
    first, second = (build_library(request, lines.append) for request in requests)
    assert first.digest == second.digest
    assert first.subnets == second.subnets
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()
    assert any(line.startswith("tried ") for line in lines)


def test_a_rebuild_with_other_content_gets_the_next_version(inputs: Path, tmp_path: Path) -> None:
    request = _request(inputs, tmp_path / "library", archs=1)
    assert build_library(request).version == 1
    report = build_library(replace(request, law=LatencyLaw(time_scale=5.0)))
    assert (report.version, report.changed) == (2, True)


def test_too_few_and_shared_images_are_refused(inputs: Path, tmp_path: Path) -> None:
    request = _request(inputs, tmp_path / "library")
    few = write_set(tmp_path / "few.npz", 90, seed=3)
    with pytest.raises(TooFewImages, match="90 images, need at least 100"):
        build_library(replace(request, images=few))
    with pytest.raises(BuildError, match="held-out images are also calibration images"):
        build_library(replace(request, held_out=inputs / "images.npz"))
    assert not (tmp_path / "library").exists()


def test_a_latency_limit_below_the_fastest_sub_net_is_refused(inputs: Path, tmp_path: Path) -> None:
    request = replace(_request(inputs, tmp_path / "library"), archs=(), ladder=replace(LADDER, max_latency_ms=1.0))
    with pytest.raises(BuildError, match="max latency 1 ms: the fastest sub-net is predicted at"):
        build_library(request)


def test_an_architecture_file_that_cannot_be_used_is_named(inputs: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"ks": 9}')
    request = replace(_request(inputs, tmp_path / "library"), archs=(bad,))
    with pytest.raises(ArchInvalid, match=r"bad\.json: d: "):
        build_library(request)
    with pytest.raises(BuildError, match="cannot be read as an architecture"):
        build_library(replace(request, archs=(tmp_path / "none.json",)))


def test_a_network_that_always_answers_the_same_gets_no_golden_images(inputs: Path, tmp_path: Path) -> None:
    weights = small_weights()
    weights["classifier.linear.weight"] *= 0
    weights["classifier.linear.bias"] = np.array([9, 0, 0, 0], np.float32)
    supernet = write_supernet(tmp_path / "s.safetensors", weights)
    request = replace(_request(inputs, tmp_path / "library", archs=1), supernet=supernet)
    with pytest.raises(BuildError, match="golden images of 1 classes"):
        build_library(request)


def test_labels_that_do_not_fit_the_supernets_outputs_are_refused(inputs: Path, tmp_path: Path) -> None:
    weights = small_weights()
    for part in ("weight", "bias"):
        weights[f"classifier.linear.{part}"] = weights[f"classifier.linear.{part}"][:3]
    supernet = write_supernet(tmp_path / "s.safetensors", weights, labels="[]")
    with pytest.raises(BuildError, match="4 classes, the supernet answers 3"):
        build_library(replace(_request(inputs, tmp_path / "library"), supernet=supernet))

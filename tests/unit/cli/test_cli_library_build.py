"""`ofa-agent library build`, `predict` and `pareto`, from a user's images to a picture of the ladder."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

from agent.cli import exits
from agent.cli.main import main
from agent.library import generate_key, open_library
from tests.support.images import write_set
from tests.support.supernets import write_supernet

ARCH = '{"ks": 3, "e": 4, "d": 2, "r": 32}'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a supernet, images, keys, and a library built from them by one command."""
    folder = tmp_path_factory.mktemp("place")
    write_supernet(folder / "supernet.safetensors")
    write_set(folder / "images.npz", 400, seed=1)
    generate_key(folder / "key.pem", folder / "key.pub")
    code = main(
        [
            *("library", "build", "--supernet", str(folder / "supernet.safetensors")),
            *("--images", str(folder / "images.npz"), "--out", str(folder / "library")),
            *("--max-subnets", "3", "--evaluations", "10", "--sign-key", str(folder / "key.pem")),
        ]
    )
    assert code == exits.DONE
    return folder


def _json(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    capfd.readouterr()
    assert main([*arguments, "--json"]) == exits.DONE
    found: dict[str, object] = json.loads(capfd.readouterr().out)
    return found


def test_one_command_ends_in_a_signed_library_and_a_report(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    verify = ("library", "verify", str(place / "library"), "--trusted-key", str(place / "key.pub"))
    assert _json(capfd, *verify)["signature"] == "trusted"
    report = json.loads((place / "library.report.json").read_text())
    library = open_library(place / "library")
    assert report["manifest_sha256"] == library.digest
    assert [one["id"] for one in report["subnets"]] == [one.id for one in library.manifest.subnets]
    assert len(report["tried"]) >= 8
    assert not (place / ".library.build").exists()


def test_a_build_tells_what_it_does_in_plain_lines(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (place / "arch.json").write_text(ARCH)
    out = place / "chosen"
    arguments = ["--images", str(place / "images.npz"), "--out", str(out), "--arch", str(place / "arch.json")]
    code = main(["library", "build", "--supernet", str(place / "supernet.safetensors"), *arguments])
    told = capfd.readouterr()
    assert code == exits.DONE
    assert "built r32-d222-" in told.err
    assert "\x1b" not in told.err
    assert f"{out} version 1" in told.out
    assert f"all that was tried: {out}.report.json" in told.out


def test_an_impossible_latency_exits_with_what_there_is(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = main(
        [
            *("library", "build", "--supernet", str(place / "supernet.safetensors")),
            *("--images", str(place / "images.npz"), "--out", str(place / "none"), "--max-latency-ms", "0.1"),
        ]
    )
    assert code == exits.BAD_INPUT
    assert "the fastest sub-net is predicted at" in capfd.readouterr().err
    assert not (place / "none").exists()


def _predict(place: Path, *more: str, arch: str = ARCH) -> tuple[str, ...]:
    return ("library", "predict", "--supernet", str(place / "supernet.safetensors"), "--arch", arch, *more)


def test_a_prediction_has_sizes_a_time_with_its_interval_and_no_accuracy_of_thin_air(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = _json(capfd, *_predict(place))
    assert found["accuracy"] is None
    assert float(found["service_low_ms"]) < float(found["service_ms"]) < float(found["service_high_ms"])  # type: ignore[arg-type]
    assert found["refused"] is None
    assert main([*_predict(place)]) == exits.DONE
    assert "accuracy       not known; name a library" in capfd.readouterr().out


def test_a_prediction_says_why_a_target_refuses(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arch = '{"ks": 5, "e": 4, "d": 2, "r": 32}'
    found = _json(capfd, *_predict(place, "--target", "firefly-dl", arch=arch))
    assert "depthwise 5x5" in str(found["refused"])


def test_accuracy_is_that_measured_for_a_rung_and_predicted_for_others(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rung = open_library(place / "library").manifest.subnets[0]
    assert rung.arch is not None
    text = json.dumps({"ks": rung.arch.ks, "e": rung.arch.e, "d": rung.arch.d, "r": rung.arch.r})
    library = ("--library", str(place / "library"))
    told = _json(capfd, *_predict(place, *library, arch=text))["accuracy"]
    assert isinstance(told, dict)
    assert (told["top1"], told["source"]) == (
        rung.accuracy.top1,
        f"measured on {rung.accuracy.n} images of images.npz, 20% held out",
    )
    guess = _json(capfd, *_predict(place, *library, arch='{"ks": 5, "e": 2, "d": [1, 2, 1], "r": 24}'))["accuracy"]
    assert isinstance(guess, dict)
    assert "accuracy predictor: 10 sub-nets tried, error" in guess["source"]
    assert 0 <= guess["ci95_low"] < guess["top1"] < guess["ci95_high"] <= 1


def test_the_sizes_that_are_predicted_are_those_that_are_built(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rung = open_library(place / "library").manifest.subnets[-1]
    assert rung.arch is not None
    text = json.dumps({"ks": rung.arch.ks, "e": rung.arch.e, "d": rung.arch.d, "r": rung.arch.r})
    found = _json(capfd, *_predict(place, arch=text))
    for name in ("params", "macs_dense", "macs_depthwise", "layers"):
        assert found[name] == getattr(rung, name)
    assert found["service_ms"] == pytest.approx(rung.latency.predicted_ms, abs=1e-5)
    assert float(str(found["ir_bytes"])) == pytest.approx(rung.artifacts[0].size_bytes, rel=0.1)


def test_measurements_narrow_a_prediction(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rungs = open_library(place / "library").manifest.subnets
    rows = {one.id: {"service_ms": 3 * one.latency.predicted_ms} for one in rungs}
    for number in range(3 - len(rows)):  # as the file may tell work itself
        rows[f"other-{number}"] = {
            "service_ms": 3 * rungs[0].latency.predicted_ms,
            "macs_dense": rungs[0].macs_dense,
            "macs_depthwise": rungs[0].macs_depthwise,
            "layers": rungs[0].layers,
            "side_px": 24,
        }
    (place / "measured.json").write_text(json.dumps({"schema": "ofa-agent.measured/1", "subnets": rows}))
    library = ("--library", str(place / "library"))
    model = _json(capfd, *_predict(place, *library))
    fitted = _json(capfd, *_predict(place, *library, "--measured", str(place / "measured.json")))
    assert float(str(fitted["service_ms"])) == pytest.approx(3 * float(str(model["service_ms"])), rel=0.1)
    assert str(fitted["latency_source"]).startswith("fit: ")
    ratios = [float(str(one["service_high_ms"])) / float(str(one["service_ms"])) for one in (model, fitted)]
    assert ratios[1] < ratios[0]


def test_a_library_of_another_supernet_is_not_asked(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.support.supernets import small_weights

    other = write_supernet(tmp_path / "other.safetensors", small_weights(seed=1))
    code = main(["library", "predict", "--supernet", str(other), "--arch", ARCH, "--library", str(place / "library")])
    assert code == exits.BAD_INPUT
    assert "was not built from" in capfd.readouterr().err


def test_the_steps_of_a_ladder_are_told_and_drawn(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    png = place / "ladder.png"
    # In a process of its own: the drawing library keeps its font files open.
    rungs = open_library(place / "library").manifest.subnets
    measured = place / "of-the-camera.json"
    took = {"schema": "ofa-agent.measured/1", "subnets": {rungs[0].id: {"service_ms": 12.5, "results": 300}}}
    measured.write_text(json.dumps(took))
    command = [sys.executable, "-m", "agent", "library", "pareto", str(place / "library"), "--png", str(png)]
    told = subprocess.run([*command, "--measured", str(measured)], check=True, capture_output=True, text=True).stdout
    assert f"drawn: {png}" in told
    found = _json(capfd, "library", "pareto", str(place / "library"), "--measured", str(measured))
    assert isinstance(found["rungs"], list)
    assert [rung["measured_ms"] for rung in found["rungs"]] == [12.5, *[None] * (len(rungs) - 1)]
    assert [rung["size_bytes"] for rung in found["rungs"]] == [one.artifacts[0].size_bytes for one in rungs]
    steps = found["steps"]
    assert isinstance(steps, list)
    assert [step["to_id"] for step in steps] == [one.id for one in rungs[1:]]
    for step, faster, slower in zip(steps, rungs, rungs[1:], strict=False):
        gain = slower.accuracy.top1 - faster.accuracy.top1
        assert step["break_even_s"] == pytest.approx(step["gap_s"] * slower.accuracy.top1 / gain)
    with Image.open(png) as image:
        assert image.size == (1200, 800)
        assert all(red == green == blue for _, (red, green, blue) in image.convert("RGB").getcolors(1 << 24) or ())
    first = png.read_bytes()
    subprocess.run([*command, "--measured", str(measured)], check=True, capture_output=True)
    assert png.read_bytes() == first


@pytest.mark.parametrize("words", [("library", "pareto", "none"), ("replay", "--trace", "t", "--library", "none")])
def test_a_picture_that_cannot_be_drawn_or_written_is_told_before_the_work(
    words: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", types.ModuleType("matplotlib"))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", types.ModuleType("matplotlib.figure"))
    assert main([*words, "--png", str(tmp_path / "no" / "x.png")]) == exits.BAD_INPUT
    assert capfd.readouterr().err.endswith(f"x.png cannot be written: {tmp_path / 'no'} is no folder\n")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main([*words, "--png", str(tmp_path / "x.png")]) == exits.FAILED
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("--png: matplotlib is missing")
    assert line.endswith("pip install 'ofa-agent[build]'")

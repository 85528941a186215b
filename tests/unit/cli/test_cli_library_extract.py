"""`ofa-agent library extract` from a checkpoint: what it writes, what it says, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.builder.ir import compile_ir
from agent.builder.runtime import Runner
from agent.cli import exits
from agent.cli.main import main
from agent.library.formats import inspect_blob
from tests.support import official
from tests.support.checkpoints import Call, Name, write_checkpoint, zipped

ARCH = {"ks": 3, "e": 4, "d": [2, 3, 2, 2, 4], "r": 64}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["library", "extract", *(str(argument) for argument in arguments)])
        return code, *capfd.readouterr()

    return call


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    weights = official.random_weights(official.proxyless("w0.25", 7), seed=2)
    return write_checkpoint(tmp_path / "net.pth", weights, prefix="module.")


def test_a_sub_net_is_cut_out_of_a_checkpoint_and_told(checkpoint: Path, tmp_path: Path, run: Run) -> None:
    out, arch = tmp_path / "net.ovir", tmp_path / "arch.json"
    arch.write_text(json.dumps(ARCH))
    code, text, _ = run("--supernet", checkpoint, "--arch", arch, "--out", out)
    assert code == exits.DONE
    assert "supernet: ofa-proxyless w0.25" in text
    code, text, _ = run("--supernet", checkpoint, "--arch", json.dumps(ARCH), "--out", out, "--json")
    told = json.loads(text)
    assert (code, told["family"], told["variant"], told["statistics"]) == (0, "ofa-proxyless", "w0.25", "supernet")
    assert told["size_bytes"] == out.stat().st_size


def test_a_network_for_raw_pixels_answers_as_one_for_normalised_values(
    checkpoint: Path, tmp_path: Path, run: Run
) -> None:
    plain, raw = tmp_path / "plain.ovir", tmp_path / "raw.ovir"
    arch = ("--supernet", checkpoint, "--arch", json.dumps(ARCH))
    assert run(*arch, "--out", plain, "--softmax")[0] == exits.DONE
    assert run(*arch, "--out", raw, "--softmax", "--fold-input", "--u8-input")[0] == exits.DONE
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, 64, 64), np.uint8)
    mean, scale = np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255
    x = ((pixels - mean[:, None, None]) / scale[:, None, None]).astype(np.float32)
    wanted = Runner(compile_ir(plain.read_bytes(), "plain"))(x)
    answer = compile_ir(raw.read_bytes(), "raw").create_infer_request().infer([pixels])[0]
    np.testing.assert_allclose(answer, wanted, atol=1e-4)


def test_a_network_for_a_grey_camera_takes_one_channel(checkpoint: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "grey.ovir"
    arch = ("--supernet", checkpoint, "--arch", json.dumps(ARCH))
    assert run(*arch, "--out", out, "--pixel-format", "Mono8")[0] == exits.DONE
    assert inspect_blob(out.read_bytes(), "grey").input_shape == (1, 1, 64, 64)
    assert run(*arch, "--out", out, "--pixel-format", "Grey")[0] == exits.BAD_INPUT


def test_a_checkpoint_that_wants_to_run_something_is_bad_input(tmp_path: Path, run: Run) -> None:
    evil, marker = tmp_path / "evil.pth", tmp_path / "ran"
    evil.write_bytes(zipped({"state_dict": Call(Name("os", "system"), f"touch {marker}")}, {}))
    code, _, err = run("--supernet", evil, "--arch", json.dumps(ARCH), "--out", tmp_path / "net.ovir")
    assert (code, err.count("\n")) == (exits.BAD_INPUT, 1)
    assert "evil.pth: data.pkl: refused to load os.system" in err
    assert [entry.name for entry in tmp_path.iterdir()] == ["evil.pth"]

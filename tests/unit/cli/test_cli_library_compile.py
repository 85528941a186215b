"""`ofa-agent library compile`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agent.builder.graph import InputFold
from agent.builder.ir import net_to_ir
from agent.builder.supernet import load_supernet
from agent.builder.targets import myriad, toolbox
from agent.cli import exits
from agent.cli.main import main
from agent.library import inspect_file
from tests.support.network_files import ncsdk2, openvino
from tests.support.supernets import write_supernet

SIDE = 24


@pytest.fixture(scope="module")
def irs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plain.ovir`, which takes normalised values, and `folded.ovir`, which takes pixels."""
    folder = tmp_path_factory.mktemp("irs")
    supernet = load_supernet(write_supernet(folder / "s.safetensors"))
    net = supernet.cut(supernet.space.uniform(3, 2, 1, SIDE))
    (folder / "plain.ovir").write_bytes(net_to_ir(net, softmax=True))
    (folder / "folded.ovir").write_bytes(net_to_ir(net, softmax=True, fold=InputFold((127.0,), (64.0,))))
    return folder


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Myriad compiler that writes what a test puts into this script."""
    monkeypatch.setattr(toolbox, "check_toolbox", lambda _folder: None)
    monkeypatch.setattr(toolbox, "fetch_toolbox", lambda _folder, _progress: None)
    script = tmp_path / "child.py"
    monkeypatch.setattr(myriad, "_CHILD", script)
    blob = openvino(shape=(1, SIDE, SIDE))
    script.write_text(
        f"import json, sys\nopen(json.load(sys.stdin)['out'], 'wb').write(bytes.fromhex({blob.hex()!r}))\n"
    )
    return script


def _ncsdk(folder: Path, monkeypatch: pytest.MonkeyPatch, graph: bytes | None) -> None:
    monkeypatch.setenv("PATH", str(folder))
    if graph is not None:
        script = folder / "mvNCCompile"
        text = f"import sys\nopen(sys.argv[sys.argv.index('-o') + 1], 'wb').write(bytes.fromhex({graph.hex()!r}))\n"
        script.write_text(f"#!{sys.executable}\n{text}")
        script.chmod(0o755)


def test_a_blob_is_written_and_told(
    irs: Path, stand_in: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.blob"
    order = ["library", "compile", str(irs / "folded.ovir"), "--target", "myriad2", "--out", str(out)]
    assert main([*order, "--json"]) == exits.DONE
    said, steps = capfd.readouterr()
    told = json.loads(said)
    assert (told["format"], told["target"], told["shaves"]) == ("openvino-blob-6", "myriad2", 12)
    assert told["sha256"] == inspect_file(out, "myriad2").sha256
    assert told["twin_sha256"] == inspect_file(irs / "folded.ovir").sha256
    assert steps == "compiling for myriad2 with 12 SHAVEs\n"
    assert main(order) == exits.DONE
    assert capfd.readouterr().out.startswith(f"{out}: openvino-blob-6 for myriad2 with 12 SHAVEs, ")


def test_pixels_for_a_network_of_normalised_values_are_pointed_out(
    irs: Path, stand_in: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    order = ["library", "compile", str(irs / "plain.ovir"), "--target", "myriad2", "--out", str(tmp_path / "x.blob")]
    assert main(order) == exits.DONE
    assert "extract with --fold-input, or compile with --input fp16" in capfd.readouterr().err
    assert main([*order, "--input", "fp16"]) == exits.BAD_INPUT
    said = capfd.readouterr().err
    assert "note:" not in said
    assert "bytes of input of the compiled blob: 576, expected 1152" in said


def test_a_refused_network_leaves_no_file(
    irs: Path, stand_in: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stand_in.write_text("import sys\nsys.exit('cannot compile the network: status -1')")
    out = tmp_path / "x.blob"
    code = main(["library", "compile", str(irs / "folded.ovir"), "--target", "myriad2", "--out", str(out)])
    assert code == exits.BAD_INPUT
    assert "status -1" in capfd.readouterr().err
    assert not out.exists()


def test_a_late_compiler_has_its_exit_code(irs: Path, stand_in: Path, tmp_path: Path) -> None:
    stand_in.write_text("import signal\nsignal.pause()")
    order = ["library", "compile", str(irs / "folded.ovir"), "--target", "myriadx", "--out", str(tmp_path / "x.blob")]
    assert main([*order, "--timeout", "1"]) == exits.TIMED_OUT


def test_a_compiler_that_cannot_be_fetched_is_a_failure_and_no_fault_of_the_input(
    irs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    order = ["library", "compile", str(irs / "folded.ovir"), "--target", "myriad2", "--out", str(tmp_path / "x.blob")]
    assert main([*order, "--tools", str(tmp_path / "tools")]) == exits.FAILED
    assert "ofa-agent library compile --setup" in capfd.readouterr().err
    assert main(["library", "compile", "--setup", "--tools", str(tmp_path / "tools")]) == exits.FAILED


def test_setup_says_where_the_compiler_is(stand_in: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["library", "compile", "--setup", "--tools", str(tmp_path)]) == exits.DONE
    assert capfd.readouterr().err == f"Myriad compiler: {tmp_path / toolbox.GENERATION}\n"
    assert main(["library", "compile", "--setup", "--tools", str(tmp_path), "--json"]) == exits.DONE
    assert json.loads(capfd.readouterr().out) == {"tools": str(tmp_path / toolbox.GENERATION)}


def test_setup_and_a_file_are_one_step(
    irs: Path, stand_in: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    order = ["library", "compile", str(irs / "folded.ovir"), "--target", "myriad2", "--out", str(tmp_path / "x.blob")]
    assert main([*order, "--setup", "--json"]) == exits.DONE
    assert json.loads(capfd.readouterr().out)["target"] == "myriad2"


def test_a_graph_for_the_camera_is_written_where_the_ncsdk_is(
    irs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    graph = ncsdk2(side=SIDE, shaves=8)[0]
    _ncsdk(tmp_path, monkeypatch, graph)
    out = tmp_path / "net.graph"
    order = ["library", "compile", str(irs / "plain.ovir"), "--target", "ncsdk", "--shaves", "8", "--out", str(out)]
    assert main([*order, "--json"]) == exits.DONE
    told = json.loads(capfd.readouterr().out)
    assert (told["format"], told["target"], told["shaves"]) == ("ncsdk-graph-2", "firefly-dl", 8)
    assert out.read_bytes() == graph


def test_without_the_ncsdk_the_frozen_graph_and_its_command_are_left(
    irs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _ncsdk(tmp_path, monkeypatch, None)
    out = tmp_path / "net.graph"
    order = ["library", "compile", str(irs / "plain.ovir"), "--target", "ncsdk", "--out", str(out)]
    assert main([*order, "--json"]) == exits.FAILED
    said, hint = capfd.readouterr()
    told = json.loads(said)
    assert told["command"] == "mvNCCompile -s 12 net.pb -in=input -on=output -o net.graph"
    assert told["command"] in hint
    assert Path(told["frozen_graph"]).read_bytes()
    assert told["command"] in Path(told["notes"]).read_text()
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "FILE, --target and --out are needed"),
        (["IR", "--target", "myriad2"], "FILE, --target and --out are needed"),
        (["IR", "--target", "myriad2", "--out", "IR"], "--out is FILE itself"),
        (["IR", "--target", "myriad2", "--out", "/nowhere/x.blob"], "/nowhere is not a folder"),
        (["IR", "--target", "myriad2", "--out", "x.blob", "--shaves", "13"], "13 SHAVEs, expected 1 .. 12"),
        (["IR", "--target", "myriadx", "--out", "x.blob", "--shaves", "9"], "9 SHAVEs, expected 1 .. 8"),
        (["IR", "--target", "ncsdk", "--out", "x.graph", "--shaves", "16"], "16 SHAVEs, expected 1 .. 12"),
        (["BAD", "--target", "myriad2", "--out", "x.blob"], "no known network format"),
        (["NONE", "--target", "myriad2", "--out", "x.blob"], "missing"),
    ],
)
def test_bad_usage_is_told(
    arguments: list[str], words: str, irs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad").write_bytes(b"no network")
    names = {"IR": irs / "folded.ovir", "BAD": tmp_path / "bad", "NONE": tmp_path / "none"}
    assert main(["library", "compile", *(str(names.get(one, one)) for one in arguments)]) == exits.BAD_INPUT
    assert words in capfd.readouterr().err

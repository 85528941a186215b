"""What becomes of a compilation that goes wrong; stand-ins play the compiler's process."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from agent.builder.graph import InputFold
from agent.builder.ir import net_to_ir
from agent.builder.plan import Net
from agent.builder.supernet import load_supernet
from agent.builder.targets import TARGETS, myriad, target, toolbox
from agent.builder.targets.errors import CompileFailed, CompileTimedOut, ToolsMissing
from agent.builder.targets.myriad import MYRIAD2, MYRIADX, MyriadTarget, reason
from agent.errors import BlobInvalid, BuildError
from tests.support.network_files import openvino
from tests.support.supernets import write_supernet

SIDE, CLASSES = 24, 4
_WRITE = "import json, sys\njob = json.load(sys.stdin)\nopen(job['out'], 'wb').write(bytes.fromhex('{}'))\n"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Net:
    supernet = load_supernet(write_supernet(tmp_path_factory.mktemp("supernet") / "s.safetensors"))
    return supernet.cut(supernet.space.smallest(SIDE))


@pytest.fixture(scope="module")
def ir(net: Net) -> bytes:
    return net_to_ir(net, softmax=True, fold=InputFold((127.0,), (64.0,)))


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The compiler's process is the script that a test writes here; scratch files go where a test can look."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(toolbox, "check_toolbox", lambda _folder: None)
    script = tmp_path / "child.py"
    monkeypatch.setattr(myriad, "_CHILD", script)
    return script


def _compiled(subject: MyriadTarget, ir: bytes, child: Path) -> bytes:
    try:
        return subject.compile_ir(ir, lambda _line: None)
    finally:
        assert not list((child.parent / "scratch").iterdir())


def _blob(shaves: int = 12, side: int = SIDE, classes: int = CLASSES, hardware: bool = False) -> bytes:
    return openvino(shape=(1, side, side), classes=classes, shaves=shaves, hardware=hardware)


def test_the_blob_comes_with_the_ir_that_it_was_made_from(net: Net, ir: bytes, child: Path) -> None:
    child.write_text(_WRITE.format(_blob().hex()))
    told: list[str] = []
    own, twin = target("myriad2").compile(ir, net, told.append)
    assert (own.format, own.target, own.shaves, own.data) == ("openvino-blob-6", "myriad2", 12, _blob())
    assert (twin.format, twin.target, twin.data) == ("openvino-ir-10", "simulated", ir)
    assert told == ["compiling for myriad2 with 12 SHAVEs"]


def test_the_child_is_told_processor_shaves_and_precisions(ir: bytes, child: Path) -> None:
    child.write_text("import sys\nsys.stderr.write(sys.stdin.read())\nsys.exit(2)\n")
    with pytest.raises(CompileFailed) as caught:
        _compiled(MyriadTarget(MYRIADX, 3), ir, child)
    for said in ('"VPU_MYRIAD_2480"', '"MYRIAD_NUMBER_OF_SHAVES": "3"', '"MYRIAD_NUMBER_OF_CMX_SLICES": "3"', '"U8"'):
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (_blob(shaves=8), "SHAVEs of the compiled blob: 8, expected 12"),
        (_blob(side=32), r"input of the compiled blob: \(1, 1, 32, 32\), expected \(1, 1, 24, 24\)"),
        (_blob(classes=5), r"output of the compiled blob: \(1, 5\), expected \(1, 4\)"),
        (_blob(hardware=True), "compiled for a Myriad X"),
        (_blob()[:-64], "truncated"),
        (b"", "no known network format"),
    ],
)
def test_a_blob_that_is_not_what_was_asked_for_is_refused(blob: bytes, words: str, ir: bytes, child: Path) -> None:
    child.write_text(_WRITE.format(blob.hex()))
    with pytest.raises(CompileFailed, match=words):
        _compiled(MyriadTarget(MYRIAD2), ir, child)


def test_a_half_precision_input_must_have_twice_the_bytes(ir: bytes, child: Path) -> None:
    child.write_text(_WRITE.format(_blob().hex()))
    with pytest.raises(CompileFailed, match="bytes of input of the compiled blob: 576, expected 1152"):
        _compiled(MyriadTarget(MYRIAD2, u8=False), ir, child)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys\nsys.stderr.write('noise\\ncannot read the network: status -1\\n')\nsys.exit(2)", "status -1$"),
        ("import os\nos.kill(os.getpid(), 11)", "it died with status -11"),
        ("pass", "the compiler wrote no blob"),
    ],
)
def test_a_failed_child_is_told_in_one_line(script: str, words: str, ir: bytes, child: Path) -> None:
    child.write_text(script)
    with pytest.raises(CompileFailed, match=words) as caught:
        _compiled(MyriadTarget(MYRIAD2), ir, child)
    assert "\n" not in str(caught.value)


def test_a_late_child_is_killed(ir: bytes, child: Path) -> None:
    child.write_text("import signal\nsignal.pause()")
    with pytest.raises(CompileTimedOut, match="did not end within 1 s"):
        _compiled(MyriadTarget(MYRIAD2, deadline_s=1), ir, child)


def test_the_reason_is_the_text_of_the_exception_without_places_in_its_source() -> None:
    said = (
        "terminate called after throwing an instance of 'InferenceEngine::GeneralError'\n"
        '  what():  [ GENERAL_ERROR ] \n/home/x/vpu/graph_transformer.cpp:98 Value of option ("SLICES") must be\n 1\n'
    )
    assert reason(said, -6) == 'Value of option ("SLICES") must be 1'


def test_missing_tools_are_said_before_anything_is_compiled(
    ir: bytes, net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = target("myriad2", tools=tmp_path / "nothing")
    for use in (subject.check, lambda: subject.compile(ir, net, lambda _line: None)):
        with pytest.raises(ToolsMissing, match="Myriad compiler"):
            use()


def test_something_else_than_an_ir_is_refused(net: Net, child: Path) -> None:
    with pytest.raises(BlobInvalid, match="expected openvino-ir-10"):
        target("myriad2").compile(_blob(), net, lambda _line: None)


def test_a_network_without_its_normalisation_is_no_library_artifact(net: Net, child: Path) -> None:
    with pytest.raises(CompileFailed, match="takes normalised values"):
        target("myriad2").compile(net_to_ir(net, softmax=True), net, lambda _line: None)


@pytest.mark.parametrize(("name", "most"), [("myriad2", 12), ("myriadx", 8), ("firefly-dl", 12)])
def test_shaves_are_those_that_the_processor_gives_to_one_network(name: str, most: int) -> None:
    """facts/myriad-blobs.md 2: 13 are refused on a Myriad 2; a Myriad X runs two inferences at a time on 16."""
    target(name, most)
    for wrong in (0, most + 1):
        with pytest.raises(BuildError, match=f"{wrong} SHAVEs, expected 1 .. {most}"):
            target(name, wrong)


def test_every_target_is_found_by_its_name() -> None:
    assert [target(name).name for name in TARGETS] == list(TARGETS)
    with pytest.raises(BuildError, match="'edge-tpu' is unknown; known: simulated, myriad2, myriadx, firefly-dl"):
        target("edge-tpu")


def test_the_simulation_takes_the_ir_itself(net: Net) -> None:
    subject, plain = target("simulated"), net_to_ir(net, softmax=True)
    subject.check()
    subject.prepare(lambda _line: None)
    (artifact,) = subject.compile(plain, net, lambda _line: None)
    assert (artifact.format, artifact.target, artifact.data) == ("openvino-ir-10", "simulated", plain)

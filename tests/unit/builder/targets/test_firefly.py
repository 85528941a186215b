"""`firefly-dl`: a script on the PATH stands for `mvNCCompile`."""

from __future__ import annotations

import os
import select
import sys
import tempfile
from pathlib import Path

import pytest

from agent.builder.arch import Arch
from agent.builder.ir import net_to_ir
from agent.builder.plan import Net
from agent.builder.supernet import Supernet, load_supernet
from agent.builder.targets import target
from agent.builder.targets.errors import CompileFailed, CompileTimedOut, ToolsMissing
from agent.builder.targets.firefly import FireflyTarget, hand_over, reason
from agent.errors import BuildError
from tests.support.network_files import ncsdk2
from tests.support.supernets import weightless_mobilenet_v3, write_supernet

SIDE = 24
ENDS_S = 20.0


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Supernet:
    return load_supernet(write_supernet(tmp_path_factory.mktemp("supernet") / "s.safetensors"))


@pytest.fixture(scope="module")
def net(supernet: Supernet) -> Net:
    return supernet.cut(supernet.space.uniform(3, 2, 1, SIDE))


@pytest.fixture(scope="module")
def ir(net: Net) -> bytes:
    return net_to_ir(net, softmax=True)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs, empty; scratch files go where a test can look."""
    for name in ("bin", "scratch"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return tmp_path / "bin"


def _install(path: Path, body: str) -> None:
    """A compiler that does `body` with its arguments in `a` and its output file in `out`."""
    script = path / "mvNCCompile"
    script.write_text(f"#!{sys.executable}\nimport sys\na = sys.argv[1:]\nout = a[a.index('-o') + 1]\n{body}\n")
    script.chmod(0o755)


def _writing(data: bytes) -> str:
    return f"open(out, 'wb').write(bytes.fromhex('{data.hex()}'))"


def _graph(shaves: int = 12, side: int = SIDE, classes: int = 4) -> bytes:
    return ncsdk2(side=side, classes=classes, shaves=shaves)[0]


def _compiled(subject: FireflyTarget, ir: bytes, path: Path) -> bytes:
    try:
        return subject.compile_ir(ir, lambda _line: None)
    finally:
        assert not list((path.parent / "scratch").iterdir())


def test_the_compiler_is_called_as_the_vendor_calls_it(net: Net, ir: bytes, path: Path, tmp_path: Path) -> None:
    """S21: `mvNCCompile -s 12 -o firefly.graph optimized.pb -in=input -on=<output>`."""
    seen = tmp_path / "seen"
    _install(path, f"open({str(seen)!r}, 'w').write(' '.join(a)); open('model.pb').close(); {_writing(_graph())}")
    own, twin = target("firefly-dl").compile(ir, net, lambda _line: None)
    assert seen.read_text() == "-s 12 model.pb -in=input -on=output -o model.graph"
    assert (own.format, own.target, own.shaves, own.data) == ("ncsdk-graph-2", "firefly-dl", 12, _graph())
    assert (twin.format, twin.target, twin.data) == ("openvino-ir-10", "simulated", ir)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (_graph(shaves=8), "SHAVEs of the compiled graph: 8, expected 12"),
        (_graph(side=32), "input values of the compiled graph: 1024, expected 576"),
        (_graph(classes=5), "output values of the compiled graph: 5, expected 4"),
        (_graph()[:100], "mvNCCompile wrote it"),
        (b"", "no known network format"),
    ],
)
def test_a_graph_that_is_not_what_was_asked_for_is_refused(graph: bytes, words: str, ir: bytes, path: Path) -> None:
    _install(path, _writing(graph))
    with pytest.raises(CompileFailed, match=words):
        _compiled(FireflyTarget(), ir, path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print('[Error 5] Toolkit Error: Stage Details Not Supported: Mul'); sys.exit(1)", "status 1: .Error 5. Tool"),
        ("pass", "wrote no graph"),
    ],
)
def test_a_failed_compiler_is_told_in_one_line(body: str, words: str, ir: bytes, path: Path) -> None:
    _install(path, body)
    with pytest.raises(CompileFailed, match=words) as caught:
        _compiled(FireflyTarget(), ir, path)
    assert "\n" not in str(caught.value)


def test_a_late_compiler_goes_with_the_programs_that_it_started(ir: bytes, path: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    body = f"""
import os, signal
child = os.fork()
if child:
    open({str(pids)!r}, 'w').write(str(child))
signal.pause()
"""
    _install(path, body)
    with pytest.raises(CompileTimedOut, match="did not end within 2 s"):
        _compiled(FireflyTarget(deadline_s=2), ir, path)
    assert _ends(int(pids.read_text()))


def _ends(pid: int) -> bool:
    """It is gone, or goes now that it was killed: a machine that is busy takes its time for that."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], ENDS_S)[0])
    finally:
        os.close(handle)


def test_without_the_compiler_a_build_is_told_before_it_starts(net: Net, ir: bytes, path: Path) -> None:
    subject = target("firefly-dl")
    for use in (
        subject.check,
        lambda: subject.prepare(lambda _line: None),
        lambda: subject.compile(ir, net, lambda _line: None),
    ):
        with pytest.raises(ToolsMissing, match=r"mvNCCompile .* is not on the PATH"):
            use()


def test_what_is_left_to_do_elsewhere_is_written_down(ir: bytes, tmp_path: Path) -> None:
    left = hand_over(FireflyTarget(8), ir, tmp_path / "belt 1.graph")
    assert left.command == "mvNCCompile -s 8 'belt 1.pb' -in=input -on=output -o 'belt 1.graph'"
    assert left.frozen == tmp_path / "belt 1.pb"
    assert left.command in left.notes.read_text()
    assert sorted(os.listdir(tmp_path)) == ["belt 1.pb", "belt 1.txt"]


@pytest.mark.parametrize("ending", [".pb", ".txt"])
def test_the_graph_must_not_take_the_name_of_what_it_is_made_from(ending: str, ir: bytes, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"use \.graph"):
        hand_over(FireflyTarget(), ir, tmp_path / f"belt{ending}")


def _refusal(supernet: Supernet, k: int) -> str | None:
    arch: Arch = supernet.space.uniform(k, 2, 2, SIDE)
    return target("firefly-dl").refuses(arch, supernet.cut(arch))


def test_kernels_of_three_are_legal_and_larger_depthwise_ones_are_not(supernet: Supernet) -> None:
    """facts/firefly-dl.md section 5: depthwise tested only 3x3."""
    assert _refusal(supernet, 3) is None
    assert "depthwise 5x5 convolution" in (_refusal(supernet, 5) or "")


def test_h_swish_and_gates_are_not_legal(tmp_path: Path) -> None:
    import numpy as np

    np.savez(tmp_path / "s.npz", **weightless_mobilenet_v3())  # type: ignore[arg-type]
    supernet = load_supernet(tmp_path / "s.npz")
    arch = supernet.space.smallest(128)
    assert "first_conv ends in hswish" in (target("firefly-dl").refuses(arch, supernet.cut(arch)) or "")
    without = [fault for fault in _faults(supernet.cut(arch)) if "hswish" not in fault]
    assert without
    assert all("squeeze-and-excite gate" in fault for fault in without)


def _faults(net: Net) -> list[str]:
    from agent.builder.plan import walk
    from agent.builder.targets.legal import _Judge

    judge = _Judge()
    walk(net.layers, judge, None)
    return judge.faults


def test_other_targets_refuse_nothing(supernet: Supernet, net: Net) -> None:
    arch = supernet.space.largest(SIDE)
    assert [target(name).refuses(arch, net) for name in ("simulated", "myriad2", "myriadx")] == [None] * 3


def test_the_reason_is_the_numbered_error_or_the_last_line() -> None:
    assert reason("loading\n[Error 13] Toolkit Error:  Provided OutputNode\nbye\n").startswith("[Error 13] Toolkit Err")
    assert reason("Traceback\n  ValueError: x\n\n") == "ValueError: x"
    assert reason("") == "nothing"

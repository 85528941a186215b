"""The builder at full size: OFA-MobileNetV3 w1.0 in its official layout with random weights, 1000 classes, 224 pixels.

The flow runs in a process of its own, so that its peak memory is its own; the reference of that has another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.bench.figures import Figure, Left

REPEATS = 5
SIDE_PX = 224
IMAGES, BATCH = 32, 16
# facts/myriad-blobs.md 2 A: the compiler first looks for a device, for a fixed time.
DEVICE_SEARCH_S = 5.0
_MIB = 1 << 20
_CHILD_LIMIT_S = 900


def figures() -> list[Figure | Left]:
    """Measure. Takes about a minute; half of it is the Myriad compiler, where that is installed."""
    with tempfile.TemporaryDirectory() as folder:
        flow, reference = _child("flow", folder), _child("reference", folder)
    found: list[Figure | Left] = [
        Figure(
            "build.load_s",
            "a 31 MB checkpoint to a checked supernet, sha256 included",
            "reading the file and its sha256",
            _ratios(flow["load_s"], flow["read_s"]),
            parts={"load_s": _median(flow["load_s"]), "read_s": _median(flow["read_s"])},
        ),
        Figure(
            "build.subnet_s",
            "one sub-net to a single-file IR: smallest, middle and largest",
            "OpenVINO's read and compile of it",
            _ratios(flow["extract_s"], flow["compile_s"]),
            goal=1.0,
            parts=_by_size("extract_s", flow["extract_s"]) | _by_size("compile_s", flow["compile_s"]),
        ),
        Figure(
            "build.estimate_s",
            f"batch-norm statistics from {IMAGES} images: smallest, middle and largest sub-net",
            "compiling the finished network and running it on the same images",
            _ratios(flow["estimate_s"], flow["infer_s"]),
            parts=_by_size("estimate_s", flow["estimate_s"]) | _by_size("infer_s", flow["infer_s"]),
        ),
        Figure(
            "build.peak_ratio",
            "peak memory of all this in one process",
            "a process that reads the largest IR, compiles it and runs it on the same images",
            (flow["peak_mib"] / reference["peak_mib"],),
            parts={"peak_mib": flow["peak_mib"], "reference_mib": reference["peak_mib"]},
        ),
    ]
    return [*found, _myriad(flow)]


def _myriad(flow: dict[str, Any]) -> Figure | Left:
    if "myriad_s" not in flow:
        return Left("build.myriad2_s", flow["no_myriad"])
    return Figure(
        "build.myriad2_s",
        "a Myriad 2 blob from an IR: smallest, middle and largest",
        f"the compiler's search for a device, {DEVICE_SEARCH_S:g} s in every run",
        tuple(seconds / DEVICE_SEARCH_S for seconds in flow["myriad_s"]),
        parts=_by_size("myriad_s", flow["myriad_s"]) | {"compiler_peak_mib": flow["myriad_mib"]},
    )


def _child(part: str, folder: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.builder", part, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_CHILD_LIMIT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"builder benchmark, {part}: exit {done.returncode}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _ratios(values: Sequence[float], references: Sequence[float]) -> tuple[float, ...]:
    return tuple(value / reference for value, reference in zip(values, references, strict=True))


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def _by_size(name: str, values: Sequence[float]) -> dict[str, float]:
    """Medians of values that come in rounds of three."""
    return {f"{size}_{name}": _median(values[place::3]) for place, size in enumerate(("min", "mid", "max"))}


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MIB


def _images() -> Any:
    return np.random.Generator(np.random.PCG64(1)).standard_normal((IMAGES, 3, SIDE_PX, SIDE_PX), np.float32)


def _make_checkpoint(path: Path) -> None:
    from tests.support.checkpoints import write_checkpoint
    from tests.support.official import mobilenet_v3, random_weights

    write_checkpoint(path, random_weights(mobilenet_v3("w1.0"), seed=0))


def _reference(folder: Path) -> dict[str, Any]:
    from agent.builder.ir import compile_ir
    from agent.builder.runtime import Runner

    Runner(compile_ir((folder / "max.ovir").read_bytes(), "max"))(_images())
    return {"peak_mib": _peak_mib()}


def _flow(folder: Path) -> dict[str, Any]:
    from agent.builder.batchnorm import estimate_statistics
    from agent.builder.graph import InputFold, build_model
    from agent.builder.ir import compile_ir, net_to_ir
    from agent.builder.runtime import Runner, compile_model, core
    from agent.builder.supernet import load_supernet

    path, images = folder / "supernet.pth", _images()
    # Made by another process: the weights of this one are those that it reads.
    subprocess.run([sys.executable, "-m", "tests.bench.builder", "make", str(folder)], check=True, timeout=300)
    core()
    found: dict[str, Any] = {key: [] for key in ("load_s", "read_s", "extract_s", "compile_s", "estimate_s", "infer_s")}
    for _ in range(REPEATS):
        found["read_s"].append(_timed(lambda: hashlib.sha256(path.read_bytes()).digest())[0])
        seconds, supernet = _timed(lambda: load_supernet(path))
        found["load_s"].append(seconds)
    space, normalisation = supernet.space, supernet.normalisation
    fold = InputFold(normalisation.mean, normalisation.scale)
    archs = (space.smallest(SIDE_PX), space.uniform(5, 4, 3, SIDE_PX), space.largest(SIDE_PX))
    blobs: dict[str, bytes] = {}
    for name, arch in [*zip(("min", "mid", "max"), archs, strict=True)] * REPEATS:
        seconds, blobs[name] = _timed(lambda: net_to_ir(supernet.cut(arch), softmax=True))  # noqa: B023
        found["extract_s"].append(seconds)
        found["compile_s"].append(_timed(lambda: compile_ir(blobs[name], name))[0])  # noqa: B023
    for arch in archs:
        net = supernet.cut(arch)
        seconds, statistic = _timed(lambda: estimate_statistics(net, images, (BATCH,) * (IMAGES // BATCH)))  # noqa: B023
        found["estimate_s"].append(seconds)
        ready = net.with_statistics(statistic)
        seconds, _ = _timed(lambda: Runner(compile_model(build_model(ready, batch=BATCH)))(images))  # noqa: B023
        found["infer_s"].append(seconds)
    (folder / "max.ovir").write_bytes(blobs["max"])
    found["peak_mib"] = _peak_mib()
    folded = [net_to_ir(supernet.cut(arch), softmax=True, fold=fold, element="u8") for arch in archs]
    return found | _compiled(folded, [supernet.cut(arch) for arch in archs])


def _compiled(irs: Sequence[bytes], nets: Sequence[Any]) -> dict[str, Any]:
    from agent.builder.targets import target
    from agent.errors import BuildError

    myriad = target("myriad2")
    try:
        myriad.check()
    except BuildError as exc:
        return {"no_myriad": str(exc)}
    with _ChildrenMemory() as memory:
        times = [
            _timed(lambda: myriad.compile(ir, net, lambda _line: None))[0]  # noqa: B023
            for ir, net in zip(irs, nets, strict=True)
        ]
    return {"myriad_s": times, "myriad_mib": memory.peak_mib}


class _ChildrenMemory:
    """Peak resident memory of this process's children, sampled; `getrusage` counts the parent's own into theirs."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._end = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="children-memory")

    def __enter__(self) -> _ChildrenMemory:
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._sampler.join()

    def _sample(self) -> None:
        own = psutil.Process()
        while not self._end.wait(0.02):
            with contextlib.suppress(psutil.Error):
                resident = sum(child.memory_info().rss for child in own.children(recursive=True))
                self.peak_mib = max(self.peak_mib, resident / _MIB)


def _main(part: str, folder: Path) -> None:
    if part == "make":
        _make_checkpoint(folder / "supernet.pth")
        return
    sys.stdout.write(json.dumps(_flow(folder) if part == "flow" else _reference(folder)))


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))

"""Runs the uploaded networks on the CPU (OpenVINO, f32, one thread) and remembers what it ran.

The time it takes is never the simulated time: that comes from the law in `latency.py`.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agent.sim.chunks import ImageKey
from agent.sim.network import Network, NetworkInvalid
from agent.sim.outputs import Outcome, OutputReading, read_output
from agent.sim.stand_in import stand_in

_MODELS_KEPT = 6
_RESULTS_KEPT = 200_000
_CONFIG = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    # bf16 is the default on some CPUs and moves logits visibly (facts/myriad-blobs.md section 4).
    "INFERENCE_PRECISION_HINT": "f32",
}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """(x - mean) / scale of each of the first three input channels, and the format that the network was trained on."""

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    pixel_format: str = "Mono8"


PixelSource = Callable[[ImageKey, int, int], NDArray[np.float32]]
_Question = tuple[str, Preprocessing, OutputReading, ImageKey]


class Executor:
    """Finished inferences of one camera. Thread-safe."""

    def __init__(self, pixels: PixelSource) -> None:
        self._pixels = pixels
        self._lock = threading.Lock()
        self._results: OrderedDict[_Question, Outcome] = OrderedDict()

    def compile(self, network: Network) -> None:
        """Make `network` ready; raises NetworkInvalid where OpenVINO refuses it."""
        if network.blob is None:
            _models.get(network)

    def run(self, network: Network, preprocessing: Preprocessing, reading: OutputReading, image: ImageKey) -> Outcome:
        """What `image` is; each (network, preprocessing, reading, image) is computed once."""
        key = (network.digest, preprocessing, reading, image)
        with self._lock:
            outcome = self._results.get(key)
            if outcome is None:
                outcome = self._results[key] = self._infer(network, preprocessing, reading, image)
                if len(self._results) > _RESULTS_KEPT:
                    self._results.popitem(last=False)
            return outcome

    def _infer(
        self, network: Network, preprocessing: Preprocessing, reading: OutputReading, image: ImageKey
    ) -> Outcome:
        scaled = self._pixels(image, network.height, network.width)
        seen = lay_out(scaled, preprocessing, network.channels)
        if network.blob is not None:
            return stand_in(network, seen, reading, image.geometry)
        output = _models.infer(network, seen)
        return read_output(output, reading, image.geometry)


def lay_out(scaled: NDArray[np.float32], how: Preprocessing, channels: int) -> NDArray[np.float32]:
    """The input (1, channels, H, W) of a network that sees grey pixels (H, W) of 0 to 255.

    `how.pixel_format` (InferencePreprocessBppSelector) says what the scaler writes, so a wrong one is a wrong input
    without any error; how the real camera behaves then is unknown (facts/firefly-dl.md 1.1, F-851, F-4681):
    Mono16 has 256 times the level of Mono8, as frames of that format have. BGR8 writes three values a pixel: a
    network of one channel finds every pixel thrice and the last two thirds of the image cut off. A mono format
    writes one value a pixel: a network of three channels finds the image squeezed into its first third, then zeros.
    """
    height, width = scaled.shape
    written = scaled.ravel() * np.float32(256) if how.pixel_format == "Mono16" else scaled.ravel()
    if how.pixel_format == "BGR8":
        written = np.repeat(written, 3)
    wanted = height * width * channels
    found = np.zeros(wanted, np.float32)
    found[: min(wanted, written.size)] = written[:wanted]
    planes = np.moveaxis(found.reshape(height, width, channels), 2, 0)
    mean, scale = (np.array(values, np.float32)[:channels, None, None] for values in (how.mean, how.scale))
    normed: NDArray[np.float32] = np.ascontiguousarray((planes - mean) / scale)[None]
    return normed


class _Models:
    """Compiled networks of this process. Thread-safe: a compiled network runs one inference at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiled: OrderedDict[str, Any] = OrderedDict()

    def get(self, network: Network) -> Any:
        """The compiled network; raises NetworkInvalid where OpenVINO refuses it."""
        with self._lock:
            return self._get(network)

    def infer(self, network: Network, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The output for `batch` (1, C, H, W), flat."""
        with self._lock:
            return np.array(self._get(network)(batch)[0], np.float32).reshape(-1)

    def _get(self, network: Network) -> Any:
        model = self._compiled.get(network.program)
        if model is None:
            model = self._compiled[network.program] = _compile(network)
            if len(self._compiled) > _MODELS_KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(network.program)
        return model


# Of the process, not of a camera: compiling takes 0.1 to 0.5 s, and tests load the same networks over and over.
_models = _Models()


def warm_up() -> None:
    """Load OpenVINO before the first network needs it."""
    core()


@functools.cache
def core() -> Any:
    """The process's OpenVINO core, which is never given up: on processors with AMX each lays a signal stack for the
    thread, and one that ends before another leaves the thread with a stack that is freed."""
    return _load_openvino().Core()


def _load_openvino() -> Any:
    """Import OpenVINO without its telemetry.

    The import alone would start a thread and send an event to a web service (`openvino.tools.ovc`); None in
    sys.modules makes it take its own stub for a missing `openvino_telemetry`.
    """
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    return importlib.import_module("openvino")


def _compile(network: Network) -> Any:
    openvino = _load_openvino()
    try:
        weights = openvino.Tensor(np.frombuffer(network.weights, np.uint8)) if network.weights else openvino.Tensor()
        return core().compile_model(core().read_model(network.xml, weights), "CPU", _CONFIG)
    except RuntimeError as exc:
        first_line = str(exc).strip().splitlines()[0] if str(exc).strip() else "no reason given"
        raise NetworkInvalid(f"network {network.digest[:12]} does not compile: {first_line}") from exc

"""Running models on the CPU, reproducibly: f32 and one thread, whatever the processor offers."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from openvino import CompiledModel, Core, Model

# Processors with BF16 would use it by default, with errors up to 0.3 on logits (facts/myriad-blobs.md 4).
_CONFIG: dict[str, Any] = {
    "INFERENCE_PRECISION_HINT": "f32",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
}


def load_openvino() -> Any:
    """The openvino module, imported late because it is large, and with its usage statistics off.

    On import it would start a thread that reports to its maker; without the reporting package it has a stub.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@functools.cache
def core() -> Core:
    """The process's one OpenVINO core."""
    return load_openvino().Core()


def compile_model(model: Model) -> CompiledModel:
    """Compile for the CPU."""
    return core().compile_model(model, "CPU", _CONFIG)


def load_ir(xml: bytes, weights: bytes) -> CompiledModel:
    """Compile an IR from its two parts."""
    array = np.frombuffer(weights, np.uint8).copy()
    return compile_model(core().read_model(xml, load_openvino().Tensor(array)))


class Runner:
    """Runs a compiled model on inputs of any count, in slices of the model's own batch size."""

    def __init__(self, compiled: CompiledModel) -> None:
        self._request = compiled.create_infer_request()
        self._batch = int(compiled.input(0).shape[0])

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Output rows (n, classes) for inputs (n, channels, h, w); the last slice is filled up with zeros."""
        parts: list[NDArray[np.float32]] = []
        for start in range(0, len(x), self._batch):
            part = x[start : start + self._batch]
            parts.append(self._run(part)[: len(part)])
        return np.concatenate(parts)

    def _run(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(part) < self._batch:
            padding = np.zeros((self._batch - len(part), *part.shape[1:]), np.float32)
            part = np.concatenate([part, padding])
        result: NDArray[np.float32] = self._request.infer([np.ascontiguousarray(part)])[0].copy()
        return result

"""Which camera the contract suite runs on: the simulated one, or a real one behind `--sdk spinnaker --serial S`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.camera import Sdk, load_spinnaker
from agent.domain.device import NetworkSetup
from agent.domain.subnet import InputSpec
from agent.errors import SdkError

# The network that the vendor ships with its example (facts/myriad-blobs.md section 3): test data, never copied.
GRAPH = Path(__file__).resolve().parents[3] / "shared" / "data" / "firefly-network-classification.graph"
GRAPH_SIDE, GRAPH_CHANNELS, GRAPH_CLASSES = 224, 3, 5


@dataclass
class Choice:
    """What was asked for on the command line; set once, before the tests are collected."""

    sdk: str = "simulated"
    serial: str = ""

    @property
    def real(self) -> bool:
        return self.sdk == "spinnaker"


chosen = Choice()


def vendor_sdk() -> Sdk:
    """PySpin, or the test is skipped with the reason why it cannot be used."""
    try:
        return load_spinnaker()
    except SdkError as exc:
        pytest.skip(f"--sdk spinnaker: {exc}")


def vendor_network() -> tuple[bytes, NetworkSetup]:
    """The vendor's classification network, or the test is skipped."""
    if not GRAPH.is_file():
        pytest.skip(f"the vendor's sample network {GRAPH.name} is not beside the checkout")
    blob = GRAPH.read_bytes()
    spec = InputSpec(GRAPH_SIDE, GRAPH_SIDE, GRAPH_CHANNELS, "BGR8", (127.5,), (127.5,))
    return blob, NetworkSetup("vendor-sample", "classification", spec, len(blob), GRAPH_CLASSES)

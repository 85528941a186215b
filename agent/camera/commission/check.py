"""What a check of commissioning is, and the bench that it works on.

A check answers one question that no public source answers, on the camera at hand: the first hour with real hardware.
It runs on the camera's worker thread with a deadline of its own and may fail without ending the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from agent.camera.device import FireflyDevice
from agent.camera.guard import Guard
from agent.camera.nodes import Nodes
from agent.camera.profile import Profile, read_profile
from agent.camera.sdk import Sdk
from agent.camera.session import Session
from agent.camera.settings import CameraSettings
from agent.camera.upload import SLOTS, FileSlot
from agent.clock import Clock
from agent.domain.device import GoldenCheck, NetworkSetup

Data: TypeAlias = "dict[str, Any]"  # plain data for JSON


class Verdict(Enum):
    """What a finding means for the agent."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"  # an assumption of the agent is contradicted
    TOLD = "measured"  # nothing is assumed; the number is worth keeping
    SKIPPED = "skipped"
    FAILED = "failed"


class Risk(Enum):
    """What a check does to the camera; everything from NETWORK on is asked for."""

    READS = "reads nodes"
    STREAMS = "streams, and writes the file of the injected image"
    NETWORK = "replaces the network on the camera (DDR)"
    RESET = "resets the camera; a network in DDR may be lost"
    FLASH = "writes a network to flash, which wears"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check."""

    verdict: Verdict
    actual: str
    data: Data = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One unknown: the question, how it is measured, what the agent assumes today and what follows if that is wrong.

    `unknown` is its number in facts/firefly-dl.md section 7, None where it stands elsewhere in the facts.
    """

    id: str
    unknown: int | None
    question: str
    measured: str
    assumed: str
    consequence: str
    measure: Callable[[Bench], Finding] = field(repr=False)
    risk: Risk = Risk.READS
    needs_network: bool = False
    deadline_s: float = 15.0


@dataclass(frozen=True, slots=True)
class TrialNetwork:
    """A network that the camera is said to run, with its golden images."""

    setup: NetworkSetup
    blob: bytes = field(repr=False)
    goldens: Sequence[GoldenCheck] = ()


class Bench:
    """The opened camera under test. Owner: one check at a time, on the worker thread."""

    def __init__(
        self,
        device: FireflyDevice,
        clock: Clock,
        guard: Guard,
        sdk: Sdk,
        network: TrialNetwork | None,
        other: bytes | None,
    ) -> None:
        self.device = device
        self.clock = clock
        self.guard = guard
        self.sdk = sdk
        self.other = other  # a file of a format that nobody has tried on this camera
        self._network = network

    @property
    def session(self) -> Session:
        return self.device.opened()

    @property
    def nodes(self) -> Nodes:
        return self.session.nodes

    @property
    def settings(self) -> CameraSettings:
        return self.device.settings

    @property
    def network(self) -> TrialNetwork:
        """Only for checks that declare `needs_network`."""
        if self._network is None:
            raise AssertionError("a check asked for a network that it does not declare")
        return self._network

    def profile(self) -> Profile:
        return read_profile(self.sdk, self.session.pointer.GetNodeMap())

    def elapsed_s(self, action: Callable[[], object]) -> float:
        """How long `action` takes."""
        started_ns = self.clock.now_ns()
        action()
        return (self.clock.now_ns() - started_ns) / 1e9

    def install(self) -> None:
        """The trial network on the camera and enabled, from any state."""
        self.device.upload_network(self.network.blob, self.guard, lambda _done, _total: None)
        self.device.activate_network(self.network.setup, self.guard)

    def recover(self) -> None:
        """Back to the configured, stopped camera after whatever a check did; raises a CameraError."""
        session = self.session
        session.end()
        for slot in SLOTS:
            if session.nodes.has_entry("FileSelector", slot):
                FileSlot(session.nodes, slot).close_leftover(tries=1)
        self.device.configure()


def told(actual: str, **data: Any) -> Finding:
    return Finding(Verdict.TOLD, actual, data)


def compared(as_assumed: bool, actual: str, **data: Any) -> Finding:
    return Finding(Verdict.AS_ASSUMED if as_assumed else Verdict.DIFFERS, actual, data)


def skipped(why: str) -> Finding:
    return Finding(Verdict.SKIPPED, why)

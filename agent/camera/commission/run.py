"""Runs the checks one after another on a connected camera: each with its deadline, none of them ends the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.camera.commission import files, nodes, slot, stream
from agent.camera.commission.check import Bench, Check, Data, Finding, Risk, TrialNetwork, Verdict, skipped
from agent.camera.device import FireflyDevice
from agent.camera.guard import Guard
from agent.camera.vendor_errors import clear_frames, translate
from agent.camera.worker import WorkerCamera
from agent.clock import Clock
from agent.errors import AgentError, CameraError, CameraGone, CameraTimeout

CHECKS: tuple[Check, ...] = tuple(
    check
    for risk in Risk
    for check in (*nodes.CHECKS, *stream.CHECKS, *files.CHECKS, *slot.CHECKS)
    if check.risk is risk
)
CONNECT_S = 60.0
PING_S = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check and what came of it."""

    check: Check
    finding: Finding
    elapsed_s: float

    def to_plain(self) -> Data:
        """As plain data for commission.json."""
        return {
            "id": self.check.id,
            "unknown": self.check.unknown,
            "question": self.check.question,
            "measured_by": self.check.measured,
            "assumed": self.check.assumed,
            "verdict": self.finding.verdict.value,
            "actual": self.finding.actual,
            "consequence": self.check.consequence if self.finding.verdict is Verdict.DIFFERS else None,
            "elapsed_s": round(self.elapsed_s, 3),
            "data": self.finding.data,
        }


class Commission:
    """One run over all checks, non-destructive ones first. Owner of nothing: the camera is lent, and connected again
    where a check loses it."""

    def __init__(
        self,
        camera: WorkerCamera,
        clock: Clock,
        network: TrialNetwork | None,
        other: bytes | None,
        consent: Callable[[Risk], bool],
    ) -> None:
        """`consent` is asked once for each risk from NETWORK on, before its first check."""
        self._camera = camera
        self._clock = clock
        self._network = network
        self._other = other
        self._consent = consent
        self._agreed: dict[Risk, bool] = {Risk.READS: True, Risk.STREAMS: True}
        self._hangs: str | None = None

    async def run(self, told: Callable[[Outcome], None]) -> list[Outcome]:
        """Every check in `CHECKS` order; `told` is called after each."""
        outcomes = []
        for check in CHECKS:
            started_ns = self._clock.now_ns()
            finding = self._excused(check) or await self._measure(check)
            outcome = Outcome(check, finding, (self._clock.now_ns() - started_ns) / 1e9)
            outcomes.append(outcome)
            told(outcome)
        return outcomes

    def _excused(self, check: Check) -> Finding | None:
        if self._hangs is not None:
            return skipped(self._hangs)
        if check.needs_network and self._network is None:
            return skipped("no network was given: use --config with a library")
        if not self._may(check.risk):
            return skipped(f"not agreed to: {check.risk.value}")
        return None

    def _may(self, risk: Risk) -> bool:
        if risk not in self._agreed:
            self._agreed[risk] = self._consent(risk)
        return self._agreed[risk]

    async def _measure(self, check: Check) -> Finding:
        try:
            return await self._camera.inspect(check.id, lambda d, g: self._on_thread(check, d, g), check.deadline_s)
        except AgentError as exc:
            await self._mend(exc)
            return Finding(Verdict.FAILED, str(exc))
        except Exception as exc:  # noqa: BLE001 - a fault of one check must not end the run
            clear_frames(exc)
            await self._mend(CameraError(str(exc)))
            return Finding(Verdict.FAILED, f"{type(exc).__name__}: {exc}")

    def _on_thread(self, check: Check, device: FireflyDevice, guard: Guard) -> Finding:
        bench = Bench(device, self._clock, guard, device.sdk, self._network, self._other)
        try:
            return check.measure(bench)
        except device.sdk.SpinnakerException as exc:
            raise translate(exc, check.question) from exc

    async def _mend(self, error: AgentError) -> None:
        """After a failure: the camera stopped and configured again, or connected again, or given up."""
        try:
            if isinstance(error, CameraGone):
                await self._camera.connect(CONNECT_S)
            else:
                await self._camera.inspect("recover", self._recover, PING_S)
        except CameraTimeout:
            self._hangs = f"the camera hangs since an earlier check ({error}); power it off and on"
        except AgentError:
            await self._connect_again()

    def _recover(self, device: FireflyDevice, guard: Guard) -> None:
        Bench(device, self._clock, guard, device.sdk, self._network, self._other).recover()

    async def _connect_again(self) -> None:
        try:
            await self._camera.connect(CONNECT_S)
        except AgentError as exc:
            self._hangs = f"the camera could not be opened again: {exc}"


def contradictions(outcomes: list[Outcome]) -> Iterator[Outcome]:
    """Where the camera is not as the agent assumes."""
    return (outcome for outcome in outcomes if outcome.finding.verdict is Verdict.DIFFERS)

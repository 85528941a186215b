"""One swap, from intent to a verified network: forward, or back to the last good one.

Owner of nothing but its own progress: the camera, the journal and the state machine are lent to it. The intent row is
durable before the first destructive call; the final row before the caller publishes ACTIVE. Generations are drawn
before the gap starts, so that no write to disk falls into it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import anyio

from agent.clock import Clock
from agent.domain.device import Camera, GoldenCheck, GoldenOutcome, NetworkReport, NetworkSetup
from agent.domain.journal import Activation, Journal, SwapOutcome, SwapRecord
from agent.domain.states import SwapStage
from agent.errors import AgentError, CameraGone, CameraTimeout, Cancelled, NotPermitted, VerificationFailed
from agent.swap.generations import Generations
from agent.swap.plan import BEFORE_GAP, STAGE_OF, Plan, Step, plan_adoption, plan_swap

CANCELLED = "cancelled"  # SwapRecord.failed_step of a swap that somebody ended
GRACE_S = 1.0  # a camera call that outlives its own deadline is given up after this
WRITTEN_S = 5.0  # that the journal takes for the last row where its disk hangs; then it is told all the same


@dataclass(frozen=True, slots=True)
class Permitted:
    """A permit as given. `record` is the swap as it is wanted by now; `forced`: although it leaves nobody seeing."""

    record: SwapRecord
    forced: bool = False


PermitFn: TypeAlias = "Callable[[SwapRecord], Awaitable[Permitted]]"


class Brake(Protocol):
    """What may end a swap from outside."""

    def refuses(self) -> AgentError | None:
        """Why it must not begin; asked last thing before the gap, when nothing on the camera has changed yet."""
        ...

    def ends(self) -> AgentError | None:
        """Why it is to end in its gap, by the way back. Asked before each step and, on the camera's thread, while the
        network is written."""
        ...


@dataclass(frozen=True, slots=True)
class Payload:
    """A sub-net read from the library and checked, ready to be put on a camera."""

    setup: NetworkSetup
    sha256: str
    blob: bytes
    goldens: tuple[GoldenCheck, ...]


class PayloadSource(Protocol):
    async def load(self, subnet_id: str) -> Payload:
        """Read and verify (digest, signature, format, input shape); raises a leaf of LibraryError."""
        ...


@dataclass(frozen=True, slots=True)
class Installed:
    """A network that is verified on the camera under a generation; `self_tested` says how."""

    subnet_id: str
    sha256: str
    generation: int
    self_tested: bool


@dataclass(frozen=True, slots=True)
class SwapEnd:
    """How a transaction ended: the journal's record and what is verified on the camera now, if anything."""

    record: SwapRecord
    installed: Installed | None
    error: AgentError | None


class SwapTransaction:
    """Runs one plan; see the module docstring. Not reusable."""

    def __init__(
        self,
        camera: Camera,
        journal: Journal,
        source: PayloadSource,
        clock: Clock,
        on_stage: Callable[[SwapStage], None],
        on_progress: Callable[[int, int], None],
        on_generation: Callable[[int, str], None],
        permit: PermitFn | None = None,
        brake: Brake | None = None,
        generations: Generations | None = None,
    ) -> None:
        """`on_generation(generation, subnet_id)` is called before any result of it can appear.

        `permit` is awaited when everything is read and checked, before the gap; it raises NotPermitted.
        """
        self._camera = camera
        self._journal = journal
        self._source = source
        self._clock = clock
        self._on_stage = on_stage
        self._on_progress = on_progress
        self._on_generation = on_generation
        self._permit = permit
        self._brake = brake
        self._generations = generations or Generations(journal, camera.name)
        self._deadline_ns = self._forward_ns = 0
        self._self_tested = False
        self._backwards = False

    async def swap(
        self,
        record: SwapRecord,
        old: Installed | None,
        deadline_s: float,
        source_of_old: PayloadSource | None = None,
    ) -> SwapEnd:
        """Install `record.to_subnet`; ends VERIFIED, REFUSED, ROLLED_BACK or FAULTED and never raises AgentError.

        `source_of_old`: where `old` came from, if that is another library by now. Both ways have `deadline_s` each,
        counted from the permit where one is needed, and end within twice that, GRACE_S and WRITTEN_S; so are the
        record's start and duration. CancelledError leaves the journal's row RUNNING: the next start recovers.
        """
        started_ns, drawn = self._clock.now_ns(), list[int]()
        try:
            self._on_stage(SwapStage.PREPARING)
            payload = await self._source.load(record.to_subnet)
            back = await (source_of_old or self._source).load(old.subnet_id) if old else None
            if self._permit is not None:
                record = await self._permitted(self._permit, record)
                started_ns = self._clock.now_ns()
            self._set_deadline(deadline_s)
            self._forward_ns = self._deadline_ns
            drawn.append(generation := await self._generations.draw())
            drawn.append(spare := await self._generations.draw())
            await self._journal.begin_swap(record)
            if self._brake is not None and (why := self._brake.refuses()) is not None:
                raise why
        except AgentError as error:
            self._generations.give_back(*drawn)
            step = Step.PERMIT if isinstance(error, NotPermitted) else Step.PREPARE
            return await self._end(record, SwapOutcome.REFUSED, old, started_ns, step, error)
        failed, error_ = await self._run(plan_swap(), record, payload, generation)
        if failed is None:
            self._generations.give_back(spare)
            new = Installed(record.to_subnet, payload.sha256, generation, self._self_tested)
            return await self._end(record, SwapOutcome.VERIFIED, new, started_ns)
        return await self._roll_back(record, old, back, spare, started_ns, failed, error_, deadline_s)

    async def adopt(self, record: SwapRecord, deadline_s: float) -> SwapEnd:
        """Verify and start the network that is already on the camera; FAULTED means: not usable, install anew."""
        started_ns = self._clock.now_ns()
        self._set_deadline(deadline_s)
        try:
            payload = await self._source.load(record.to_subnet)
            generation = await self._generations.draw()
            await self._journal.begin_swap(record)
        except AgentError as error:
            return await self._end(record, SwapOutcome.REFUSED, None, started_ns, Step.PREPARE, error)
        failed, error_ = await self._run(plan_adoption(), record, payload, generation)
        if failed is None:
            new = Installed(record.to_subnet, payload.sha256, generation, self._self_tested)
            return await self._end(record, SwapOutcome.VERIFIED, new, started_ns)
        return await self._end(record, SwapOutcome.FAULTED, None, started_ns, failed, error_)

    # -- forward and back ---------------------------------------------------------------------------------------------

    async def _permitted(self, permit: PermitFn, record: SwapRecord) -> SwapRecord:
        """Wait for the permit; the record then begins at it. Raises NotPermitted. The wait is a step of its own."""
        self._on_stage(SwapStage.WAITING_PERMIT)
        asked_ns = self._clock.now_ns()
        name = Step.PERMIT.value
        try:
            given = await permit(record)
        except NotPermitted as error:
            self._journal.note_step(record.id, name, (self._clock.now_ns() - asked_ns) / 1e9, str(error))
            raise
        name = f"{name}:forced" if given.forced else name
        self._journal.note_step(record.id, name, (self._clock.now_ns() - asked_ns) / 1e9, None)
        return replace(given.record, started_wall_ns=self._clock.wall_ns())

    async def _run(
        self, plan: Plan, record: SwapRecord, payload: Payload | None, generation: int, back: bool = False
    ) -> tuple[Step | None, AgentError | None]:
        """Run the steps; the first that fails, with its error, or (None, None)."""
        for step in plan.steps:
            if step in BEFORE_GAP:
                continue
            self._on_stage(SwapStage.ROLLING_BACK if back else STAGE_OF[step])
            started_ns = self._clock.now_ns()
            ended = self._brake.ends() if self._brake is not None and not back else None
            error = ended or await self._attempt(step, payload, generation)
            elapsed_s = (self._clock.now_ns() - started_ns) / 1e9
            name = f"back:{step.value}" if back else step.value
            self._journal.note_step(record.id, name, elapsed_s, str(error) if error else None)
            if error is not None:
                return step, error
        return None, None

    async def _roll_back(
        self,
        record: SwapRecord,
        old: Installed | None,
        back: Payload | None,
        generation: int,
        started_ns: int,
        failed: Step,
        error: AgentError | None,
        deadline_s: float,
    ) -> SwapEnd:
        self._backwards = True
        latest_ns = self._forward_ns + round(deadline_s * 1e9)  # what a silent camera took beyond is taken off this way
        self._set_deadline(deadline_s)
        self._deadline_ns = min(self._deadline_ns, latest_ns)
        steps = plan_swap().way_back(failed, old is not None)
        for _ in range(2):  # a glitch on the way back is worth one more try before giving up the line
            if isinstance(error, CameraGone):
                break
            fresh = old is None or Step.ACTIVATE in steps  # a stream that is only resumed keeps its generation
            number = generation if old is None or fresh else old.generation
            again, back_error = await self._run(Plan(steps), record, back, number, back=True)
            if again is None:
                if number != generation or old is None:
                    self._generations.give_back(generation)
                restored = replace(old, generation=number, self_tested=self._tested(old, fresh)) if old else None
                return await self._end(record, SwapOutcome.ROLLED_BACK, restored, started_ns, failed, error)
            if isinstance(back_error, CameraGone):
                error = back_error
                break
            steps = plan_swap().way_back(Step.DELETE, old is not None)
        return await self._end(record, SwapOutcome.FAULTED, None, started_ns, failed, error)

    def _tested(self, old: Installed, fresh: bool) -> bool:
        return self._self_tested if fresh else old.self_tested

    async def _end(
        self,
        record: SwapRecord,
        outcome: SwapOutcome,
        installed: Installed | None,
        started_ns: int,
        failed: Step | None = None,
        error: AgentError | None = None,
    ) -> SwapEnd:
        final = replace(
            record,
            outcome=outcome,
            generation=installed.generation if installed else None,
            active_subnet=installed.subnet_id if installed else None,
            duration_s=(self._clock.now_ns() - started_ns) / 1e9,
            failed_step=_step_name(failed, error),
            error=str(error) if error else None,
            error_reason=error.reason if error else None,
        )
        activation = (
            Activation(record.camera, installed.generation, installed.subnet_id, installed.sha256)
            if installed
            else None
        )
        try:
            await self._journal.finish_swap(final, activation)
        except AgentError as journal_error:
            error = error or journal_error  # the camera is as said; the caller raises the alarm
        return SwapEnd(final, installed, error)

    # -- single steps -------------------------------------------------------------------------------------------------

    async def _attempt(self, step: Step, payload: Payload | None, generation: int) -> AgentError | None:
        left_s = (self._deadline_ns - self._clock.now_ns()) / 1e9
        if left_s <= 0:
            return CameraTimeout(f"swap step {step.value}: the swap's deadline has passed; raise swap.deadline_s")
        try:
            with anyio.fail_after(left_s + GRACE_S):
                await self._do(step, payload, generation, left_s)
        except AgentError as error:
            return error
        except TimeoutError:  # after AgentError: CameraTimeout is a TimeoutError too
            return CameraTimeout(f"swap step {step.value}: no answer within {left_s:.1f} s; the camera hangs")
        return None

    def _do(self, step: Step, payload: Payload | None, generation: int, left_s: float) -> Awaitable[object]:
        camera = self._camera
        if payload is None:  # clearing the slot is all that is done without a network
            clear = {
                Step.STOP: camera.stop_stream,
                Step.DISABLE: camera.disable_inference,
                Step.DELETE: camera.delete_network,
            }
            return clear[step](left_s)
        calls: dict[Step, Callable[[], Awaitable[object]]] = {
            Step.STOP: lambda: camera.stop_stream(left_s),
            Step.DISABLE: lambda: camera.disable_inference(left_s),
            Step.DELETE: lambda: camera.delete_network(left_s),
            Step.UPLOAD: lambda: camera.upload_network(payload.blob, left_s, self._progress),
            Step.ACTIVATE: lambda: camera.activate_network(payload.setup, left_s, payload.goldens),
            Step.VERIFY: lambda: self._verify(payload, left_s),
            Step.START: lambda: self._start(payload, generation, left_s),
        }
        return calls[step]()

    def _progress(self, done: int, total: int) -> None:
        """On the camera's thread. What ends the swap ends the writing too; on the way back nothing does."""
        self._on_progress(done, total)
        ended = self._brake.ends() if self._brake is not None and not self._backwards else None
        if ended is not None:
            raise ended

    async def _start(self, payload: Payload, generation: int, left_s: float) -> None:
        self._on_generation(generation, payload.setup.subnet_id)
        await self._camera.start_stream(left_s, generation)

    async def _verify(self, payload: Payload, left_s: float) -> None:
        check_report(await self._camera.read_network(left_s), payload.setup)
        outcomes = await self._camera.self_test(payload.goldens, left_s)
        check_goldens(outcomes, payload.goldens)
        self._self_tested = bool(outcomes)
        await self._camera.mark_verified(payload.setup.subnet_id, left_s)

    def _set_deadline(self, deadline_s: float) -> None:
        self._deadline_ns = self._clock.now_ns() + round(deadline_s * 1e9)


def _step_name(failed: Step | None, error: AgentError | None) -> str | None:
    if isinstance(error, Cancelled):
        return CANCELLED
    return failed.value if failed else None


def check_report(report: NetworkReport, setup: NetworkSetup) -> None:
    """Compare the camera's read-only properties with what was sent; raises VerificationFailed.

    None means that this firmware does not tell (facts/firefly-dl.md section 1.1), which proves nothing either way.
    """
    expected = (
        ("size", report.size_bytes, setup.size_bytes),
        ("input width", report.width, setup.input.width),
        ("input height", report.height, setup.input.height),
        ("input channels", report.channels, setup.input.channels),
        ("classes", report.classes, setup.classes),
    )
    for what, actual, wanted in expected:
        if actual is not None and actual != wanted:
            raise VerificationFailed(
                f"network {setup.subnet_id}: the camera reports {what} {actual}, the library says {wanted}"
            )


def check_goldens(outcomes: Sequence[GoldenOutcome], goldens: Sequence[GoldenCheck]) -> None:
    """Raises VerificationFailed for the first golden image that the camera answered wrongly."""
    if outcomes and len(outcomes) != len(goldens):
        raise VerificationFailed(f"{len(outcomes)} of {len(goldens)} golden images were answered")
    for number, (outcome, golden) in enumerate(zip(outcomes, goldens, strict=False), start=1):
        if not outcome.passed:
            raise VerificationFailed(
                f"golden image {number}: the camera says class {outcome.class_id} at {outcome.confidence:.3f}, "
                f"expected class {golden.class_id} at {golden.confidence:.3f} +- {golden.tolerance:.3f}"
            )

"""What is done to one camera, one action at a time.

Owner of the camera's state machine, of what is verified on it, of the running swap and of the quarantine. Decides
nothing: the loop tells it what to do and awaits the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from agent.clock import Clock
from agent.domain.decision import Action, Decision, Reason
from agent.domain.device import Camera, CameraInfo
from agent.domain.journal import Activation, Journal, SwapOutcome, SwapRecord
from agent.domain.snapshot import RunningSwap
from agent.domain.states import BEFORE_GAP, CameraState, SwapStage
from agent.errors import AgentError, CameraError, CameraGone, Cancelled, LibraryError, NotPermitted
from agent.logs import event, logger
from agent.policy.tickets import urgency_of
from agent.supervisor.alarms import AlarmDesk
from agent.supervisor.group import Turn
from agent.supervisor.results import ResultDesk
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.source import SubnetSource
from agent.swap.generations import Generations
from agent.swap.machine import StateMachine
from agent.swap.transaction import WRITTEN_S, Brake, Installed, PermitFn, Permitted, SwapEnd, SwapTransaction

_log = logger("supervisor")
FIRST_GAP_ESTIMATE_S = 3.0  # before any swap was measured: 2-4 s are typical (policy.md)


class Actor:
    """See the module docstring."""

    def __init__(
        self,
        camera: Camera,
        journal: Journal,
        clock: Clock,
        settings: SupervisorSettings,
        source: SubnetSource | None,
        desk: ResultDesk,
        alarms: AlarmDesk,
        changed: Callable[[], None],
        turn: Turn | None = None,
        barred: Callable[[Decision], AgentError | None] = lambda _: None,
    ) -> None:
        """`barred` says why a swap must not begin; it is asked last thing before the gap."""
        self._camera = camera
        self._journal = journal
        self._clock = clock
        self._settings = settings
        self._source = source
        self._desk = desk
        self._alarms = alarms
        self._changed = changed
        self._turn = turn
        self._barred = barred
        self.machine = StateMachine(changed)
        self.info: CameraInfo | None = None
        self.installed: Installed | None = None
        self._running: RunningSwap | None = None
        self._wanted: Decision  # of the running swap; a newer one for the same target while it waits
        self._bytes = (0, 0)
        self.rolled_back = False
        self.activated_s = 0.0
        self.swaps_total = 0
        self.streaming = False
        self._quarantine: dict[str, tuple[float, str]] = {}
        self._failures = 0
        self._retry_at_s = 0.0
        self._gap_estimate_s = FIRST_GAP_ESTIMATE_S
        self._gap_swaps: dict[int, RunningSwap] = {}
        self._generations = Generations(journal, camera.name)
        self._gap_from_s: float | None = None
        self._swap_deadline_s = settings.swap_deadline_s  # of the running swap; a reload says it of the next one
        self._cancelled: Cancelled | None = None
        self._source_of_installed: SubnetSource | None = None
        self.last_active: str | None = None  # verified last, now or before the camera or its network went
        self.on_ended: Callable[[SwapRecord, AgentError | None], None] = lambda _r, _e: None  # whatever came of it
        self.on_given_up: Callable[[SwapRecord, AgentError | None], None] = lambda _r, _e: None  # before its gap
        self.on_gap: Callable[[], None] = lambda: None  # the gap of a swap begins
        self.on_gap_measured: Callable[[float, float], None] = lambda _s, _promised_s: None
        self.on_row: Callable[[SwapRecord, float | None], None] = lambda _r, _s: None  # of a swap or an adoption: final
        self.own_pace = False  # wanted: a triggered camera takes frames by itself
        self._paced = False

    @property
    def state(self) -> CameraState:
        return self.machine.state

    def now_s(self) -> float:
        return self._clock.now_ns() / 1e9

    @property
    def running(self) -> RunningSwap | None:
        """The swap under way with its progress."""
        if self._running is None:
            return None
        done, total = self._bytes
        return replace(self._running, bytes_done=done, bytes_total=total)

    @property
    def expected_gap_s(self) -> float:
        """Seconds without inference that a swap is expected to cost."""
        return self._gap_estimate_s

    @property
    def gap_so_far_s(self) -> float:
        """Seconds without inference of the swap under way; 0 before its gap."""
        return 0.0 if self._gap_from_s is None else self.now_s() - self._gap_from_s

    @property
    def deadline_s(self) -> float | None:
        """When the swap under way has ended at the latest, there and back, on the clock of decisions; None before its
        gap."""
        if self._gap_from_s is None:
            return None
        return self._gap_from_s + 2 * self._swap_deadline_s + WRITTEN_S

    @property
    def infers(self) -> bool:
        """A verified network infers: also while a swap is prepared or waits for its permit."""
        return self.installed is not None and (self.state is CameraState.ACTIVE or self.machine.stage in BEFORE_GAP)

    @property
    def out_of_pace(self) -> bool:
        """A running stream takes its frames otherwise than is wanted."""
        return self.state is CameraState.ACTIVE and self._paced is not self.own_pace

    @property
    def waits_for(self) -> str | None:
        """The sub-net whose swap waits for its permit."""
        if self._running is None or self.machine.stage is not SwapStage.WAITING_PERMIT:
            return None
        return self._running.to_subnet

    def quarantined(self) -> dict[str, str]:
        """Sub-nets that failed lately, with the reason."""
        now_s = self.now_s()
        self._quarantine = {key: value for key, value in self._quarantine.items() if value[0] > now_s}
        return {key: why for key, (_, why) in self._quarantine.items()}

    def forgive(self, subnet_id: str) -> None:
        """Try that sub-net again as if it had not failed."""
        self._quarantine.pop(subnet_id, None)

    def configure(self, settings: SupervisorSettings, source: SubnetSource | None) -> None:
        """Other settings and another library from the next action on; what is on the camera keeps its own library to go
        back to. A sub-net that the old library could not deliver may be good in the new one."""
        self._settings = settings
        if source is not self._source:
            self._source = source
            self._quarantine = {key: kept for key, kept in self._quarantine.items() if kept[0] != float("inf")}

    def may_connect(self) -> bool:
        return self.state is CameraState.DISCONNECTED and self.now_s() >= self._retry_at_s

    # -- connecting ---------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """One attempt: open the camera, then take over the network that is on it if the journal vouches for it."""
        self.machine.to(CameraState.CONNECTING)
        try:
            self.info = await self._camera.connect(self._settings.connect_deadline_s)
        except AgentError as error:
            await self._lost(error)
            return
        self._failures = 0
        await self._alarms.cleared("camera_lost")
        event(_log, logging.INFO, "camera_connected", camera=self._camera.name, serial=self.info.serial)
        for warning in self.info.warnings:
            event(_log, logging.WARNING, "camera_warning", camera=self._camera.name, text=warning)
        await self._adopt()

    async def disconnect(self, detail: str) -> None:
        """Close the camera, whatever it is doing."""
        self._forget_network()
        try:
            await self._camera.disconnect(self._settings.connect_deadline_s)
        except CameraError as error:  # its thread hangs in the SDK: nothing more can be done to it, and it is lost
            event(_log, logging.ERROR, "camera_not_closed", camera=self._camera.name, error=error)
        self.info, self._paced = None, False
        if self.state is not CameraState.DISCONNECTED:
            self.machine.to(CameraState.DISCONNECTED, detail)

    async def lost(self, detail: str) -> None:
        """The camera vanished outside of an action."""
        await self._lost(CameraGone(detail))

    async def _lost(self, error: AgentError) -> None:
        self._failures += 1
        backoff_s = min(self._settings.backoff_max_s, self._settings.backoff_s * 2 ** min(self._failures - 1, 10))
        self._retry_at_s = self.now_s() + backoff_s
        await self.disconnect(f"{error}; next attempt in {backoff_s:.1f} s")
        await self._alarms.raised("camera_lost", str(error))

    async def _adopt(self) -> None:
        for stale in await self._journal.interrupted_swaps(self._camera.name):
            event(_log, logging.WARNING, "swap_was_interrupted", camera=self._camera.name, swap=stale.id)
            self.on_row(replace(stale, outcome=SwapOutcome.INTERRUPTED), None)
        activation = await self._journal.activation(self._camera.name)
        if activation is not None:
            self.last_active = activation.subnet_id
        record = self._adoptable(activation)
        if record is None:
            self.machine.to(CameraState.IDLE, "no network that the journal vouches for")
            return
        end = await self._transaction(lambda _: None).adopt(record, self._settings.swap_deadline_s)
        self.on_row(end.record, None)
        if end.installed is not None:
            self._take(end)
            self.machine.to(CameraState.ACTIVE)
        elif isinstance(end.error, CameraGone):
            await self._lost(end.error)
        else:
            self.machine.to(CameraState.IDLE, f"the network on the camera was not taken over: {end.error}")

    def _adoptable(self, activation: Activation | None) -> SwapRecord | None:
        """The record of an adoption where journal, library and camera agree on what is loaded."""
        info = self.info
        if activation is None or info is None or self._source is None:
            return None
        try:
            sha256, size_bytes = self._source.artifact_digest(activation.subnet_id)
        except AgentError:
            return None
        name_fits = info.network_name in (None, activation.subnet_id)
        if sha256 != activation.sha256 or size_bytes != info.network_bytes or not name_fits:
            return None
        name = f"adopt-{activation.generation}-{self._clock.wall_ns()}"  # one of a crash keeps its row
        return self._record(name, None, activation.subnet_id, Reason.RECOVERY, "")

    # -- swapping -----------------------------------------------------------------------------------------------------

    async def swap(self, swap_id: str, decision: Decision, in_turn: bool = True) -> None:
        """Carry out a decision to swap; ends in ACTIVE, IDLE, FAULTED or DISCONNECTED.

        `in_turn`: not before the camera's turn in its group.
        """
        if decision.target is None:
            return
        if not await self._set_pace():
            return
        record = self._record(swap_id, self._active(), decision.target, decision.reason, decision.budget.id)
        self._begin(record)
        self._wanted, self._swap_deadline_s = decision, self._settings.swap_deadline_s
        permit = partial(self._permit, self._turn) if self._turn is not None and in_turn else None
        transaction = self._transaction(self._stage, self._stamp, permit, _Brake(self))
        try:
            end = await transaction.swap(record, self.installed, self._swap_deadline_s, self._source_of_installed)
            self._running, self._gap_from_s = None, None
            self.on_row(end.record, self._gap_estimate_s)
            if end.record.outcome is SwapOutcome.REFUSED and isinstance(end.error, (NotPermitted, Cancelled)):
                self._given_up(end.record, end.error)
            else:
                self.swaps_total += 1
                await self._settle(record, end)
        except BaseException:
            if self._turn is not None:
                self._turn.abandon()
            raise
        if self._turn is not None:
            self._turn.ended()

    def cancel(self, swap_id: str, why: Cancelled) -> None:
        """End the swap of that id, where it is under way, as soon as it may: before the gap nothing has happened, in it
        the way back begins.
        """
        if self._running is not None and self._running.id == swap_id:
            self._cancelled = why
            self.withdraw(str(why))
        self._changed()

    def refuses(self) -> AgentError | None:
        """Why the swap under way must not begin its gap."""
        return self._cancelled or self._barred(self._wanted)

    @property
    def cancelled(self) -> AgentError | None:
        """Why the swap under way is to end in its gap. Read on the camera's thread too: one assignment."""
        return self._cancelled

    def hurry(self, decision: Decision) -> None:
        """A newer decision for the swap that waits: the same target for another reason keeps its place, another not."""
        if self._turn is None or self.waits_for is None:
            return
        if decision.action is Action.SWAP and decision.target == self.waits_for:
            self._wanted = decision
            self._turn.hurry(urgency_of(decision))
        else:
            self._turn.withdraw(f"the swap to {self.waits_for} is not wanted any more: {decision.text}")

    def withdraw(self, why: str) -> None:
        """End the wait of a swap that has not touched the camera yet; harmless where none waits."""
        if self._turn is not None:
            self._turn.withdraw(why)

    async def restart_stream(self) -> None:
        """The same network, with frames at the pace that is wanted now; results go on under the same generation."""
        if self.installed is None:
            return
        generation, deadline_s = self.installed.generation, self._settings.connect_deadline_s
        try:
            await self._camera.stop_stream(deadline_s)
            if await self._set_pace():
                await self._camera.start_stream(deadline_s, generation)
        except AgentError as error:
            await self._lost(error)

    async def _set_pace(self) -> bool:
        """For the next start of the stream; False where the camera was lost over it."""
        wanted = self.own_pace
        try:
            if self._paced is not wanted:
                await self._camera.own_pace(wanted, self._settings.connect_deadline_s)
        except AgentError as error:
            await self._lost(error)
            return False
        self._paced = wanted
        return True

    async def stream_idle(self) -> None:
        """Stream images without a network, so that captures and previews work."""
        try:
            await self._camera.start_stream(self._settings.connect_deadline_s, None)
            self.streaming = True
        except AgentError as error:
            await self._lost(error)

    def gap_measured(self, generation: int, gap_s: float) -> None:
        """The first result of `generation` came `gap_s` after the last one before it."""
        swap = self._gap_swaps.pop(generation, None)
        if swap is None:
            return
        self._journal.note_gap(swap.id, gap_s)
        event(_log, logging.INFO, "gap_measured", camera=self._camera.name, swap=swap.id, gap_s=gap_s)
        self.on_gap_measured(gap_s, swap.expected_gap_s)
        self._changed()

    def _begin(self, record: SwapRecord) -> None:
        self._bytes = (0, 0)
        self._running = RunningSwap(
            record.id, record.to_subnet, SwapStage.PREPARING, 0, 0, record.started_wall_ns, self._gap_estimate_s
        )
        self._cancelled = None
        self.machine.to(CameraState.SWAPPING, f"to {record.to_subnet}: {record.reason}")
        event(_log, logging.INFO, "swap_started", camera=record.camera, swap=record.id, to=record.to_subnet,
              reason=record.reason)  # fmt: skip

    async def _permit(self, turn: Turn, record: SwapRecord) -> Permitted:
        """Wait for a ticket; the swap is then done for the newest decision that wants it."""

        def waits(why: str) -> None:
            if self._running is not None:
                self._running = replace(self._running, waits_for=why)
            self.machine.explain(f"to {record.to_subnet}: {record.reason}; {why}")
            event(_log, logging.INFO, "swap_waits", camera=record.camera, swap=record.id, why=why)

        try:
            ticket = await turn.acquire(urgency_of(self._wanted), waits)
        except NotPermitted:
            if self._cancelled is not None:
                raise self._cancelled from None
            raise
        reason, budget_id = self._wanted.reason.value, self._wanted.budget.id
        if self._running is not None:
            self._running = replace(self._running, waits_for="", started_wall_ns=self._clock.wall_ns())
        self.machine.explain(f"to {record.to_subnet}: {reason}")
        return Permitted(replace(record, reason=reason, budget_id=budget_id), ticket.forced)

    def _stamp(self) -> None:
        self._desk.stamp(self._wanted.budget.id)

    def _given_up(self, record: SwapRecord, why: AgentError) -> None:
        """It ended before its gap: the camera is as it was, and nothing is held against the sub-net."""
        event(_log, logging.INFO, "swap_given_up", camera=record.camera, swap=record.id, why=why)
        self.machine.to(CameraState.ACTIVE if self.installed else CameraState.IDLE)
        self.on_given_up(record, why)

    async def _settle(self, record: SwapRecord, end: SwapEnd) -> None:
        outcome = end.record.outcome
        self.on_ended(end.record, end.error)
        event(_log, logging.INFO if end.error is None else logging.ERROR, "swap_ended", camera=record.camera,
              swap=record.id, outcome=outcome.value, active=end.record.active_subnet, error=end.error)  # fmt: skip
        if isinstance(end.error, CameraGone) and end.installed is None:
            await self._lost(end.error)
            return
        self.rolled_back = outcome is SwapOutcome.ROLLED_BACK
        if end.error is not None and outcome is not SwapOutcome.VERIFIED:
            if not isinstance(end.error, Cancelled) or outcome is SwapOutcome.FAULTED:
                self._bar(record.to_subnet, end.error)
                await self._alarms.happened("swap_failed", f"swap to {record.to_subnet} {outcome.value}: {end.error}")
        else:
            await self._alarms.cleared("swap_failed")
        if outcome is SwapOutcome.FAULTED:
            self._forget_network()
            self.machine.to(CameraState.FAULTED, f"{end.error}; acknowledge to try again")
            return
        if end.installed is None:
            self._forget_network()
            self.machine.to(CameraState.IDLE, str(end.error))
            return
        self._take(end)
        self.machine.to(CameraState.ACTIVE, "" if end.error is None else str(end.error))

    def _take(self, end: SwapEnd) -> None:
        if end.installed is None:
            return
        fresh = self.installed is None or end.installed.generation != self.installed.generation
        if end.record.outcome is SwapOutcome.VERIFIED:  # else it is the one before, of the library before
            self._source_of_installed = self._source
        self.installed, self.last_active = end.installed, end.installed.subnet_id
        self.streaming = True
        if fresh:
            self.activated_s = self.now_s()
        if end.record.outcome is SwapOutcome.VERIFIED and end.record.duration_s is not None:
            self._gap_estimate_s = end.record.duration_s

    def _bar(self, subnet_id: str, error: AgentError) -> None:
        for_s = float("inf") if isinstance(error, LibraryError) else self._settings.quarantine_s
        self._quarantine[subnet_id] = (self.now_s() + for_s, str(error))

    def _forget_network(self) -> None:
        self.installed, self.streaming, self._running, self._gap_from_s = None, False, None, None
        self._desk.forget_line()

    def _stage(self, stage: SwapStage) -> None:
        if stage not in BEFORE_GAP:
            self.streaming = False
            if self._gap_from_s is None and self._running is not None:
                self._gap_from_s = self.now_s()
                self.on_gap()
        if self._running is not None:
            self._running = replace(self._running, stage=stage)
        self.machine.at(stage)

    def _progress(self, done: int, total: int) -> None:
        """Called on the camera's thread: one assignment of one tuple, which the next snapshot reads."""
        self._bytes = (done, total)

    def _transaction(
        self,
        on_stage: Callable[[SwapStage], None],
        on_start: Callable[[], None] = lambda: None,
        permit: PermitFn | None = None,
        brake: Brake | None = None,
    ) -> SwapTransaction:
        if self._source is None:
            raise AssertionError("a swap without a library")  # the loop decides nothing without one

        def on_generation(generation: int, subnet_id: str) -> None:
            self._desk.announce(generation, subnet_id)
            if self._running is not None:
                self._gap_swaps = {generation: self._running}
            if self._turn is not None:
                self._turn.restarted()
            on_start()

        parts = (self._camera, self._journal, self._source, self._clock, on_stage, self._progress, on_generation)
        return SwapTransaction(*parts, permit, brake, self._generations)

    def _active(self) -> str | None:
        return self.installed.subnet_id if self.installed else None

    def _record(self, swap_id: str, old: str | None, new: str, reason: Reason, budget_id: str) -> SwapRecord:
        return SwapRecord(swap_id, self._camera.name, old, new, reason.value, budget_id, self._clock.wall_ns())


class _Brake:
    """What may end the swap under way; see agent.swap.transaction.Brake."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def refuses(self) -> AgentError | None:
        return self._actor.refuses()

    def ends(self) -> AgentError | None:
        return self._actor.cancelled

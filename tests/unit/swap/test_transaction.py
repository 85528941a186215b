"""Every step of a swap fails once; the end is always verified, rolled back and verified, or faulted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.device import Camera, GoldenCheck, GoldenOutcome, NetworkReport, NetworkSetup, ProgressFn
from agent.domain.journal import Activation, Journal, SwapOutcome, SwapRecord
from agent.domain.states import SwapStage
from agent.domain.subnet import InputSpec
from agent.errors import (
    CameraGone,
    CameraRefused,
    CameraTimeout,
    DigestMismatch,
    JournalError,
    NotPermitted,
    UploadFailed,
    VerificationFailed,
)
from agent.swap.generations import Generations
from agent.swap.transaction import (
    Installed,
    Payload,
    PermitFn,
    Permitted,
    SwapEnd,
    SwapTransaction,
    check_goldens,
    check_report,
)
from tests.support.fake_camera import FakeCamera
from tests.support.memory_journal import MemoryJournal

INPUT = InputSpec(64, 64, 1, "Mono8", (128.0,), (64.0,))
OLD = Installed("small", "s" * 64, 7, True)


def _payload(subnet_id: str) -> Payload:
    blob = subnet_id.encode() * 10
    setup = NetworkSetup(subnet_id, "classification", INPUT, len(blob), 8)
    golden = GoldenCheck(np.zeros((4, 4), np.uint8), 2, 0.9, 0.05)
    return Payload(setup, subnet_id[0] * 64, blob, (golden, golden))


@dataclass
class _Source:
    fail: dict[str, Exception] = field(default_factory=dict)

    async def load(self, subnet_id: str) -> Payload:
        if subnet_id in self.fail:
            raise self.fail[subnet_id]
        return _payload(subnet_id)


@dataclass
class _Bench:
    camera: FakeCamera = field(default_factory=FakeCamera)
    journal: MemoryJournal = field(default_factory=lambda: MemoryJournal(generation=7))
    source: _Source = field(default_factory=_Source)
    stages: list[SwapStage] = field(default_factory=list)
    announced: list[tuple[int, str]] = field(default_factory=list)

    def with_old(self) -> _Bench:
        self.camera.blob, self.camera.enabled, self.camera.streaming = _payload("small").blob, "small", True
        self.journal.activations["station-1"] = Activation("station-1", 7, "small", OLD.sha256)
        return self

    def transaction(
        self, clock: VirtualClock, permit: PermitFn | None = None, generations: Generations | None = None
    ) -> SwapTransaction:
        camera: Camera = self.camera
        journal: Journal = self.journal
        return SwapTransaction(
            camera,
            journal,
            self.source,
            clock,
            self.stages.append,
            lambda done, total: None,
            lambda generation, subnet: self.announced.append((generation, subnet)),
            permit,
            generations=generations,
        )

    def swap(self, old: Installed | None) -> SwapEnd:
        clock = VirtualClock()
        record = SwapRecord("id-1", "station-1", old.subnet_id if old else None, "large", "budget", "b-1", 0)
        return run_virtual(clock, self.transaction(clock).swap(record, old, 60.0))


def test_a_good_swap_ends_verified_with_a_new_generation_and_an_activation() -> None:
    bench = _Bench().with_old()
    end = bench.swap(OLD)
    assert end.error is None
    assert end.record.outcome is SwapOutcome.VERIFIED
    assert end.installed == Installed("large", "l" * 64, 8, True)
    assert bench.camera.generation == 8
    assert bench.announced == [(8, "large")]
    assert bench.journal.activations["station-1"] == Activation("station-1", 8, "large", "l" * 64)
    assert bench.stages[0] is SwapStage.PREPARING
    assert SwapStage.ROLLING_BACK not in bench.stages


@pytest.mark.parametrize(
    "call", ["stop", "disable", "delete", "upload", "activate", "read", "self_test", "mark", "start"]
)
def test_a_failure_at_any_step_ends_with_the_old_network_verified(call: str) -> None:
    bench = _Bench().with_old()
    bench.camera.fail = {(call, 1): UploadFailed(f"{call} failed", -1010)}
    end = bench.swap(OLD)
    assert end.record.outcome is SwapOutcome.ROLLED_BACK
    assert end.record.error == f"{call} failed"
    assert end.installed is not None
    assert end.installed.subnet_id == "small"
    assert bench.camera.streaming
    assert bench.camera.enabled == "small"
    assert bench.camera.blob == _payload("small").blob
    assert bench.camera.generation == end.installed.generation
    assert bench.journal.activations["station-1"].subnet_id == "small"


@pytest.mark.parametrize(
    "call", ["stop", "disable", "delete", "upload", "activate", "read", "self_test", "mark", "start"]
)
def test_a_failure_on_the_way_back_too_ends_faulted_and_nothing_is_called_active(call: str) -> None:
    bench = _Bench().with_old()
    first_way_back = 2 if call in ("stop", "disable", "delete", "upload") else 1
    bench.camera.fail = {("upload", 1): UploadFailed("first")}
    bench.camera.fail = {**bench.camera.fail} | {(call, n): UploadFailed("again") for n in range(first_way_back, 5)}
    end = bench.swap(OLD)
    assert end.record.outcome is SwapOutcome.FAULTED
    assert end.installed is None
    assert "station-1" not in bench.journal.activations


def test_one_glitch_on_the_way_back_is_forgiven() -> None:
    bench = _Bench().with_old()
    bench.camera.fail = {("upload", 1): UploadFailed("first"), ("upload", 2): UploadFailed("glitch")}
    assert bench.swap(OLD).record.outcome is SwapOutcome.ROLLED_BACK


def test_a_wrong_golden_answer_is_never_called_active() -> None:
    bench = _Bench().with_old()
    bench.camera.wrong_golden = {"large"}
    end = bench.swap(OLD)
    assert isinstance(end.error, VerificationFailed)
    assert end.record.failed_step == "verify"
    assert end.record.active_subnet == "small"


def test_a_bad_blob_is_refused_before_the_camera_is_touched() -> None:
    bench = _Bench().with_old()
    bench.source.fail = {"large": DigestMismatch("blobs/x: digest differs")}
    end = bench.swap(OLD)
    assert end.record.outcome is SwapOutcome.REFUSED
    assert bench.camera.calls == []
    assert end.installed == OLD


def test_a_journal_that_cannot_be_written_stops_the_swap_before_the_camera_is_touched() -> None:
    bench = _Bench().with_old()
    bench.journal.broken = True
    end = bench.swap(OLD)
    assert end.record.outcome is SwapOutcome.REFUSED
    assert bench.camera.calls == []


def test_a_camera_that_vanishes_is_not_rolled_back() -> None:
    bench = _Bench().with_old()
    bench.camera.fail = {("upload", 1): CameraGone("unplugged")}
    end = bench.swap(OLD)
    assert end.record.outcome is SwapOutcome.FAULTED
    assert isinstance(end.error, CameraGone)
    assert bench.camera.calls[-1] == "upload"


def test_without_an_old_network_a_failure_leaves_an_empty_slot() -> None:
    bench = _Bench()
    bench.camera.fail = {("activate", 1): CameraRefused("no")}
    end = bench.swap(None)
    assert end.installed is None
    assert bench.camera.blob is None
    assert bench.camera.enabled is None


def test_adoption_verifies_without_an_upload() -> None:
    bench = _Bench().with_old()
    clock = VirtualClock()
    record = SwapRecord("adopt", "station-1", None, "small", "recovery", "", 0)
    end = run_virtual(clock, bench.transaction(clock).adopt(record, 60.0))
    assert end.installed == Installed("small", "s" * 64, 8, True)
    assert "upload" not in bench.camera.calls
    assert "delete" not in bench.camera.calls


def test_without_injection_the_properties_decide_and_the_end_says_so() -> None:
    bench = _Bench().with_old()
    bench.camera.can_inject = False
    end = bench.swap(OLD)
    assert end.installed is not None
    assert end.installed.self_tested is False


@pytest.mark.parametrize(
    ("report", "what"),
    [
        (NetworkReport(1, None, None, None, None, None), "size"),
        (NetworkReport(None, 32, None, None, None, None), "input width"),
        (NetworkReport(None, None, 32, None, None, None), "input height"),
        (NetworkReport(None, None, None, 3, None, None), "input channels"),
        (NetworkReport(None, None, None, None, 2, None), "classes"),
    ],
)
def test_each_read_only_property_is_compared(report: NetworkReport, what: str) -> None:
    with pytest.raises(VerificationFailed, match=what):
        check_report(report, _payload("large").setup)
    check_report(NetworkReport(None, None, None, None, None, None), _payload("large").setup)


class _Hanging(FakeCamera):
    """An SDK call that never comes back."""

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        if not self.calls.count("upload"):
            self.calls.append("upload")
            await asyncio.sleep(3600.0)
        self.calls.pop()
        await super().upload_network(blob, deadline_s, progress)


def test_a_call_that_never_returns_is_given_up_a_second_after_its_deadline_and_rolled_back() -> None:
    bench = _Bench(camera=_Hanging()).with_old()
    clock = VirtualClock()
    record = SwapRecord("id-1", "station-1", "small", "large", "budget", "b-1", 0)
    end = run_virtual(clock, bench.transaction(clock).swap(record, OLD, 60.0))
    assert isinstance(end.error, CameraTimeout)
    assert end.record.outcome is SwapOutcome.ROLLED_BACK
    assert clock.now_ns() / 1e9 == pytest.approx(61.0)


class _Slow(FakeCamera):
    """Deleting takes as long as the whole swap may."""

    async def delete_network(self, deadline_s: float) -> None:
        await super().delete_network(deadline_s)
        if self.calls.count("delete") == 1:
            await asyncio.sleep(deadline_s)


def test_a_step_is_not_begun_after_the_deadline() -> None:
    bench = _Bench(camera=_Slow()).with_old()
    end = bench.swap(OLD)
    assert end.record.failed_step == "upload"
    assert "deadline has passed" in str(end.error)
    assert bench.camera.calls.count("upload") == 1  # the old one's, on the way back


def test_a_journal_that_fails_at_the_end_does_not_hide_what_is_on_the_camera() -> None:
    bench = _Bench().with_old()
    start = bench.camera.start_stream

    async def start_and_break(deadline_s: float, generation: int | None) -> None:
        await start(deadline_s, generation)
        bench.journal.broken = True

    bench.camera.start_stream = start_and_break  # type: ignore[method-assign]
    end = bench.swap(OLD)
    assert isinstance(end.error, JournalError)
    assert end.installed is not None
    assert end.installed.subnet_id == "large"


def test_an_adoption_that_the_library_refuses_touches_nothing() -> None:
    bench = _Bench(source=_Source({"small": DigestMismatch("blobs/s: digest differs")})).with_old()
    clock = VirtualClock()
    record = SwapRecord("adopt", "station-1", None, "small", "recovery", "", 0)
    end = run_virtual(clock, bench.transaction(clock).adopt(record, 60.0))
    assert (end.record.outcome, end.installed, bench.camera.calls) == (SwapOutcome.REFUSED, None, [])


def test_an_adoption_that_fails_its_proof_leaves_no_activation() -> None:
    bench = _Bench().with_old()
    bench.camera.wrong_golden = {"small"}
    clock = VirtualClock()
    record = SwapRecord("adopt", "station-1", None, "small", "recovery", "", 0)
    end = run_virtual(clock, bench.transaction(clock).adopt(record, 60.0))
    assert (end.record.outcome, end.installed) == (SwapOutcome.FAULTED, None)
    assert bench.journal.activations == {}


def test_fewer_answers_than_golden_images_prove_nothing() -> None:
    goldens = _payload("large").goldens
    with pytest.raises(VerificationFailed, match="1 of 2 golden images"):
        check_goldens((GoldenOutcome(2, 0.9, True),), goldens)


def _swapped(bench: _Bench, permit: PermitFn, deadline_s: float = 60.0) -> tuple[SwapEnd, float]:
    """A swap that needs a permit, and how long it took in all."""
    clock = VirtualClock()
    record = SwapRecord("id-1", "station-1", "small", "large", "budget", "b-1", clock.wall_ns())
    end = run_virtual(clock, bench.transaction(clock, permit).swap(record, OLD, deadline_s))
    return end, clock.now_ns() / 1e9


@pytest.mark.parametrize("forced", [False, True])
def test_a_permit_is_waited_for_with_everything_read_and_nothing_touched(forced: bool) -> None:
    bench = _Bench().with_old()

    async def permit(record: SwapRecord) -> Permitted:
        assert bench.stages == [SwapStage.PREPARING, SwapStage.WAITING_PERMIT]
        assert bench.camera.calls == []
        assert bench.journal.rows == {}
        assert bench.journal.activations["station-1"].subnet_id == "small"  # a crash now costs no upload
        await asyncio.sleep(100.0)  # longer than the deadline, which counts from the permit
        return Permitted(replace(record, reason="fail_safe", budget_id="b-2"), forced)

    end, took_s = _swapped(bench, permit)
    assert end.record.outcome is SwapOutcome.VERIFIED
    assert (end.record.reason, end.record.budget_id) == ("fail_safe", "b-2")
    assert took_s == pytest.approx(100.0)
    assert end.record.duration_s == pytest.approx(0.0)
    assert end.record.started_wall_ns == VirtualClock().wall_ns() + 100 * 10**9
    assert bench.journal.steps[0] == ("permit:forced" if forced else "permit", None)


def test_a_swap_without_its_permit_is_refused_and_the_old_network_never_stops() -> None:
    bench = _Bench().with_old()

    async def permit(_record: SwapRecord) -> Permitted:
        raise NotPermitted("group line-1: waits for b; given up after 30 s")

    end, _ = _swapped(bench, permit)
    assert (end.record.outcome, end.record.failed_step) == (SwapOutcome.REFUSED, "permit")
    assert (end.installed, bench.camera.calls) == (OLD, [])
    assert bench.journal.steps == [("permit", "group line-1: waits for b; given up after 30 s")]
    assert bench.journal.activations["station-1"].subnet_id == "small"


def test_generations_follow_on_each_other_though_one_more_is_drawn_for_the_way_back() -> None:
    bench, clock = _Bench().with_old(), VirtualClock()
    numbers = Generations(bench.journal, "station-1")

    async def swaps() -> list[int]:
        installed, seen = OLD, list[int]()
        bench.camera.fail = {("upload", 3): UploadFailed("no")}
        for number in range(4):
            target = "large" if installed.subnet_id == "small" else "small"
            record = SwapRecord(f"id-{number}", "station-1", installed.subnet_id, target, "budget", "b-1", 0)
            end = await bench.transaction(clock, generations=numbers).swap(record, installed, 60.0)
            assert end.installed is not None
            installed = end.installed
            seen.append(installed.generation)
        return seen

    assert run_virtual(clock, swaps()) == [8, 9, 11, 12], "10 was to be of the upload that failed"

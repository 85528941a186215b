"""Swaps as operations: followed, cancelled before and in the gap, superseded, known after a restart."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from agent.domain.budget import Budget
from agent.domain.decision import Reason
from agent.domain.device import ProgressFn
from agent.domain.journal import StoredOperation, SwapOutcome, SwapRecord
from agent.domain.operation import (
    PREFIX,
    CaptureWork,
    Operation,
    ProfiledNet,
    ProfileStage,
    ProfileWork,
)
from agent.domain.orders import Mode
from agent.domain.states import CameraState, SwapStage
from agent.errors import (
    AgentError,
    CameraGone,
    Cancelled,
    Interrupted,
    JournalError,
    Refused,
    Superseded,
    SwapFailed,
    VerificationFailed,
)
from agent.supervisor import Supervisor
from agent.supervisor.operations import OperationDesk, restored, stored, swap_operation
from agent.swap.transaction import Payload
from tests.support.fake_camera import FakeCamera
from tests.support.ladders import LadderSource
from tests.support.memory_journal import MemoryJournal
from tests.support.operations import swapping
from tests.unit.supervisor.bench import FAST, NO_DWELL, Bench, until

ACTIVE = CameraState.ACTIVE
CHUNKS = 10


@dataclass
class SlowCamera(FakeCamera):
    """An upload takes two seconds in ten pieces, and `stop` half a second."""

    async def stop_stream(self, deadline_s: float) -> None:
        await asyncio.sleep(0.5)
        await super().stop_stream(deadline_s)

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        for piece in range(CHUNKS):
            progress(piece * len(blob) // CHUNKS, len(blob))
            await asyncio.sleep(0.2)
        await super().upload_network(blob, deadline_s, progress)


class SlowSource(LadderSource):
    """Reading takes half a second."""

    async def load(self, subnet_id: str) -> Payload:
        await asyncio.sleep(0.5)
        return await super().load(subnet_id)


def slow_bench() -> Bench:
    return Bench(camera=SlowCamera(), settings=NO_DWELL)


async def ask_fast(supervisor: Supervisor) -> Operation:
    told = await supervisor.set_budget("plc", FAST, None, True)
    assert told.operation is not None
    assert told.operation.name == f"{PREFIX}{told.swap_id}"
    return told.operation


async def end_of(supervisor: Supervisor, name: str) -> Operation:
    ended = await supervisor.operations.wait(name, 60.0)
    assert ended is not None
    assert ended.done
    return ended


def test_a_swap_is_followed_from_the_answer_to_its_record() -> None:
    bench = slow_bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        begun = await ask_fast(supervisor)
        assert (swapping(begun).stage, begun.done, swapping(begun).to_subnet) == (SwapStage.NONE, False, "small")
        seen: list[Operation] = []
        while not seen or not seen[-1].done:
            await asyncio.sleep(0.05)
            now = supervisor.operations.get(begun.name)
            assert now is not None
            if not seen or now != seen[-1]:
                seen.append(now)
        stages = list(dict.fromkeys(swapping(one).stage for one in seen))
        assert stages[:2] == [SwapStage.STOPPING, SwapStage.UPLOADING]
        going = [swapping(one) for one in seen if not one.done]
        assert [one.progress for one in going] == sorted(one.progress for one in going)
        assert [one.bytes_done for one in going] == sorted(one.bytes_done for one in going)
        assert all(one.deadline_s is not None for one in seen[:-1])
        last = seen[-1]
        assert last.error is None
        assert swapping(last).progress == 1.0
        record = swapping(last).record
        assert record is not None
        assert (record.outcome, record.active_subnet) == (SwapOutcome.VERIFIED, "small")
        assert 2.5 <= swapping(last).gap_s <= 2.7

    bench.run(story)


def test_a_swap_that_is_cancelled_in_its_gap_goes_back_and_leaves_the_net_alone() -> None:
    bench = slow_bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        begun = await ask_fast(supervisor)
        await asyncio.sleep(1.5)
        assert supervisor.snapshot().swap is not None
        started_ns = bench.clock.now_ns()
        assert supervisor.operations.cancel(begun.name)
        now = supervisor.operations.get(begun.name)
        assert now is not None
        assert now.cancelling
        ended = await end_of(supervisor, begun.name)
        assert isinstance(ended.error, Cancelled)
        record = swapping(ended).record
        assert record is not None
        assert (record.outcome, record.active_subnet, record.failed_step) == (
            SwapOutcome.ROLLED_BACK,
            "large",
            "cancelled",
        )
        assert (bench.clock.now_ns() - started_ns) / 1e9 < 3.5  # the way back alone takes 2.5 s
        await until(supervisor, ACTIVE, "large")
        assert "swap_failed" not in bench.alarms()
        await asyncio.sleep(50.0)
        held = supervisor.snapshot()
        assert held.decision is not None
        assert (held.active_subnet, held.decision.reason) == ("large", Reason.CANCELLED)
        await until(supervisor, ACTIVE, "small")
        assert (bench.clock.now_ns() - started_ns) / 1e9 < 64.0

    bench.run(story)


def test_a_swap_that_is_cancelled_before_its_gap_never_touches_the_camera() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        calls = [call for call in bench.camera.calls if call != "health"]
        begun = await ask_fast(supervisor)
        supervisor.operations.cancel(begun.name)
        ended = await end_of(supervisor, begun.name)
        assert isinstance(ended.error, Cancelled)
        await asyncio.sleep(5.0)
        assert [call for call in bench.camera.calls if call != "health"] == calls
        await supervisor.set_budget("robot", FAST, None, True)  # a newer command swaps at once
        await until(supervisor, ACTIVE, "small")

    bench.run(story)


def test_an_inhibition_that_comes_while_the_swap_is_prepared_still_holds_it() -> None:
    bench = Bench(source=SlowSource(), settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        begun = await ask_fast(supervisor)
        await asyncio.sleep(0.3)
        swap = supervisor.snapshot().swap
        assert swap is not None
        assert swap.stage is SwapStage.PREPARING
        await supervisor.inhibit_swap("robot", None, "")
        ended = await end_of(supervisor, begun.name)
        assert ended.error is not None
        assert supervisor.snapshot().active_subnet == "large"
        await supervisor.permit_swap("robot", None)
        await until(supervisor, ACTIVE, "small")

    bench.run(story)


def test_a_swap_for_the_fail_safe_cannot_be_cancelled() -> None:
    bench = slow_bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        await supervisor.set_budget("plc", Budget(max_latency_ms=300.0), 1.0, True)
        await asyncio.sleep(2.0)
        running = next(one for one in supervisor.operations.all() if not one.done)
        with pytest.raises(Refused, match="fail-safe budget and cannot be cancelled"):
            supervisor.operations.cancel(running.name)
        ended = await end_of(supervisor, running.name)
        assert ended.error is None

    bench.run(story)


def test_the_id_of_a_superseded_swap_names_no_later_one() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        begun = await ask_fast(supervisor)
        await supervisor.set_mode("anna", Mode.MANUAL)  # before the loop has had its turn
        await end_of(supervisor, begun.name)
        await supervisor.set_mode("anna", Mode.AUTO)
        await until(supervisor, ACTIVE, "small")
        ended = supervisor.operations.get(begun.name)
        assert ended is not None
        assert isinstance(ended.error, Superseded)

    bench.run(story)


def test_a_swap_that_is_not_wanted_any_more_before_it_begins_is_superseded() -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        begun = await ask_fast(supervisor)
        await supervisor.set_mode("anna", Mode.MANUAL)  # before the loop has had its turn
        ended = await end_of(supervisor, begun.name)
        assert isinstance(ended.error, Superseded)
        assert supervisor.snapshot().active_subnet == "large"

    bench.run(story)


def test_a_swap_that_fails_says_so_in_its_operation_too() -> None:
    bench = Bench(settings=NO_DWELL)
    bench.camera.wrong_golden = {"small"}

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        begun = await ask_fast(supervisor)
        ended = await end_of(supervisor, begun.name)
        assert isinstance(ended.error, VerificationFailed)
        record = swapping(ended).record
        assert record is not None
        assert record.outcome is SwapOutcome.ROLLED_BACK

    bench.run(story)


ROW = SwapRecord("s-1", "cam", "large", "small", "budget", "b-1", 7, generation=3)


@pytest.mark.parametrize(
    ("outcome", "reason", "kind"),
    [
        (SwapOutcome.VERIFIED, None, None),
        (SwapOutcome.ROLLED_BACK, None, SwapFailed),
        (SwapOutcome.ROLLED_BACK, "VERIFICATION_FAILED", VerificationFailed),
        (SwapOutcome.ROLLED_BACK, "CANCELLED", Cancelled),
        (SwapOutcome.FAULTED, "CAMERA_GONE", CameraGone),
        (SwapOutcome.REFUSED, "SUPERSEDED", Superseded),
        (SwapOutcome.INTERRUPTED, None, Interrupted),
    ],
)
def test_a_swap_of_the_past_is_an_operation_that_is_done(
    outcome: SwapOutcome, reason: str | None, kind: type[AgentError] | None
) -> None:
    told = swap_operation(replace(ROW, outcome=outcome, error="words", error_reason=reason))
    assert (told.name, told.done, told.started_wall_ns) == ("operations/s-1", True, 7)
    assert type(told.error) is (type(None) if kind is None else kind)
    assert not swap_operation(ROW).done


@pytest.mark.parametrize("ends", ["cancelled", "superseded", "failed", "verified"])
def test_a_swap_has_the_same_end_in_the_journal_as_while_the_agent_lives(ends: str) -> None:
    bench = slow_bench()
    bench.camera.wrong_golden = {"small"} if ends == "failed" else set()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, ACTIVE, "large")
        begun = await ask_fast(supervisor)
        if ends == "superseded":
            await supervisor.set_mode("anna", Mode.MANUAL)
        elif ends == "cancelled":
            await asyncio.sleep(1.0)
            supervisor.operations.cancel(begun.name)
        told = await end_of(supervisor, begun.name)
        await asyncio.sleep(1.0)
        kept = swap_operation(bench.journal.rows[begun.name.removeprefix(PREFIX)])
        assert (type(kept.error), str(kept.error)) == (type(told.error), str(told.error))
        assert swapping(kept).record == swapping(told).record

    bench.run(story)


RUNS: list[ProfileWork | CaptureWork] = [
    ProfileWork(ProfileStage.DONE, "", 2, 0.0, (ProfiledNet("small", 300, 20.0, 21.0, 0.1, 2.5),)),
    CaptureWork("good", 50, 12, 3),
]


@pytest.mark.parametrize("work", RUNS)
@pytest.mark.parametrize("error", [None, Cancelled("cancelled"), CameraGone("unplugged")])
def test_a_run_comes_back_from_the_journal_as_it_ended(
    work: ProfileWork | CaptureWork, error: AgentError | None
) -> None:
    ended = Operation("operations/x", "cam", work, 7, done=True, error=error)
    back = restored(stored(ended))
    assert (back.name, back.work, back.started_wall_ns, back.done) == ("operations/x", work, 7, True)
    assert (type(back.error), str(back.error)) == (type(error), str(error))


@pytest.mark.parametrize("work", RUNS)
def test_a_run_that_a_restart_ended_says_so(work: ProfileWork | CaptureWork) -> None:
    back = restored(stored(Operation("operations/x", "cam", work, 7)))
    assert back.done
    assert isinstance(back.error, Interrupted)


def test_a_run_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(JournalError, match="kept as dance"):
        restored(StoredOperation("operations/x", "cam", "dance", 7, True, b"{}"))


def test_what_has_begun_or_ended_is_written_once_and_again_when_the_journal_is_back() -> None:
    journal, desk = MemoryJournal(), OperationDesk()
    running = Operation("operations/x", "cam", RUNS[1], 7)

    async def main() -> None:
        desk.put(running)
        desk.put(replace(running, work=CaptureWork("good", 50, 13)))  # progress is not written
        journal.broken = True
        with pytest.raises(JournalError):
            await desk.write(journal)
        journal.broken = False
        await desk.write(journal)
        assert [kept.done for kept in await journal.operations("cam", 9)] == [False]
        desk.put(replace(running, done=True))
        await desk.write(journal)
        assert [kept.done for kept in await journal.operations("cam", 9)] == [True]

    asyncio.run(main())


def test_the_end_of_a_run_is_told_once_it_is_durable_or_the_journal_refuses() -> None:
    journal, desk = MemoryJournal(), OperationDesk(ends_when_written=True)
    running = Operation("operations/x", "cam", RUNS[1], 7)
    done = replace(running, done=True, error=Cancelled("cancelled"))

    async def main() -> None:
        desk.put(running)
        await desk.write(journal)
        desk.put(done)
        assert desk.get("operations/x") == running
        waits = asyncio.create_task(desk.wait("operations/x", 60.0))
        await desk.write(journal)
        assert await waits == done
        other = replace(done, name="operations/y")
        desk.put(replace(running, name="operations/y"))
        desk.put(other)
        journal.broken = True
        with pytest.raises(JournalError):
            await desk.write(journal)
        assert desk.get("operations/y") == other
        journal.broken = False
        await desk.write(journal)
        assert {kept.name: kept.done for kept in await journal.operations("cam", 9)} == {
            "operations/x": True,
            "operations/y": True,
        }

    asyncio.run(main())

"""Histories of a journal that crashes, hangs and fails, against a model: what was confirmed is there, what was refused
is not, and generations only rise."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.audit import AuditEntry, ChainCheck
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import Activation, Alarm, StoredAnswer, StoredOperation, SwapOutcome, SwapRecord
from agent.domain.orders import Mode, Orders, Pin
from agent.domain.request import CURRENT, RequestMark
from agent.errors import JournalError
from agent.telemetry.journal import SqliteJournal
from tests.reliability.recorder import Reliability
from tests.support.journal_faults import Bench

KINDS = (
    *("claim", "claim", "drop", "orders", "operation", "generation", "swap", "answer", "restart", "kill"),
    *("hang", "hang and kill", "fail", "read-only", "good", "remove", "begin", "adopt", "alarm", "acknowledge"),
)
CAMERAS = ("a", "b")


@dataclass(frozen=True)
class Step:
    kind: str
    camera: str
    number: int


@dataclass
class Model:
    """What has to be in the journal."""

    claims: dict[str, Claim] = field(default_factory=dict)
    orders: dict[str, Orders] = field(default_factory=dict)
    operations: dict[str, StoredOperation] = field(default_factory=dict)
    activations: dict[str, Activation] = field(default_factory=dict)
    swaps: dict[str, SwapRecord] = field(default_factory=dict)
    adopted: set[str] = field(default_factory=set)  # of those that run, which may be marked as interrupted by now
    acknowledged: dict[int, str | None] = field(default_factory=dict)  # by alarm, by whom
    marks: set[tuple[str, str]] = field(default_factory=set)
    answers: dict[str, bytes] = field(default_factory=dict)
    audited: int = 0
    generations: dict[str, int] = field(default_factory=dict)


class History:
    """Plays steps life after life; a kill goes on with a copy of the files as they were at that moment."""

    def __init__(self, folder: Path, steps: list[Step]) -> None:
        self._folder = folder
        self._steps = steps
        self._at = 0
        self._lives = 0
        self.model = Model()
        self.refused = 0

    def play(self) -> None:
        path = self._folder / "0" / "journal.sqlite3"
        while self._at < len(self._steps):
            self._lives += 1
            bench = Bench(path, seed=self._lives)
            killed = self._folder / str(self._lives)
            bench.play(lambda journal, bench=bench, killed=killed: self._life(journal, bench, killed))  # type: ignore[misc]
            path = killed / path.name if killed.exists() else path

        async def last(journal: SqliteJournal) -> None:
            await self._check(journal)
            await self._adopt(journal)
            await journal.next_generation("a")  # what was noted before it is written with it
            await self._check(journal)
            found = {swap.id for swap in await journal.swaps(None, 999) if swap.outcome is SwapOutcome.RUNNING}
            assert not found, "a swap of an earlier life was never marked as interrupted"

        Bench(path, seed=self._lives + 1).play(last)

    async def _life(self, journal: SqliteJournal, bench: Bench, killed: Path) -> None:
        await self._check(journal)
        while self._at < len(self._steps):
            step, self._at = self._steps[self._at], self._at + 1
            if step.kind == "restart":
                break
            if step.kind in ("kill", "hang and kill"):
                if step.kind == "hang and kill":
                    bench.disk.hang_s = 20.0
                    await self._write(journal, bench, replace(step, kind="claim"))
                shutil.copytree(bench.path.parent, killed)
                break
            await self._step(journal, bench, step)
            await self._check(journal)
        bench.disk.fail(read_only=False)
        await asyncio.sleep(30)  # a disk that hangs comes back

    async def _step(self, journal: SqliteJournal, bench: Bench, step: Step) -> None:
        if step.kind == "hang":
            bench.disk.hang_s = 5.0 + step.number
        elif step.kind == "fail":
            bench.disk.commit_fails = True
        elif step.kind in ("read-only", "good"):
            bench.disk.fail(read_only=step.kind == "read-only")
        elif step.kind == "remove":
            bench.disk.hang_s = 0.0  # while the disk hangs, nobody can restore it
            bench.disk.fail(read_only=False)  # and from one that cannot be written nothing can be removed
            await asyncio.sleep(10)
            for suffix in ("", "-wal", "-shm")[: step.number % 3 + 1]:
                bench.path.with_name(bench.path.name + suffix).unlink(missing_ok=True)
            journal.note_step("none", "noticed with the next write", 0.0, None)
        else:
            await self._write(journal, bench, step)

    async def _write(self, journal: SqliteJournal, bench: Bench, step: Step) -> None:
        request = RequestMark(f"r{self._at}", step.camera, "M", "00")
        token = CURRENT.set(request)
        try:
            await self._written(journal, step, request)
        except JournalError:
            self.refused += 1
        finally:
            CURRENT.reset(token)
        if step.kind != "claim" or bench.disk.hang_s == 0:
            await asyncio.sleep(step.number)

    async def _written(self, journal: SqliteJournal, step: Step, request: RequestMark) -> None:
        """One write, and in the model once it is confirmed."""
        model, camera, number = self.model, step.camera, step.number
        mark = {(request.request_id, camera)}
        if step.kind in ("claim", "drop"):
            await (self._claim(journal, step) if step.kind == "claim" else self._drop(journal, step))
            model.marks |= mark
        elif step.kind == "orders":
            orders = Orders(Mode.MANUAL, "anna", Pin(f"net-{self._at}", "anna", number))
            await journal.put_orders(camera, orders)
            model.orders[camera], model.marks = orders, model.marks | mark
        elif step.kind == "operation":
            run = StoredOperation(f"operations/{number}", camera, "profile", 1 << 62, bool(self._at % 2), b"\x00")
            await journal.put_operation(run)
            model.operations[run.name], model.marks = run, model.marks | mark
        elif step.kind == "generation":
            given = await journal.next_generation(camera)
            assert given > model.generations.get(camera, 0), "a generation is never used twice"
            model.generations[camera] = given
        elif step.kind in ("begin", "swap"):
            await self._swap(journal, camera, ends=step.kind == "swap")
        elif step.kind == "adopt":
            await self._adopt(journal)
        elif step.kind == "alarm":
            (alarm,) = await journal.put_alarms([Alarm(0, camera, f"hot {self._at}", "45 C", self._at)])
            model.acknowledged.setdefault(alarm.id, None)
            model.marks |= mark
        elif step.kind == "acknowledge":
            for alarm_id in sorted(model.acknowledged)[number:][:1]:
                await journal.acknowledge_alarm(alarm_id, f"anna {self._at}")
                model.acknowledged[alarm_id] = model.acknowledged[alarm_id] or f"anna {self._at}"
                model.marks |= mark
        else:
            body = str(self._at).encode()
            entry = AuditEntry(client="plc", origin="unix", method="M", outcome="OK")
            await journal.store_answer(StoredAnswer(request.request_id, "M", "00", body), entry)
            model.answers[request.request_id] = body
            model.audited += 1

    async def _claim(self, journal: SqliteJournal, step: Step) -> None:
        """Half of them end another one."""
        camera, number, budget = step.camera, step.number, Budget(max_latency_ms=1.0 + self._at)
        claim = Claim(f"{camera}{number}", f"plc-{number}", camera, ClaimKind.MANUAL, budget)
        ended = {f"{camera}{number ^ 2}": "replaced"} if number % 2 else {}
        await journal.put_claim(claim, None, ended)
        self.model.claims[claim.id] = claim
        self._ended(ended)

    async def _drop(self, journal: SqliteJournal, step: Step) -> None:
        """Two at once."""
        ended = {f"{step.camera}{number % 4}": "released" for number in (step.number, step.number + 1)}
        await journal.drop_claims(ended)
        self._ended(ended)

    def _ended(self, claims: Iterable[str]) -> None:
        for claim_id in claims:
            self.model.claims.pop(claim_id, None)

    async def _adopt(self, journal: SqliteJournal) -> None:
        for camera in CAMERAS:
            self.model.adopted |= {swap.id for swap in await journal.interrupted_swaps(camera)}

    async def _swap(self, journal: SqliteJournal, camera: str, ends: bool) -> None:
        swap = SwapRecord(f"s{self._at}", camera, None, "net", "budget", "b", 1_700_000_000_000_000_000)
        await journal.begin_swap(swap)
        self.model.swaps[swap.id] = swap
        self.model.activations.pop(camera, None)
        if not ends:
            return
        done = replace(swap, outcome=SwapOutcome.VERIFIED, generation=self._at)
        activation = Activation(camera, self._at, "net", "00")
        await journal.finish_swap(done, activation)
        self.model.swaps[swap.id], self.model.activations[camera] = done, activation

    async def _check(self, journal: SqliteJournal) -> None:
        model = self.model
        for camera in CAMERAS:
            mine = {claim.id: claim for claim in model.claims.values() if claim.camera == camera}
            assert {claim.id: claim for claim in await journal.claims(camera)} == mine
            assert await journal.orders(camera) == model.orders.get(camera, Orders())
            assert await journal.activation(camera) == model.activations.get(camera)
        for name in [f"operations/{number}" for number in range(4)]:
            assert await journal.operation(name) == model.operations.get(name)
        swaps = {swap.id: swap for swap in await journal.swaps(None, 999)}
        assert {swap_id: self._unmarked(swap) for swap_id, swap in swaps.items()} == model.swaps
        acknowledged = {alarm.id: alarm.acknowledged_by for alarm in await journal.alarms(active_only=False)}
        assert {alarm_id: acknowledged.get(alarm_id, "gone") for alarm_id in model.acknowledged} == model.acknowledged
        for request_id in {f"r{index}" for index in range(self._at + 1)}:
            marked = {(request_id, mark.camera) for mark in await journal.request_marks(request_id)}
            assert marked == {mark for mark in model.marks if mark[0] == request_id}
            if request_id in model.answers:
                stored = await journal.stored_answer(request_id)
                assert stored is not None
                assert stored.answer == model.answers[request_id]
        page = await journal.audit(0, 999, None)
        assert ChainCheck(page.anchor_sha256).take(page.entries) is None
        assert len([entry for entry in page.entries if entry.method == "M"]) == model.audited
        ended = [json.loads(entry.asked)["swap_id"] for entry in page.entries if entry.method == "Swap"]
        assert sorted(ended) == sorted(swap.id for swap in swaps.values() if swap.outcome is not SwapOutcome.RUNNING)
        assert "AuditBroken" not in {entry.method for entry in page.entries}

    def _unmarked(self, swap: SwapRecord) -> SwapRecord:
        """As it was before it was marked as interrupted, where it may have been."""
        marked = swap.outcome is SwapOutcome.INTERRUPTED and swap.id in self.model.adopted
        return replace(swap, outcome=SwapOutcome.RUNNING) if marked else swap


steps = st.lists(
    st.builds(Step, st.sampled_from(KINDS), st.sampled_from(CAMERAS), st.integers(0, 3)), min_size=3, max_size=25
)


@settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_what_was_confirmed_is_there_and_what_was_refused_is_not(script: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        History(Path(folder), script).play()


@pytest.mark.soak
def test_long_histories_hold_the_same(reliability: Reliability) -> None:
    refused, seeds = 0, reliability.seeds(range(400))
    for seed in seeds:
        reliability.count(5, "histories of the journal", seed="0..399")
        chance = random.Random(seed)
        script = [
            Step(chance.choice(KINDS), chance.choice(CAMERAS), chance.randrange(4))
            for _ in range(chance.randint(5, 60))
        ]
        with tempfile.TemporaryDirectory() as folder:
            history = History(Path(folder), script)
            history.play()
            refused += history.refused
    assert refused > len(seeds), "a run in which hardly a write fails proves nothing"

"""A change is carried out once, whatever dies between it and its answer, and the audit says so once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.api.caller import CALLER, Caller
from agent.api.errors import Rejected
from agent.api.requests import MutationLimits, RequestLog
from agent.api.trail import asked
from agent.clock import SystemClock
from agent.domain.audit import AuditEntry
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.journal import StoredAnswer
from agent.domain.operation import Operations
from agent.domain.request import CURRENT
from agent.errors import BadInput, JournalError, TooMany
from agent.pb.ofa_agent.v1.control_pb2 import SetBudgetRequest, SetBudgetResponse
from agent.supervisor.operations import OperationDesk
from agent.telemetry.ids import RandomIds
from agent.telemetry.journal import SqliteJournal
from tests.support.memory_journal import MemoryJournal

T = TypeVar("T")
ID = "7f0b2a3c-6f5d-4b6e-9a50-0123456789ab"
OTHER = "7f0b2a3c-6f5d-4b6e-9a50-0123456789ac"


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, 30))


class Dying(MemoryJournal):
    """A journal whose agent dies before it can keep an answer."""

    dead = True

    async def store_answer(self, answer: StoredAnswer, audit: AuditEntry | None = None) -> None:
        if self.dead:
            raise asyncio.CancelledError
        await super().store_answer(answer, audit)


@dataclass
class Plant:
    """Cameras whose rate is set by a handler as the agent's are: durable under the mark of each camera."""

    journal: MemoryJournal | SqliteJournal
    rates: dict[str, float] = field(default_factory=dict)
    sets: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    dies_after: str = ""

    @property
    def etag(self) -> str:
        return f"e{len(self.sets)}"

    @property
    def operations(self) -> Operations:
        return OperationDesk()

    def log(self, limits: MutationLimits | None = None) -> RequestLog:
        """The log of an agent that has just been started."""
        self.requests = RequestLog(self.journal, {"a": self, "b": self}, limits)
        return self.requests

    async def send(self, request_id: str, rate: float, camera: str = "") -> SetBudgetResponse:
        request = SetBudgetRequest(request_id=request_id, client="plc", camera=camera)
        request.budget.parts_per_minute = rate
        return await self.requests.once(request, SetBudgetResponse, self._set)

    async def _set(self, request: SetBudgetRequest) -> SetBudgetResponse:
        answer = SetBudgetResponse()
        for camera in [request.camera] if request.camera else ["a", "b"]:
            async with self.requests.for_camera(camera) as fresh:
                if fresh:
                    await self._set_one(camera, request.budget.parts_per_minute)
            answer.effective.budget.parts_per_minute = self.rates[camera]
        return answer

    async def _set_one(self, camera: str, rate: float) -> None:
        claim = Claim(f"{camera}-{len(self.sets)}", "plc", camera, ClaimKind.MANUAL, Budget(parts_per_minute=rate))
        await self.journal.put_claim(claim)
        self.rates[camera] = rate
        self.sets.append(f"{camera}={rate:g}")
        if self.gate is not None:
            await self.gate.wait()
        if camera == self.dies_after:
            raise asyncio.CancelledError


def test_a_late_retry_after_a_crash_does_not_overwrite_a_newer_command() -> None:
    async def scenario() -> Plant:
        journal = Dying()
        plant = Plant(journal)
        plant.log()
        with pytest.raises(asyncio.CancelledError):
            await plant.send(ID, 600, "a")
        journal.dead = False
        plant.log()
        await plant.send(OTHER, 900, "a")
        answers = [await plant.send(ID, 600, "a") for _ in range(2)]
        assert [answer.effective.budget.parts_per_minute for answer in answers] == [900, 900]
        return plant

    assert run(scenario()).sets == ["a=600", "a=900"]


def test_a_request_for_two_cameras_that_died_after_the_first_is_carried_out_for_the_second_only() -> None:
    async def scenario() -> Plant:
        plant = Plant(MemoryJournal(), dies_after="a")
        plant.log()
        with pytest.raises(asyncio.CancelledError):
            await plant.send(ID, 600)
        plant.dies_after = ""
        plant.log()
        await plant.send(ID, 600)
        await plant.send(ID, 600)
        return plant

    plant = run(scenario())
    assert plant.sets == ["a=600", "b=600"]
    assert isinstance(plant.journal, MemoryJournal)
    assert [entry.outcome for entry in plant.journal.chain] == ["CANCELLED", "OK"]


def test_an_id_of_which_only_the_mark_is_known_cannot_be_used_for_another_request() -> None:
    async def scenario() -> None:
        plant = Plant(Dying())
        plant.log()
        with pytest.raises(asyncio.CancelledError):
            await plant.send(ID, 600, "a")
        plant.log()
        with pytest.raises(BadInput, match="used before"):
            await plant.send(ID, 601, "a")

    run(scenario())


class Looking(MemoryJournal):
    """A journal in which one look for an answer takes until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.looks = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def stored_answer(self, request_id: str) -> StoredAnswer | None:
        self.looks.set()
        await self.gate.wait()
        return await super().stored_answer(request_id)


def test_a_retry_gets_its_answer_while_another_request_that_uses_its_id_is_looked_up() -> None:
    async def scenario() -> Plant:
        journal = Looking()
        plant = Plant(journal)
        plant.log()
        first = await plant.send(ID, 600, "a")
        journal.gate.clear()
        journal.looks.clear()
        wrong = asyncio.create_task(plant.send(ID, 601, "a"))
        await journal.looks.wait()
        retry = asyncio.create_task(plant.send(ID, 600, "a"))
        await asyncio.sleep(0)
        journal.gate.set()
        assert await retry == first
        with pytest.raises(BadInput, match="used before"):
            await wrong
        return plant

    assert run(scenario()).sets == ["a=600"]


def test_marks_survive_the_agent_in_its_journal(tmp_path: Path) -> None:
    async def life(plant: Plant, dies: bool) -> None:
        journal = SqliteJournal(tmp_path / "journal.db", SystemClock(), RandomIds())
        await journal.open()
        try:
            plant.journal, plant.dies_after = journal, "a" if dies else ""
            plant.log()
            if dies:
                with pytest.raises(asyncio.CancelledError):
                    await plant.send(ID, 600, "a")
            else:
                await plant.send(ID, 600, "a")
        finally:
            await journal.close()

    plant = Plant(MemoryJournal())
    for dies in (True, False, False):
        run(life(plant, dies))
    assert plant.sets == ["a=600"]


def test_nothing_is_marked_outside_of_a_cameras_part_or_without_an_id() -> None:
    async def scenario() -> MemoryJournal:
        journal = MemoryJournal()
        plant = Plant(journal)
        plant.log()
        await plant.send("", 600)
        await plant.send(ID, 700)
        assert CURRENT.get() is None
        return journal

    assert sorted(run(scenario()).marks) == [(ID, "a"), (ID, "b")]


def test_a_change_that_was_done_is_told_though_the_journal_cannot_keep_its_answer() -> None:
    class Full(MemoryJournal):
        async def store_answer(self, answer: StoredAnswer, audit: AuditEntry | None = None) -> None:
            raise JournalError("disk full")

    async def scenario() -> MemoryJournal:
        journal = Full()
        plant = Plant(journal)
        plant.log()
        first = await plant.send(ID, 600)
        assert await plant.send(ID, 600) == first
        assert plant.sets == ["a=600", "b=600"]
        return journal

    journal = run(scenario())
    assert list(journal.answers) == [ID]
    assert [entry.outcome for entry in journal.chain] == ["OK"]


def test_more_changes_than_the_bound_are_refused_and_duplicates_take_no_place() -> None:
    async def scenario() -> None:
        plant = Plant(MemoryJournal(), gate=asyncio.Event())
        plant.log(MutationLimits(under_way=2))
        first = [asyncio.ensure_future(plant.send(ID, 600, "a")) for _ in range(3)]
        second = asyncio.ensure_future(plant.send("", 700, "b"))
        while len(plant.sets) < 2:  # noqa: ASYNC110  what is waited for is another task's state
            await asyncio.sleep(0)
        with pytest.raises(TooMany, match="2 changes are under way"):
            await plant.send(OTHER, 800, "a")
        assert plant.gate is not None
        plant.gate.set()
        await asyncio.gather(*first, second)
        await plant.send(OTHER, 800, "a")
        assert plant.sets == ["a=600", "b=700", "a=800"]

    run(scenario())


def test_a_caller_is_answered_in_time_and_finds_the_end_of_its_change_under_the_same_id() -> None:
    async def scenario() -> Plant:
        plant = Plant(MemoryJournal(), gate=asyncio.Event())
        plant.log(MutationLimits(answer_s=0.01))
        with pytest.raises(Rejected) as caught:
            await plant.send(ID, 600, "a")
        assert (caught.value.reason, plant.requests.under_way) == ("CALL_TOO_LONG", 1)
        assert plant.gate is not None
        plant.gate.set()
        await plant.requests.close(timeout_s=5)
        await plant.send(ID, 600, "a")
        return plant

    assert run(scenario()).sets == ["a=600"]


def test_each_change_is_audited_once_with_who_asked_what_and_the_etags() -> None:
    async def scenario() -> MemoryJournal:
        journal = MemoryJournal()
        plant = Plant(journal)
        plant.log()
        CALLER.set(Caller("plc", "unix:uid=0", local=True))
        for _ in range(2):
            await plant.send(ID, 600, "a")
        journal.broken = True
        with pytest.raises(JournalError):
            await plant.send("", 700, "b")
        return journal

    done, refused = run(scenario()).chain
    assert (done.client, done.origin, done.method, done.camera) == ("plc", "unix:uid=0", "SetBudget", "a")
    assert (done.request_id, done.outcome, done.reason, done.before, done.after) == (ID, "OK", "", "e0", "e1")
    assert json.loads(done.asked) == {"budget": {"parts_per_minute": 600.0}, "camera": "a", "client": "plc"}
    assert (refused.outcome, refused.reason, refused.request_id) == ("UNAVAILABLE", "JOURNAL_UNAVAILABLE", "")
    assert (refused.before, refused.after) == ("e1", "")


def test_what_is_asked_is_one_line_of_json_that_is_not_too_long() -> None:
    line = asked(SetBudgetRequest(client="x\ny", request_id=ID))
    assert line == r'{"client":"x\ny"}'
    assert set(json.loads(asked(SetBudgetRequest(client="x" * 5000)))) == {"bytes", "sha256"}

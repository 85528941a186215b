"""A budget, its answer and its entry of the audit in one transaction, by the real handlers, supervisor and SQLite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from agent.api.control import ControlHandlers
from agent.api.requests import RequestLog
from agent.api.services import Services
from agent.clock import VirtualClock, run_virtual
from agent.domain.states import CameraState
from agent.errors import JournalError, Stale
from agent.pb.ofa_agent.v1.control_pb2 import SetBudgetRequest, SetBudgetResponse
from agent.supervisor import Parts, Supervisor
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.support.fake_camera import FakeCamera
from tests.support.journal_faults import Disk
from tests.support.ladders import LadderSource
from tests.unit.supervisor.bench import NO_DWELL, until

T = TypeVar("T")
FIRST, SECOND = "7f0b2a3c-6f5d-4b6e-9a50-0123456789ab", "7f0b2a3c-6f5d-4b6e-9a50-0123456789ac"


class Counting(SqliteJournal):
    """Counts what mutations wait for."""

    waited = 0

    async def _ask(self, work: Callable[..., T]) -> T:
        self.waited += asyncio.current_task().get_name() == "api-mutation"  # type: ignore[union-attr]
        return await super()._ask(work)

    async def _read(self, work: Callable[..., T]) -> T:
        self.waited += asyncio.current_task().get_name() == "api-mutation"  # type: ignore[union-attr]
        return await super()._read(work)


@dataclass
class Agent:
    """One life of an agent with one camera, on files that outlive it."""

    path: Path
    seed: int = 1
    clock: VirtualClock = field(default_factory=VirtualClock)

    def run(self, story: Callable[[Agent], Awaitable[None]]) -> None:
        run_virtual(self.clock, self._play(story))

    async def _play(self, story: Callable[[Agent], Awaitable[None]]) -> None:
        ids, camera, self.disk = SeededIds(self.seed), FakeCamera(), Disk(self.clock)
        self.journal = Counting(self.path / "journal.db", self.clock, ids, connect=self.disk.connect)
        await self.journal.open()
        parts = Parts(camera, self.journal, self.clock, NO_DWELL, LadderSource(), ids.uuid, "boot-1")
        self.supervisor = Supervisor(parts)
        await self.supervisor.load()
        running = asyncio.create_task(self.supervisor.run())
        services = Services({camera.name: self.supervisor}, self.journal, self.clock)
        self.requests = RequestLog(self.journal, services.cameras)
        self.handlers = ControlHandlers(services, self.requests, None)  # type: ignore[arg-type]
        try:
            await until(self.supervisor, CameraState.ACTIVE)
            await story(self)
        finally:
            await self.requests.close(1.0)
            self.supervisor.stop()
            await running
            await self.journal.close()

    async def set(self, latency_ms: float, request_id: str = "", client: str = "plc", etag: str = "") -> bytes:
        """The bytes of the answer."""
        request = SetBudgetRequest(client=client, request_id=request_id, etag=etag)
        request.budget.max_latency_ms = latency_ms
        request.ttl.seconds = 600
        return (await self.handlers.set_budget(request)).SerializeToString(deterministic=True)


def budgets(agent: Agent) -> dict[str, float | None]:
    return {claim.client: claim.budget.max_latency_ms for claim in agent.supervisor.snapshot().claims}


def test_a_budget_that_needs_no_swap_waits_for_the_disk_once(tmp_path: Path) -> None:
    async def story(agent: Agent) -> None:
        await agent.set(390.0, FIRST)
        assert agent.journal.waited == 1
        await agent.set(380.0, SECOND)  # in place of the claim before
        assert agent.journal.waited == 2

    Agent(tmp_path).run(story)


def test_an_answer_that_is_kept_with_its_claim_names_what_is_in_force_then(tmp_path: Path) -> None:
    async def story(agent: Agent) -> None:
        told = SetBudgetResponse.FromString(await agent.set(390.0, FIRST))
        now = agent.supervisor.snapshot()
        assert (told.effective.id, told.etag) == (now.budget.id, now.etag)
        assert told.claim.id == now.claims[0].id
        assert now.decision is not None
        assert now.decision.budget.id == now.budget.id
        assert told.decision.target_subnet_id == now.decision.target
        await asyncio.sleep(1.0)  # the loop has decided for itself
        assert agent.supervisor.snapshot().decision == now.decision
        (entry,) = [one for one in (await agent.journal.audit(0, 99, None)).entries if one.method == "SetBudget"]
        assert (entry.outcome, entry.request_id, entry.after) == ("OK", FIRST, told.etag)
        assert json.loads(entry.asked)["budget"] == {"max_latency_ms": 390.0}
        assert entry.before != entry.after

    Agent(tmp_path).run(story)


def test_a_request_that_comes_again_gets_its_first_answer_and_undoes_nothing_also_after_a_restart(
    tmp_path: Path,
) -> None:
    answers = []

    async def first(agent: Agent) -> None:
        answers.append(await agent.set(390.0, FIRST))
        await agent.set(380.0, SECOND)
        answers.append(await agent.set(390.0, FIRST))
        assert budgets(agent) == {"plc": 380.0}

    async def second(agent: Agent) -> None:
        answers.append(await agent.set(390.0, FIRST))
        assert budgets(agent) == {"plc": 380.0}
        entries = (await agent.journal.audit(0, 99, None)).entries
        assert [one.request_id for one in entries if one.method == "SetBudget"] == [FIRST, SECOND]

    Agent(tmp_path).run(first)
    Agent(tmp_path, seed=2).run(second)
    assert answers == [answers[0]] * 3


def test_a_request_that_was_granted_gets_that_answer_though_its_etag_is_stale_by_now(tmp_path: Path) -> None:
    async def story(agent: Agent) -> None:
        etag = agent.supervisor.etag
        answer = await agent.set(390.0, FIRST, etag=etag)
        assert await agent.set(390.0, FIRST, etag=etag) == answer
        with pytest.raises(Stale):
            await agent.set(390.0, SECOND, etag=etag)

    Agent(tmp_path).run(story)


def test_a_budget_that_swaps_is_answered_once_too(tmp_path: Path) -> None:
    async def story(agent: Agent) -> None:
        answer = await agent.set(60.0, FIRST)
        assert SetBudgetResponse.FromString(answer).operation.name
        await agent.set(390.0, SECOND)
        assert await agent.set(60.0, FIRST) == answer
        assert budgets(agent) == {"plc": 390.0}

    Agent(tmp_path).run(story)


def test_a_budget_that_could_not_be_written_is_refused_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    async def story(agent: Agent) -> None:
        before = agent.supervisor.etag
        agent.disk.fail(read_only=True)
        with pytest.raises(JournalError):
            await agent.set(390.0, FIRST)
        assert (budgets(agent), agent.supervisor.etag) == ({}, before)
        assert await agent.journal.stored_answer(FIRST) is None
        agent.disk.fail(read_only=False)
        await agent.set(390.0, FIRST)
        assert budgets(agent) == {"plc": 390.0}

    Agent(tmp_path).run(story)

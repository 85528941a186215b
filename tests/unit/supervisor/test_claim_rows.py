"""What is written of claims beside what was asked for."""

from __future__ import annotations

import asyncio

import pytest

from agent.domain.budget import Claim
from agent.domain.orders import Orders
from agent.domain.request import CURRENT, RequestMark
from agent.errors import JournalError
from agent.supervisor import Supervisor
from tests.support.memory_journal import MemoryJournal
from tests.unit.supervisor.bench import FAST, SLOW, Bench, tell


class Failing(MemoryJournal):
    """Takes no claims of one client."""

    async def put_claim(self, claim: Claim, orders: Orders | None = None) -> None:
        if claim.client == "hmi":
            raise JournalError("journal: disk full")
        await super().put_claim(claim, orders)


def test_what_falls_due_while_a_request_is_carried_out_is_no_part_of_it() -> None:
    """Else its mark would say that it was, and it would not be when it comes again."""
    bench = Bench(journal=Failing())

    async def story(supervisor: Supervisor) -> None:
        await tell(supervisor, FAST, 1.0)
        await supervisor.commit_budget("plc", "p-1", False)
        bench.clock._now_ns += 2_000_000_000  # the host was suspended: the loop comes later than the request
        CURRENT.set(RequestMark("r-1", "cam"))
        with pytest.raises(JournalError):
            await supervisor.set_budget("hmi", SLOW, None, True)
        CURRENT.set(None)
        assert [one.client for one in supervisor.snapshot().claims] == ["plc"]
        assert bench.journal.marks == {}

    bench.run(story)


def test_a_claim_leaves_the_journal_with_its_successor_and_one_that_was_announced_by_itself() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", SLOW, None, True)
        await supervisor.set_budget("plc", FAST, None, True)
        assert bench.journal.dropped == []
        await tell(supervisor, SLOW, 1.0)
        await supervisor.commit_budget("plc", "p-1", False)
        await asyncio.sleep(2.0)
        (announced,) = supervisor.snapshot().claims
        await supervisor.set_budget("plc", FAST, None, True)
        assert (announced.id, "replaced") in bench.journal.dropped
        assert [one.budget for one in bench.journal.known_claims.values()] == [FAST]

    bench.run(story)

"""What is written of claims beside what was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from agent.domain.budget import Budget, Claim
from agent.domain.notice import ChangeState
from agent.domain.request import CURRENT, RequestMark
from agent.domain.snapshot import CameraSnapshot
from agent.errors import JournalError
from agent.supervisor import Supervisor
from tests.support.memory_journal import MemoryJournal
from tests.unit.supervisor.bench import FAST, NO_DWELL, SLOW, Bench, tell

MIDDLE = Budget(parts_per_minute=900.0)


class Failing(MemoryJournal):
    """Takes no claims of one client."""

    async def put_claim(self, claim: Claim, *also: Any) -> None:
        if claim.client == "hmi":
            raise JournalError("journal: disk full")
        await super().put_claim(claim, *also)


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


def test_a_claim_leaves_the_journal_with_its_successor() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", SLOW, None, True)
        await supervisor.set_budget("plc", FAST, None, True)
        await tell(supervisor, SLOW, 1.0)
        await supervisor.commit_budget("plc", "p-1", False)
        await asyncio.sleep(2.0)
        await supervisor.set_budget("plc", FAST, None, True)
        assert bench.journal.dropped == [], "each row took the place of the one before by itself"
        await tell(supervisor, SLOW, 1.0)
        await supervisor.commit_budget("plc", "p-1", True)
        (waits,) = supervisor.snapshot().claims
        await supervisor.set_budget("plc", FAST, None, True)
        assert (waits.id, "replaced") in bench.journal.dropped
        assert [one.budget for one in bench.journal.known_claims.values()] == [FAST]

    bench.run(story)


@dataclass
class Dying(MemoryJournal):
    """Takes as many writes as are `left`."""

    left: int | None = None

    def _change(self) -> None:
        if self.left == 0:
            raise JournalError("journal: disk full")
        self.left = None if self.left is None else self.left - 1
        super()._change()


async def _waits_and_tells(supervisor: Supervisor) -> None:
    """The client's line waits for one budget, and another one is announced."""
    await tell(supervisor, MIDDLE, 5.0, ttl_s=60.0)
    await supervisor.commit_budget("plc", "p-1", True)
    await tell(supervisor, SLOW, 30.0, ttl_s=60.0, name="p-2")


async def _lapsed(supervisor: Supervisor) -> None:
    await supervisor.set_budget("hmi", SLOW, 600.0, True)
    await supervisor.set_budget("plc", MIDDLE, 1.0, True)
    await asyncio.sleep(2.0)
    assert supervisor.snapshot().budget.fail_safe
    await tell(supervisor, SLOW, 30.0, ttl_s=60.0, name="p-2")


Step = Callable[[Supervisor], Awaitable[object]]
COMMANDS: dict[str, tuple[Step, Step]] = {
    "release": (_waits_and_tells, lambda s: s.release_budget("plc")),
    "release of what is announced": (_waits_and_tells, lambda s: s.release_budget("plc", True)),
    "set": (_waits_and_tells, lambda s: s.set_budget("plc", FAST, None, True)),
    "renew": (_waits_and_tells, lambda s: s.renew_budget("plc")),
    "prepare": (_waits_and_tells, lambda s: tell(s, FAST, 20.0, name="p-3")),
    "commit": (_waits_and_tells, lambda s: s.commit_budget("plc", "p-2", False)),
    "commit and wait": (_waits_and_tells, lambda s: s.commit_budget("plc", "p-2", True)),
    "set after a lapse": (_lapsed, lambda s: s.set_budget("plc", FAST, 60.0, True)),
    "commit after a lapse": (_lapsed, lambda s: s.commit_budget("plc", "p-2", True)),
}


def _holds(supervisor: Supervisor) -> tuple[object, ...]:
    now = supervisor.snapshot()
    told = [(one.id, one.state) for one in now.changes if one.state in (ChangeState.PREPARED, ChangeState.COMMITTED)]
    return now.budget.budget, now.budget.fail_safe, [(one.client, one.budget) for one in now.claims], told


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_carried_out_whole_or_not_at_all_wherever_the_journal_ends(name: str) -> None:
    """Also by what the next run makes of the journal: with the request's mark it has to be as after the command, else
    the client is told that all was done, when it asks again."""
    before_it, command = COMMANDS[name]
    for writes in range(4):
        journal = Dying()
        bench = Bench(journal=journal, settings=NO_DWELL)
        seen: dict[str, Any] = {}

        async def first(supervisor: Supervisor, journal: Any, seen: Any, left: int) -> None:
            await before_it(supervisor)
            seen["before"] = _holds(supervisor)
            journal.left = left
            CURRENT.set(RequestMark("r-1", "cam"))
            try:
                await command(supervisor)
                seen["done"] = True
            except JournalError:
                seen["done"] = False
            CURRENT.set(None)
            journal.left = 0  # it dies
            seen["after"] = _holds(supervisor)

        async def second(supervisor: Supervisor, seen: Any) -> None:
            seen["later"] = _holds(supervisor)
            seen["known"] = len(supervisor.snapshot().claims) + len(seen["later"][-1])

        bench.run(partial(first, journal=journal, seen=seen, left=writes))
        journal.left = None
        bench.run(partial(second, seen=seen))
        assert seen["later"] == seen["after"]
        assert seen["done"] is (writes > 0) is bool(bench.journal.marks)
        assert seen["done"] or seen["after"] == seen["before"]
        assert len(bench.journal.known_claims) == seen["known"], "a row too many comes back some day"


@pytest.mark.parametrize("then", ["release", "set", "announce", "expire", "nothing"])
def test_what_came_due_while_the_journal_failed_leaves_no_row_that_a_restart_puts_in_force(then: str) -> None:
    journal = Dying()
    bench = Bench(journal=journal, settings=NO_DWELL)
    ttl_s = 2.0 if then == "expire" else 600.0
    seen: dict[str, CameraSnapshot] = {}

    async def first(supervisor: Supervisor) -> None:
        await supervisor.set_budget("plc", MIDDLE, None, True)
        await tell(supervisor, FAST, 1.0, ttl_s=ttl_s)
        await supervisor.commit_budget("plc", "p-1", False)
        journal.left = 0
        await asyncio.sleep(1.5)
        journal.left = None
        assert [one.budget for one in supervisor.snapshot().claims] == [FAST]
        if then == "release":
            await supervisor.release_budget("plc")
        elif then == "set":
            await supervisor.set_budget("plc", SLOW, None, True)
        elif then == "announce":
            await tell(supervisor, SLOW, 1.0)
            await supervisor.commit_budget("plc", "p-1", True)
        elif then == "expire":
            await asyncio.sleep(2.0)
        seen["first"] = supervisor.snapshot()

    async def second(supervisor: Supervisor) -> None:
        seen["second"] = supervisor.snapshot()

    bench.run(first)
    bench.run(second)
    held = [[(one.id, one.budget) for one in seen[run].claims] for run in ("first", "second")]
    assert held[0] == held[1]
    assert len(held[0]) == (0 if then in ("release", "expire") else 1)
    assert seen["first"].budget.fail_safe is seen["second"].budget.fail_safe is (then == "expire")

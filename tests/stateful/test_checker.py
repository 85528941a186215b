"""The checker can fail: agents that each break one promise on purpose, and a short history that shows it."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest

from agent.api import ApiServer, Services
from agent.api.requests import RequestLog
from agent.clock import Clock
from agent.domain.budget import Claim, ClaimKind
from agent.domain.journal import Answered, StoredAnswer
from agent.domain.orders import NO_ORDERS, Orders
from agent.supervisor import Parts, Supervisor
from agent.telemetry.journal import SqliteJournal
from tests.stateful.found import LEASE, LOOK, NEWER, NOTHING, PIN, REST, RESTART, RETRY, SET, program, turns
from tests.stateful.operations import deadline_ns_of
from tests.stateful.play import Client, Player
from tests.stateful.power import LeapClock
from tests.stateful.program import Blow, Disturbance, Do, How, Program, Step
from tests.stateful.record import Broken
from tests.stateful.soak import play_program, quiet
from tests.stateful.world import LIMITS, PATIENCE_S, Makers, Setting

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
T = TypeVar("T")


class ForgetsAnswers(SqliteJournal):
    """No answer is stored."""

    async def stored_answer(self, request_id: str) -> StoredAnswer | None:
        return None

    async def request_marks(self, *args: Any, **kwargs: Any) -> Any:
        return frozenset()

    async def answer_claim(self, claim: Claim, answered: Answered, *also: Any) -> bool:
        nameless = replace(answered.answer, request_id="")
        return await super().answer_claim(claim, replace(answered, answer=nameless), *also)


class ForgetsManualClaims(SqliteJournal):
    """A restart comes up without them."""

    async def claims(self, camera: str) -> Sequence[Claim]:
        return tuple(one for one in await super().claims(camera) if one.kind is not ClaimKind.MANUAL)


class WritesNoClaim(SqliteJournal):
    """Acknowledged, and only in memory."""

    async def put_claim(self, claim: Claim, *also: Any) -> None:
        return

    async def answer_claim(self, claim: Claim, answered: Answered, *also: Any) -> bool:
        await self.store_answer(answered.answer, answered.entry)
        return True


class KeepsReleasedClaims(SqliteJournal):
    """A release is only in memory."""

    async def drop_claims(self, *args: Any) -> None:
        return


class ForgetsOrders(SqliteJournal):
    """Modes, pins and inhibitions end with the run."""

    async def orders(self, camera: str) -> Orders:
        return NO_ORDERS


class CountsGenerationsAnew(SqliteJournal):
    """Each run begins with generation 1."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._numbers = itertools.count(1)

    async def next_generation(self, camera: str) -> int:
        return next(self._numbers)


@dataclass
class WallBootClock(LeapClock):
    """Takes the wall clock for the time since boot."""

    real: Clock

    def now_ns(self) -> int:
        return self.real.now_ns()

    def wall_ns(self) -> int:
        return self.real.wall_ns()

    def boottime_ns(self) -> int:
        return self.real.wall_ns()


def expires_by_wall_clock(parts: Parts) -> Supervisor:
    return Supervisor(replace(parts, clock=WallBootClock(parts.clock)))


class TakesAnyEtag(Supervisor):
    """However old."""

    def writing(self, etag: str = "") -> AbstractAsyncContextManager[None]:
        return super().writing("")


class RunsEveryRequest(RequestLog):
    """Whatever its id."""

    async def once(self, request: Any, answer_type: type[T], act: Any, **how: Any) -> T:  # type: ignore[override,type-var,unused-ignore]
        anew = type(request)()
        anew.CopyFrom(request)
        anew.request_id = ""
        answer: T = await super().once(anew, answer_type, act, **how)  # type: ignore[type-var]
        return answer


def serves_every_request(services: Services, path: Path) -> ApiServer:
    server = ApiServer(services, path, LIMITS)
    server._requests = RunsEveryRequest(services.journal)
    return server


BROKEN: dict[str, tuple[Makers, Program, str]] = {
    "an answer that is not stored": (
        Makers(journal=ForgetsAnswers), program(([SET], RESTART), ([RETRY], RESTART)), "runs once"
    ),
    "a retry that runs again": (
        Makers(server=serves_every_request), program(([SET, RETRY], Disturbance())), "runs once"
    ),
    "a late retry over a newer command": (
        Makers(server=serves_every_request),
        program(([SET, NEWER, Step(4, Do.RETRY, of=1), LOOK], Disturbance())),
        "a claim is what its client asked for",
    ),
    "a manual claim that a restart drops": (
        Makers(journal=ForgetsManualClaims), program(([SET], RESTART)), "a claim is what its client asked for"
    ),
    "a claim that is acknowledged and not written": (
        Makers(journal=WritesNoClaim), program(([SET], Disturbance(Blow.CRASH))), "a claim is what its client asked for"
    ),
    "a release that is not written": (
        Makers(journal=KeepsReleasedClaims),
        program(([SET, Step(5, Do.RELEASE)], RESTART)),
        "a claim is what its client asked for",
    ),
    "a lease that expires early by the wall clock": (
        Makers(supervisor=expires_by_wall_clock),
        program(([LEASE], Disturbance(Blow.WALL, seconds=3600.0)), ([LOOK], Disturbance())),
        "a claim is what its client asked for",
    ),
    "a pin that a restart drops": (
        Makers(journal=ForgetsOrders), program(([PIN], RESTART)), "an order stands as it was given"
    ),
    "a stale etag that is taken": (
        Makers(supervisor=TakesAnyEtag),
        turns(([], [LOOK]), ([PIN, replace(LOOK, number=8)], []), ([], [Step(9, Do.MODE, choice=2, with_etag=True)])),
        "a stale etag is refused",
    ),
    "a generation that is used again": (
        Makers(journal=CountsGenerationsAnew),
        program(([Step(6, Do.STATUS)], RESTART), ([LOOK], RESTART)),
        "generations grow",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_promise_is_told_by_its_name(what: str) -> None:
    makers, played, promise = BROKEN[what]
    with quiet(), pytest.raises(Broken, match=promise):
        asyncio.run(play_program(played, makers))


@pytest.mark.parametrize("what", BROKEN)
def test_the_same_history_keeps_every_promise_of_the_real_agent(what: str) -> None:
    with quiet():
        asyncio.run(play_program(BROKEN[what][1]))


def test_a_budget_that_does_not_follow_from_the_claims_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.policy.arbitrate import arbitrate
    from agent.supervisor import claims

    def loosest(*args: Any, **kwargs: Any) -> Any:
        ruled = arbitrate(*args, **kwargs)
        return replace(ruled, budget=replace(ruled.budget, quantile=0.5))

    monkeypatch.setattr(claims, "arbitrate", loosest)
    with quiet(), pytest.raises(Broken, match="in force follows from the claims"):
        asyncio.run(play_program(program(([SET, LOOK], Disturbance()))))


def test_a_fail_safe_that_a_restart_forgets_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.supervisor.claims import ClaimBook

    monkeypatch.setattr(ClaimBook, "fail_safe", property(lambda _: False))
    lapsed = program(([replace(LEASE, ttl_s=0.5)], Disturbance(Blow.LEAP, seconds=8.0)), ([LOOK], Disturbance()))
    with quiet(), pytest.raises(Broken, match="holds the fail safe"):
        asyncio.run(play_program(lapsed))


def test_an_inhibition_that_is_not_heeded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.supervisor import loop

    monkeypatch.setattr(loop, "interlocked", lambda wanted, *_: wanted)
    played = program(([REST, Step(10, Do.INHIBIT), LOOK, PIN, REST], NOTHING))
    with quiet(), pytest.raises(Broken, match="nothing swaps while it is inhibited"):
        asyncio.run(play_program(played))


def test_a_reload_that_is_answered_and_not_heeded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervisor, "reconfigure", lambda *_: None)
    with quiet(), pytest.raises(Broken, match="a reload that was answered is in force"):
        asyncio.run(play_program(program(([Step(16, Do.RELOAD), LOOK], NOTHING))))


def test_a_cancel_that_waits_for_the_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.api.profile import OperationHandlers

    at_once = OperationHandlers.cancel_operation

    async def at_the_end(self: OperationHandlers, request: Any) -> Any:
        answer = await at_once(self, request)
        found = self._found(request.name)
        await found[0].wait(request.name, 60.0) if found else None
        return answer

    monkeypatch.setattr(OperationHandlers, "cancel_operation", at_the_end)
    begun = [REST, PIN, Step(14, Do.WAIT), Step(15, Do.WAIT)]
    played = program(([*begun, Step(16, Do.CANCEL)], NOTHING), setting=Setting(upload_s=0.6))
    with quiet(), pytest.raises(Broken, match="a cancel is answered at once"):
        asyncio.run(play_program(played))


def test_an_operation_that_outlives_its_deadline_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.supervisor import actor
    from agent.swap import transaction

    setting = Setting(hangs={(1, "station-1"): frozenset({"upload"})}, silent=True, swap_deadline_s=0.3)
    monkeypatch.setattr(actor, "WRITTEN_S", -2 * setting.swap_deadline_s)
    monkeypatch.setattr(transaction, "GRACE_S", 2.5)
    let_time_pass = Player._let_time_pass

    async def once_it_hangs(self: Player, client: Client) -> None:
        with anyio.fail_after(PATIENCE_S):  # the agent decides by itself when the first swap begins
            while all(deadline_ns_of(one) is None for one in await self._operations(client)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await let_time_pass(self, client)

    monkeypatch.setattr(Player, "_let_time_pass", once_it_hangs)
    lets_time_pass = replace(program(([LOOK], NOTHING), setting=setting), seed=3)
    with quiet(), pytest.raises(Broken, match="an operation ends by its deadline"):
        asyncio.run(play_program(lets_time_pass))


def test_a_program_is_the_same_for_the_same_seed_and_none_other() -> None:
    from tests.stateful.program import program_of

    assert str(program_of(7)) == str(program_of(7)) != str(program_of(8))
    assert {
        step.how for seed in range(40) for phase in program_of(seed).phases for steps in phase.steps for step in steps
    } == set(How)

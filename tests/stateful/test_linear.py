"""The search for one order can fail, and finds one wherever there is: histories written by hand."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from agent.pb.ofa_agent.v1 import control_pb2, orders_pb2, status_pb2, types_pb2
from tests.stateful.camera_state import Content, State
from tests.stateful.found import LOOK, NEWER, RETRY, SET, program
from tests.stateful.linear import Event, search
from tests.stateful.linear_calls import one_order_explains_every_answer
from tests.stateful.model import Model
from tests.stateful.play import Player
from tests.stateful.program import Disturbance, Step
from tests.stateful.record import ETERNITY_NS, Broken, Call, Record, Seen
from tests.stateful.soak import quiet
from tests.stateful.test_checker import serves_every_request
from tests.stateful.world import Makers, Setting

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
CAMERA = "station-1"


class History:
    """Written down call by call; the times are the moments of start and end."""

    def __init__(self) -> None:
        self.record = Record(Setting())

    def set(self, began: int, ended: int | None, value: float, *, client: str = "plc", id_: str = "", run: int = 1,
            ttl_s: float | None = None, etag: str = "", told: str = "") -> None:  # fmt: skip
        """`ended` None: nobody answered."""
        budget = types_pb2.Budget(max_latency_ms=value)
        ttl = None if ttl_s is None else Duration(nanos=round(ttl_s * 1e9))
        asked = control_pb2.SetBudgetRequest(
            client=client, camera=CAMERA, budget=budget, request_id=id_, ttl=ttl, etag=etag
        )
        answer = control_pb2.SetBudgetResponse(claim=types_pb2.Claim(client=client, budget=budget), etag=told)
        self._called(began, ended, "SetBudget", asked, answer, run)

    def renew(self, began: int, ended: int | None, value: float, *, id_: str = "", told: str = "",
              refused: bool = False) -> None:  # fmt: skip
        asked = control_pb2.RenewBudgetRequest(client="plc", camera=CAMERA, request_id=id_)
        claim = types_pb2.Claim(client="plc", budget=types_pb2.Budget(max_latency_ms=value))
        self._called(began, ended, "RenewBudget", asked, control_pb2.RenewBudgetResponse(claim=claim, etag=told), 1)
        if refused:
            call = self.record.calls[-1]
            call.code, call.text, call.answer, call.body = "INVALID_ARGUMENT", "'plc' holds no lease", None, None

    def pin(self, began: int, ended: int | None, subnet_id: str, client: str = "plc") -> None:
        asked = orders_pb2.PinSubnetRequest(client=client, camera=CAMERA, subnet_id=subnet_id)
        self._called(began, ended, "PinSubnet", asked, orders_pb2.PinSubnetResponse(), 1)

    def rollback(self, began: int) -> None:
        """Nobody answered."""
        asked = orders_pb2.RollbackRequest(client="plc", camera=CAMERA)
        self._called(began, None, "Rollback", asked, None, 1)

    def inhibit(self, began: int, ended: int, ttl_s: float) -> None:
        ttl = Duration(nanos=round(ttl_s * 1e9))
        asked = orders_pb2.InhibitSwapRequest(client="plc", camera=CAMERA, ttl=ttl, why="cleaning")
        self._called(began, ended, "InhibitSwap", asked, orders_pb2.InhibitSwapResponse(), 1)

    def read(self, began: int, ended: int, claims: dict[str, float], pinned: str = "", etag: str = "",
             inhibited: bool = False) -> None:  # fmt: skip
        held = [
            types_pb2.Claim(client=client, budget=types_pb2.Budget(max_latency_ms=value))
            for client, value in claims.items()
        ]
        pin = types_pb2.Pin(subnet_id=pinned, client="plc") if pinned else None
        said = [types_pb2.Inhibition(client="plc", why="cleaning")] if inhibited else []
        orders = types_pb2.StandingOrders(mode=types_pb2.MODE_AUTO, pin=pin, inhibitions=said)
        status = types_pb2.CameraStatus(camera=CAMERA, claims=held, orders=orders, etag=etag)
        self.record.seen.append(Seen(self.record.next_order(), 1, began, ended, status))
        self._called(began, ended, "GetStatus", status_pb2.GetStatusRequest(camera=CAMERA), None, 1)

    def judged(self) -> None:
        one_order_explains_every_answer(Model(self.record), {})

    def _called(
        self, began: int, ended: int | None, method: str, asked: Message, answer: Message | None, run: int
    ) -> None:
        call = Call(self.record.next_order(), run, "plc", method, asked, began)
        if ended is None:
            call.code = "UNAVAILABLE"
        else:
            call.code, call.ended_ns, call.answer = "OK", ended, answer
            call.body = b"" if answer is None else answer.SerializeToString(deterministic=True)
        self.record.calls.append(call)


def good_histories() -> Iterator[tuple[str, History]]:
    one = History()
    one.set(0, 100, 30.0)
    one.set(0, 100, 40.0)
    one.read(10, 20, {"plc": 40.0})
    one.read(30, 40, {"plc": 30.0})
    yield "two at once, in either order", one
    one = History()
    one.set(0, None, 30.0)
    one.set(10, 20, 40.0)
    one.read(30, 40, {"plc": 30.0})
    yield "one that nobody answered comes late", one
    one = History()
    one.set(0, None, 30.0)
    one.read(30, 40, {})
    yield "one that nobody answered never comes", one
    one = History()
    one.set(0, 10, 30.0, id_="a")
    one.set(20, 30, 40.0)
    one.set(40, 50, 30.0, id_="a")
    one.read(60, 70, {"plc": 40.0})
    yield "a retry after a newer command changes nothing", one
    one = History()
    one.set(0, 10, 30.0, ttl_s=1e-7)
    one.read(20, 30, {"plc": 30.0})
    one.read(110, 120, {})
    yield "a lease ends by its time", one
    one = History()
    one.read(0, 5, {}, etag="e0")
    one.set(10, 30, 30.0, client="a", etag="e0")
    one.set(10, 30, 40.0, client="b")
    one.read(40, 50, {"a": 30.0, "b": 40.0})
    yield "what was given for an etag came first", one
    one = History()
    one.set(0, 10, 30.0, ttl_s=0.1)
    one.read(12, 14, {"plc": 30.0}, etag="e1")
    one.renew(20, None, 30.0, id_="a")
    one.set(30, 40, 40.0, client="b")
    one.renew(50, 60, 30.0, id_="a", told="e1")
    yield "a renewal that nobody answered ran, and its retry is told what was so then", one
    one = History()
    one.set(0, 10, 30.0, ttl_s=1e-7)
    one.renew(120, 130, 30.0, refused=True)
    one.read(140, 150, {"plc": 30.0})
    yield "a lease whose time is up is not renewed, and told of for a moment", one
    one = History()
    one.read(0, 5, {}, etag="e0")
    one.set(10, 120, 30.0, ttl_s=1e-7, told="e0")
    one.read(130, 140, {}, etag="e0")
    yield "a lease ends by its time before its answer", one
    one = History()
    one.rollback(0)
    one.set(10, 20, 30.0, told="e1")
    one.pin(30, 40, "small")
    one.read(50, 60, {"plc": 30.0}, pinned="small", etag="e1")
    yield "a rollback that nobody answered pinned what nobody read before it was pinned again", one
    yield "an inhibition ended by its time between a command and its answer", inhibited(110)


def inhibited(ended: int) -> History:
    """A command that rests on an inhibition and is answered then, with the etag of what is so without it."""
    one = History()
    one.inhibit(0, 10, ttl_s=1e-7)
    one.read(12, 14, {}, etag="e1", inhibited=True)
    one.set(20, ended, 30.0, etag="e1", told="e2")
    one.read(130, 140, {"plc": 30.0}, etag="e2")
    return one


def bad_histories() -> Iterator[tuple[str, History]]:
    one = History()
    one.set(0, 100, 30.0)
    one.set(0, 100, 40.0)
    for began, value in ((10, 30.0), (30, 40.0), (50, 30.0)):
        one.read(began, began + 10, {"plc": value})
    yield "one of two comes back after the other", one
    one = History()
    one.set(0, 100, 30.0, client="a")
    one.set(0, 100, 40.0, client="b")
    one.read(10, 20, {"a": 30.0})
    one.read(30, 40, {"b": 40.0})
    yield "two readers see two orders", one
    one = History()
    one.set(0, 10, 30.0, id_="a")
    one.set(20, 30, 40.0)
    one.set(40, 50, 30.0, id_="a")
    one.read(60, 70, {"plc": 30.0})
    yield "a retry runs again", one
    one = History()
    one.set(0, None, 30.0)
    one.read(10, 20, {"plc": 30.0})
    one.read(30, 40, {})
    yield "one that nobody answered is taken back", one
    one = History()
    one.set(0, None, 30.0)
    one.set(10, 20, 40.0, run=2)
    one.read(30, 40, {"plc": 30.0})
    yield "one of a run that has ended comes after it", one
    one = History()
    one.set(0, 10, 30.0, ttl_s=1e-7)
    one.read(20, 30, {})
    yield "a lease ends early", one
    one = History()
    one.read(0, 5, {}, etag="e0")
    one.set(10, 20, 30.0, client="a")
    one.set(30, 40, 40.0, client="b", etag="e0")
    yield "an etag is taken that was not the present one", one
    one = History()
    one.set(0, 10, 30.0, told="e1")
    one.read(20, 30, {"plc": 30.0}, pinned="small", etag="e1")
    one.pin(14, 16, "small")
    yield "an answer's etag names what was not so yet", one


def bad_retries_and_leases() -> Iterator[tuple[str, History]]:
    one = History()
    one.set(0, 10, 30.0, ttl_s=0.1)
    one.read(12, 14, {"plc": 30.0}, etag="e1")
    one.set(16, 18, 40.0, client="b")
    one.renew(20, None, 30.0, id_="a")
    one.renew(50, 60, 30.0, id_="a", told="e1")
    yield "the retry of a renewal that nobody answered is told what was not so any more", one
    one = History()
    one.set(0, 10, 40.0, client="b")
    one.read(12, 14, {"b": 40.0}, etag="e1")
    one.set(20, None, 30.0, id_="a")
    one.set(30, 40, 30.0, id_="a", told="e1")
    yield "the retry of one that nobody answered is told what it never led to", one
    one = History()
    one.set(0, 10, 30.0, ttl_s=1e-7)
    one.renew(60, 70, 30.0, refused=True)
    yield "a lease that is in force is not renewed", one
    one = History()
    one.read(0, 5, {}, etag="e0")
    one.set(10, 100, 30.0, ttl_s=1e-7, told="e0")
    yield "a lease ends before its time, and before its answer", one
    yield "an inhibition ended before its time, between a command and its answer", inhibited(90)


@pytest.mark.parametrize(("what", "history"), [pytest.param(*one, id=one[0]) for one in good_histories()])
def test_a_history_that_has_an_order_is_good(what: str, history: History) -> None:
    history.judged()
    assert history.record.searched, what


@pytest.mark.parametrize(
    ("what", "history"), [pytest.param(*one, id=one[0]) for one in (*bad_histories(), *bad_retries_and_leases())]
)
def test_a_history_that_has_none_is_told_with_what_nothing_explains(what: str, history: History) -> None:
    with pytest.raises(Broken, match="no order of the calls explains") as told:
        history.judged()
    assert CAMERA in str(told.value), what


def test_a_search_that_is_too_large_is_given_up_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.stateful.linear.MOST_STATES", 50)
    history = History()
    for number in range(8):
        history.set(0, 100, 30.0 + number, client=f"client-{number}")
    history.read(200, 210, {"nobody": 1.0})
    with pytest.raises(Broken, match="too large for the search"):
        history.judged()


def test_a_search_looks_once_at_each_state_of_the_same_calls() -> None:
    """Ten writes of the same at the same time: 2^10 sets of calls, though 10! orders."""

    def write(state: State) -> list[State]:
        return [State(state.content.with_claim("plc", 30.0))]

    def never(state: State) -> list[State]:
        return []

    events = [Event(0, 100, write) for _ in range(10)]
    found = search([*events, Event(200, ETERNITY_NS, never)], State(Content()))
    assert (found.ordered, found.states) == (False, 2**10 - 1)
    assert search(events, State(Content())).ordered


@pytest.mark.parametrize("broken", [False, True], ids=["the real agent", "one that runs every request"])
def test_an_agent_that_runs_a_request_twice_is_found_by_the_order_alone(broken: bool) -> None:
    played = program(([SET, NEWER, Step(4, RETRY.do, of=1), LOOK], Disturbance()))
    makers = Makers(server=serves_every_request) if broken else None

    async def record() -> Record:
        held = grpc.aio.insecure_channel("unix:/nowhere")  # as tests.stateful.soak.play_program
        with tempfile.TemporaryDirectory(prefix="ofa-") as folder:
            told = await Player(played, Path(folder), makers).play()
        await held.close(None)
        return told

    with quiet():
        told = asyncio.run(record())
    with pytest.raises(Broken, match="no order of the calls explains") if broken else nullcontext():
        one_order_explains_every_answer(Model(told), {})

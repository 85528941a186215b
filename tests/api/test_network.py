"""The port and the machines before it: none takes all places, and who is refused again and again is not read."""

from __future__ import annotations

import asyncio
import itertools
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from agent.api import ApiLimits
from agent.api.allowance import MOST_KEPT, Allowance, Allowances
from agent.api.errors import Rejected
from agent.api.network import machine_of
from agent.api.rates import Rates
from agent.domain.access import Role
from agent.errors import Refused
from tests.api.harness import CALM, run, until
from tests.api.tls_rig import TlsRig, call, on_the_network, refused
from tests.support.hostile import GET_STATUS, STATUS, Ends, Hostile, calls
from tests.support.http2 import HEADERS, HELLO, call_frames, window
from tests.support.plant import Issued

GOOD, BAD = "spiffe://plant/desk", "spiffe://plant/hostile"
ROLES = {GOOD: Role.READ, BAD: Role.READ}
ELSEWHERE = "127.0.0.66"  # another machine than that of the good client
UNDER_WAY = 32


async def bare(rig: TlsRig, machine: str = ELSEWHERE) -> Hostile:
    """A connection without TLS."""
    return Hostile(*await asyncio.open_connection("127.0.0.1", rig.door.port, local_addr=(machine, 0)))


async def inside(rig: TlsRig, issued: Issued, say: bytes, machine: str = ELSEWHERE) -> Hostile:
    """A connection within TLS."""
    made = await asyncio.open_connection(
        "127.0.0.1", rig.door.port, ssl=rig.tls(issued), server_hostname="localhost", local_addr=(machine, 0)
    )
    client = Hostile(*made)
    client.say(say)
    return client


# -- places --------------------------------------------------------------------------------------------------------


def test_one_machine_cannot_take_the_places_of_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    limits = replace(CALM, max_connections=8, max_connections_each=5, max_connections_users=7)

    async def scenario() -> None:
        async with on_the_network(tmp_path, ROLES, limits=limits) as rig:
            greedy = [await bare(rig) for _ in range(12)]
            await asyncio.gather(*(client.hung_up() for client in greedy[5:]))
            others = [await bare(rig, "127.0.0.67") for _ in range(3)]
            await others[2].hung_up()  # the last place is for the machine itself
            assert await refused(rig.connect(rig.plant.issue(GOOD))) == ("OK", "")
            for client in greedy + others:
                await client.close()
            await until(lambda: rig.door.connections <= 1)

    with caplog.at_level(logging.WARNING):
        run(scenario())
    told = [record.getMessage() for record in caplog.records if "connections_refused" in record.getMessage()]
    assert [line.split()[1] for line in told] == [f"machine={ELSEWHERE}", "machine=127.0.0.67"]


@pytest.mark.parametrize(
    ("host", "machine"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("::1", "::1"),
        ("fe80::1:2%eth0", "fe80::1:2"),
        ("2001:DB8:0:1:0:0:0:2", "2001:db8:0:1::2"),
    ],
)
def test_a_machine_is_its_address_however_that_is_written(host: str, machine: str) -> None:
    assert machine_of(host) == machine


@pytest.mark.parametrize(
    ("listen", "connects"),
    [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("localhost:0", "127.0.0.1"), ("[::]:0", "127.0.0.1"),
     ("[::1]:0", "::1")],
)  # fmt: skip
def test_every_kind_of_address_is_listened_on(tmp_path: Path, listen: str, connects: str) -> None:
    async def scenario() -> None:
        try:
            async with on_the_network(tmp_path, ROLES, listen=listen) as rig:
                _, writer = await asyncio.open_connection(connects, rig.door.port)
                await until(lambda: rig.door.connections == 1)
                writer.close()
                await writer.wait_closed()
        except Refused as error:
            if ":" not in connects:
                raise
            pytest.skip(f"no IPv6 here: {error}")

    run(scenario())


def test_an_address_that_is_not_of_this_machine_yet_is_no_fault_of_the_config(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            door = type(rig.door)("192.0.2.1:7443", rig.door.files, {}, rig.clock, rig.alarms)
            server = grpc.aio.server()
            with pytest.raises(Refused, match=r"^api\.tcp\.listen: 192\.0\.2\.1:7443 is no address of this machine; "):
                door.bind(server)
            await door.remove()
            await server.stop(0)

    run(scenario())


# -- calls that are refused -------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who called, of all calls that came as far as Rates."""
    found: list[str] = []
    take = Rates.take

    def told(self: Rates, who: Any) -> None:
        found.append(who.identity)
        take(self, who)

    monkeypatch.setattr(Rates, "take", told)
    return found


async def flood(client: Hostile, path: str) -> None:
    """Calls without end, UNDER_WAY at once."""
    streams = itertools.count(1, 2)
    ends = Ends(client)
    ended = UNDER_WAY
    with suppress(EOFError, OSError):
        while True:
            client.say(b"".join(call_frames(path, next(streams)) for _ in range(ended)))
            ended = await ends.heard()


def test_a_client_that_floods_is_not_read_while_others_are_answered(tmp_path: Path, asked: list[str]) -> None:
    more = 0

    async def scenario() -> None:
        nonlocal more
        async with on_the_network(tmp_path, ROLES, limits=CALM) as rig:
            good, issued = rig.connect(rig.plant.issue(GOOD)), rig.plant.issue(BAD)
            await call(good)
            clients = [await inside(rig, issued, HELLO + window(0, 0x7FFF0000)) for _ in range(2)]
            flooding = [asyncio.create_task(flood(client, GET_STATUS)) for client in clients]
            await until(lambda: asked.count(BAD) > CALM.calls_burst + 2 * UNDER_WAY)
            before = asked.count(BAD)
            for _ in range(60):
                await call(good)
            more = asked.count(BAD) - before
            for one in flooding:
                one.cancel()
            await asyncio.wait(flooding)
            for client in clients:
                await client.close()

    run(scenario())
    assert asked.count(GOOD) == 61
    assert more <= 2 * UNDER_WAY  # what was on its way when the first was refused, and then nothing


def test_a_client_that_flees_to_a_new_connection_has_its_machine_wait_and_others_keep_theirs(
    tmp_path: Path, asked: list[str]
) -> None:
    limits = replace(CALM, calls_per_s=0.1, calls_burst=1, refused_s=3.0)

    async def scenario() -> None:
        async with on_the_network(tmp_path, ROLES, limits=limits) as rig:
            bad, good = rig.plant.issue(BAD), rig.plant.issue(GOOD)
            standing = await inside(rig, good, HELLO + call_frames(GET_STATUS, 1))
            await standing.hear(HEADERS, 1)
            clients = [await inside(rig, bad, HELLO + calls("GetStatus", 3))]
            await until(lambda: asked.count(BAD) == 3)
            clients.append(await inside(rig, bad, HELLO + calls("GetStatus", 20)))
            await until(lambda: asked.count(BAD) > 3)
            third = asyncio.ensure_future(inside(rig, bad, HELLO))
            standing.say(call_frames(GET_STATUS, 3))
            await standing.hear(HEADERS, 3)  # whatever it says: it is heard
            await refused(rig.connect(good))  # and so is a new one of another machine
            assert not third.done()
            third.cancel()
            await asyncio.wait({third})
            for client in (standing, *clients):
                await client.close()

    run(scenario())


def test_a_client_that_floods_with_calls_for_what_nobody_serves_is_not_read_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[object] = []
    more = 0

    async def scenario() -> None:
        nonlocal more
        async with on_the_network(tmp_path, ROLES, limits=CALM) as rig:
            passed = rig.door.refused

            def refused(peer: str, error: Rejected | None) -> str | None:
                refusals.append(error)
                return passed(peer, error)

            monkeypatch.setattr(rig.door, "refused", refused)
            good = rig.connect(rig.plant.issue(GOOD))
            client = await inside(rig, rig.plant.issue(BAD), HELLO)
            flooding = asyncio.create_task(flood(client, STATUS + "Nothing"))
            await until(lambda: len(refusals) >= UNDER_WAY)
            before = len(refusals)
            for _ in range(60):
                await call(good)
            more = len(refusals) - before
            flooding.cancel()
            await asyncio.wait({flooding})
            await client.close()

    run(scenario())
    assert set(refusals) == {None}
    assert more <= UNDER_WAY


def test_the_audit_names_the_machine_of_a_client_without_a_name(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with on_the_network(tmp_path, ROLES) as rig:
            assert await refused(rig.connect(rig.plant.issue()), GET_STATUS) == ("PERMISSION_DENIED", "NO_ROLE")
            return [entry.origin for entry in rig.journal.chain]

    assert run(scenario()) == ["ipv4:127.0.0.1"]


# -- allowances ----------------------------------------------------------------------------------------------------


class Time:
    """A loop's clock and its timers, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.due: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, run: Any) -> None:
        self.due.append((self.now_s + delay_s, run))

    def to(self, at_s: float) -> None:
        self.now_s = at_s
        due, self.due = self.due, []
        for when_s, run_ in due:
            if when_s <= at_s + 1e-9:
                run_()
            else:
                self.due.append((when_s, run_))


@dataclass(eq=False)
class Read:
    """A connection that has so many bytes to say at each turn."""

    of: Allowance
    size: int
    turns: int = 0

    def turn(self) -> None:
        self.turns += 1
        self.of.spend(self.size)


def allowance(time: Time, longest_s: float = 10.0) -> Allowance:
    return Allowance(cast(Any, time), per_s=100.0, burst=50.0, refused_s=2.0, longest_s=longest_s)


def test_who_waits_has_a_turn_one_after_the_other_as_the_bytes_come_back() -> None:
    time = Time()
    one = allowance(time)
    waiting = [Read(one, 100) for _ in range(3)]
    one.spend(250)
    for each in waiting:
        one.wait(each)
    time.to(101.9)
    assert [each.turns for each in waiting] == [0, 0, 0]
    time.to(102.01)
    assert [each.turns for each in waiting] == [1, 0, 0]
    one.leave(waiting[1])
    time.to(103.1)
    assert [each.turns for each in waiting] == [1, 0, 1]
    assert not time.due


def test_a_refused_call_is_a_pause_and_the_longest_pause_has_an_end() -> None:
    time = Time()
    one = allowance(time, longest_s=10.0)
    found = []
    for refusals, times_s in ((1, (100.0, 101.4, 101.6)), (1000, (111.4, 111.7))):
        for _ in range(refusals):
            one.refused()
        for at_s in times_s:
            time.to(at_s)
            found.append(one.spent)
    assert found == [True, True, False, True, False]


def test_whoever_has_an_allowance_keeps_it_and_many_names_take_a_bounded_place() -> None:
    async def scenario() -> None:
        kept = Allowances(ApiLimits(), 1.0)
        first = kept.of("first")
        for number in range(2 * MOST_KEPT):
            assert kept.of("first") is first
            kept.of(number)
        assert len(kept._kept) == MOST_KEPT

    run(scenario())

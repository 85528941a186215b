"""Clients over the network that mean harm: nothing of them stays, nothing changes, and others are answered the same."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain.access import Role
from agent.domain.notice import UNKNOWN_LINE
from tests.api.harness import CALM, run, until
from tests.api.test_slow_clients import calls_under_way
from tests.api.tls_rig import TlsRig, call, on_the_network, refused
from tests.support.hostile import CONTROL, GET_STATUS, HALF_HELLO, SAYINGS, STATUS, Hostile, indexed_headers
from tests.support.http2 import (
    ACK,
    DATA,
    END_STREAM,
    HEADERS,
    HELLO,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Frame,
    call_frames,
    frames,
)
from tests.support.leaks import open_descriptors
from tests.support.plant import Issued, Plant

GOOD, BAD = "spiffe://plant/desk", "spiffe://plant/hostile"
ROLES = {GOOD: Role.READ, BAD: Role.READ}
QUESTIONS = (
    GET_STATUS,
    STATUS + "ListSubnets",
    STATUS + "ListSwaps",
    STATUS + "ListAlarms",
    "/grpc.health.v1.Health/List",
)


async def bare(rig: TlsRig, say: bytes = b"") -> Hostile:
    """A connection without TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.door.port)
    client = Hostile(reader, writer)
    client.say(say)
    return client


async def inside(rig: TlsRig, issued: Issued, say: bytes = HELLO) -> Hostile:
    """A connection within TLS, by that certificate; from there on nothing is as it should be."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", rig.door.port, ssl=rig.tls(issued), server_hostname="localhost", limit=1 << 24
    )
    client = Hostile(reader, writer)
    client.say(say)
    return client


@asynccontextmanager
async def undisturbed(folder: Path, limits: object = CALM) -> AsyncIterator[tuple[TlsRig, Issued]]:
    """A server with one good client. In the end it answers as in the beginning, and nothing changed or stayed."""
    plant = Plant()
    async with on_the_network(folder, ROLES, plant=plant, limits=limits) as rig:  # type: ignore[arg-type]
        rig.control.change(changes=(), coming=None, line=UNKNOWN_LINE, permit_boot_ns=None)
        good = rig.connect(plant.issue(GOOD))
        before = [await call(good, question) for question in QUESTIONS]
        await until(lambda: not calls_under_way())
        descriptors, state, known = open_descriptors(), rig.control.now, dict(rig.control.claims)
        yield rig, plant.issue(BAD)
        assert [await call(good, question) for question in QUESTIONS] == before
        assert (rig.control.now, rig.control.claims) == (state, known)
        assert rig.control.calls in ([], [("explain", None)])
        await until(lambda: rig.control.snapshots.readers == rig.control.results.readers == 0)
        await until(lambda: not calls_under_way())
        gc.collect()
        await until(lambda: not descriptors.leaked(open_descriptors()))


# -- before there is a connection ----------------------------------------------------------------------------------


def test_who_stops_half_way_through_a_handshake_is_cut_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with undisturbed(tmp_path, replace(CALM, handshake_s=0.3)) as (rig, _):
            stopped = [await bare(rig, say) for say in (b"", HALF_HELLO, HALF_HELLO[:3], PREFACE) for _ in range(10)]
            done, stand = await asyncio.wait(
                [asyncio.ensure_future(client.hung_up()) for client in stopped], timeout=10.0
            )
            for one in stand:
                one.cancel()
            assert (len(done), len(stand)) == (40, 0)
            for client in stopped:
                await client.close()

    run(scenario())


def test_a_flood_of_connections_beyond_the_cap_ends_no_connection_that_stands(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with undisturbed(tmp_path, replace(CALM, max_connections=8)) as (rig, _):
            flood = [await bare(rig) for _ in range(40)]
            await asyncio.gather(*(client.hung_up() for client in flood[10:]))
            for client in flood:
                await client.close()

    run(scenario())


def test_wrong_certificates_again_and_again_reach_nothing(tmp_path: Path) -> None:
    async def scenario() -> set[str]:
        async with undisturbed(tmp_path) as (rig, _):
            forger = Plant().issue(GOOD)
            nobody = rig.plant.issue("spiffe://plant/stranger")
            told = set()
            for _ in range(10):
                code, reason = await refused(rig.connect(forger))
                told.add(reason or code)
                told.add((await refused(rig.connect(nobody)))[1])
            for channel in rig.channels[1:]:
                await channel.close(None)
        return told

    assert run(scenario()) == {"UNAVAILABLE", "NO_ROLE"}


# -- within a connection -------------------------------------------------------------------------------------------


def test_headers_that_grow_when_they_are_unpacked_are_refused(tmp_path: Path) -> None:
    async def scenario() -> bool:
        async with undisturbed(tmp_path) as (rig, issued):
            client = await inside(rig, issued)
            await client.hear(SETTINGS)  # gRPC holds its peers to what they have confirmed
            client.say(Frame(SETTINGS, ACK, 0).encoded() + indexed_headers(GET_STATUS, 3000, 2000))  # 8 kB become 6 MB
            answered = await _has_answer(client)
            await client.close()
        return answered

    assert run(scenario()) is False


async def _has_answer(client: Hostile) -> bool:
    """Whether the first call is answered with a message; False where it is refused, reset or hung up on."""
    while True:
        for frame in frames(bytes(client.heard)):
            if (frame.kind, frame.stream) == (DATA, 1):
                return True
            if ((frame.kind, frame.stream) == (HEADERS, 1) and frame.flags & END_STREAM) or frame.kind == RST_STREAM:
                return False
        data = await client.reader.read(1 << 16)
        if not data:
            return False
        client.heard += data


def test_others_hear_the_same_over_tls_beside_whatever_a_client_says(tmp_path: Path) -> None:
    async def scenario() -> dict[str, bool]:
        same = {}
        async with undisturbed(tmp_path) as (rig, issued):
            good = rig.connect(rig.plant.issue(GOOD))
            before = await call(good)
            for what, said in SAYINGS.items():
                hostile = await inside(rig, issued, said)
                same[what] = [await call(good) for _ in range(4)] == [before] * 4
                await hostile.close()
            await good.close(None)
        return same

    assert [what for what, same in run(scenario()).items() if not same] == []


def test_one_byte_at_a_time_harms_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with undisturbed(tmp_path) as (rig, issued):
            slow = [await inside(rig, issued, b"") for _ in range(5)]
            for byte in HELLO + call_frames(GET_STATUS, 1)[:100]:
                for client in slow:
                    client.say(bytes((byte,)))
                await asyncio.sleep(0)
            for client in slow:
                await client.close()

    run(scenario())


# -- with a certificate and too little of a role -------------------------------------------------------------------


async def _refusals(folder: Path, times: int) -> tuple[set[str], int]:
    """The reasons of so many calls that a reader may not make, and how many the server's log of changes has."""
    reasons: set[str] = set()
    async with undisturbed(folder, replace(CALM, calls_per_s=1e6, calls_burst=1_000_000)) as (rig, issued):
        channel = rig.connect(issued)
        names = ("SetBudget", "Rollback", "SetMode", "ReloadConfig", "InhibitSwap")
        for first in range(0, times, 50):
            asked = [refused(channel, CONTROL + names[(first + one) % 5], b"\x0a\x01x") for one in range(50)]
            reasons |= {reason for _, reason in await asyncio.gather(*asked)}
        await channel.close(None)
        kept = len(rig.control.calls)
    return reasons, kept


def test_calls_above_ones_role_change_nothing_however_often_they_come(tmp_path: Path) -> None:
    reasons, reached = run(_refusals(tmp_path, 500))
    assert reasons == {"ROLE_TOO_LOW"}
    assert reached <= 1


@pytest.mark.soak
def test_ten_thousand_calls_above_ones_role_change_nothing(tmp_path: Path) -> None:
    reasons, reached = run(_refusals(tmp_path, 10_000))
    assert reasons == {"ROLE_TOO_LOW"}
    assert reached <= 1

"""How much the unix socket takes of its clients, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.api import places, socket_path
from agent.api.local_users import Credentials, LocalUser, look_up
from agent.api.places import Places
from agent.api.proxy import Link
from agent.errors import BadInput
from tests.api.harness import CALM, run, until
from tests.api.unix_rig import ANNA, BEN, ROOT, STATUS, Rig, said, serving
from tests.support.http2 import HalfClient


async def connected(rig: Rig, user: LocalUser, count: int = 1) -> list[HalfClient]:
    """That many connections more of that user's; they may be refused."""
    rig.arrives(user)
    return [await HalfClient.connect(rig.path) for _ in range(count)]


async def refused(clients: list[HalfClient]) -> None:
    """Wait until these were hung up on."""
    for client in clients:
        await client.hung_up()


def test_a_user_has_a_part_of_the_connections_and_root_always_finds_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        limits = replace(CALM, max_connections=8, max_connections_users=6, max_connections_each=4)
        async with serving(tmp_path, {}, limits) as rig:
            anna = await connected(rig, ANNA, 6)
            await refused(anna[4:])
            assert rig.door.connections == 4
            ben = await connected(rig, BEN, 3)
            await refused(ben[2:])  # with anna's these are the six that users may have
            assert rig.door.connections == 6
            root = await connected(rig, ROOT, 3)
            await refused(root[2:])
            assert rig.door.connections == 8
            await anna[0].close()
            await until(lambda: rig.door.connections == 7)
            root += await connected(rig, ROOT)
            await until(lambda: rig.door.connections == 8)
            for client in anna[1:] + ben + root:
                await client.close()
            await until(lambda: not rig.door.connections)

    run(scenario())
    told = [record.getMessage() for record in caplog.records if "connections_refused" in record.getMessage()]
    assert [line.partition("uid=")[2].split()[0] for line in told] == ["1000", "1001", "0"]


class Time:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_user_who_connects_again_and_again_is_slowed_down_and_no_other_is(caplog: pytest.LogCaptureFixture) -> None:
    limits = replace(CALM, connections_burst=3, connections_per_s=2.0)
    now = Time()
    held = Places(limits, now)

    def comes(uid: int) -> bool:
        let_in = held.take(uid)
        if let_in:
            held.leave(uid)
        return let_in

    assert [comes(1000) for _ in range(5)] == [True, True, True, False, False]
    assert comes(1001)
    now.now_s += 0.5
    assert [comes(1000) for _ in range(2)] == [True, False]
    now.now_s += 100.0
    assert [comes(1000) for _ in range(4)] == [True, True, True, False]
    told = [record.getMessage() for record in caplog.records]
    assert [line.count("connections_refused uid=1000 why=connections_per_s=2") for line in told] == [1, 1]
    assert held.count == 0


def test_how_fast_users_come_is_remembered_of_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_USERS", 10)
    held = Places(CALM, Time())
    for uid in range(1000, 1100):
        assert held.take(uid)
    assert len(held._paces) == 10


def test_without_descriptors_clients_wait_and_are_let_in_when_there_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Short:
        """A listener for which there is no descriptor for a while."""

        def __init__(self, true: socket.socket) -> None:
            self.true, self.failures = true, 3

        def accept(self) -> Any:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return self.true.accept()

        def fileno(self) -> int:
            return self.true.fileno()

        def close(self) -> None:
            self.true.close()

    monkeypatch.setattr("agent.api.listening.PAUSE_S", 0.01)

    async def scenario() -> str:
        async with serving(tmp_path) as rig:
            assert rig.door._listening is not None
            (listener,) = rig.door._listening._sockets
            asyncio.get_running_loop().remove_reader(listener)
            rig.door._listening._sockets = [Short(listener)]  # type: ignore[list-item]
            await rig.door.open()
            async with rig.channel() as channel:
                return await said(channel, STATUS)

    assert run(scenario()) == "OK"
    told = [record.getMessage().split()[0] for record in caplog.records]
    assert [event for event in told if event.startswith("connections_")] == [
        "connections_wait",
        "connections_accepted_again",
    ]


def test_a_client_that_grpc_does_not_take_is_hung_up_on_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            assert rig.door._guests is not None
            rig.door._guests.inner.close()
            client = await HalfClient.connect(rig.path)
            await client.hung_up()
            await client.close()
            assert not rig.door.connections

    run(scenario())


def test_a_stuck_connection_that_grpc_has_ended_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.api.guests.LOOK_S", 0.02)

    async def scenario() -> list[str]:
        seen: list[str] = []
        async with serving(tmp_path) as rig:
            client = await HalfClient.connect(rig.path)
            await until(lambda: rig.door._guests is not None and len(rig.door._guests) == 1)

            def look(link: Link) -> None:
                seen.append("look")
                link.close()

            monkeypatch.setattr(Link, "look", look)
            await until(lambda: not rig.door.connections)
            await client.close()
        return seen

    assert run(scenario()) == ["look"]


# -- the end -------------------------------------------------------------------------------------------------------


def test_nobody_new_gets_in_while_the_door_is_closed_and_who_is_in_stays(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with serving(tmp_path) as rig, rig.channel() as channel:
            await rig.door.close()
            with pytest.raises(FileNotFoundError):
                await HalfClient.connect(rig.path)
            return await said(channel, STATUS)

    assert run(scenario()) == "OK"


def test_a_closed_door_leaves_its_path_to_a_successor(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with serving(tmp_path) as rig:
            await rig.door.close()
            async with serving(tmp_path) as next_rig:
                await rig.server.stop()
                async with next_rig.channel() as channel:
                    return await said(channel, STATUS)

    assert run(scenario()) == "OK"


def test_a_door_whose_user_is_not_looked_up_yet_ends_in_time(tmp_path: Path) -> None:
    answers = threading.Event()

    def hangs(who: Credentials) -> LocalUser:
        answers.wait(30.0)
        return look_up(who)

    async def scenario() -> None:
        async with serving(tmp_path, lookup=hangs) as rig:
            client = await HalfClient.connect(rig.path)
            await until(lambda: rig.door.connections == 1)
            await rig.server.stop()
            assert not rig.door.connections
            await client.hung_up()
            await client.close()
        answers.set()

    try:
        run(scenario())
    finally:
        answers.set()


def test_a_folder_that_takes_no_file_more_is_refused_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(prefix: str, dir: Path) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{dir}/{prefix}")

    async def scenario() -> None:
        with pytest.raises(BadInput, match=r"cannot be bound.*No space"):
            async with serving(tmp_path):
                pass

    monkeypatch.setattr("tempfile.mkdtemp", full)
    run(scenario())
    assert list(tmp_path.iterdir()) == []


def test_the_longest_path_that_a_socket_can_have_is_served(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * (socket_path.LONGEST_PATH - len(os.fsencode(tmp_path)) - len("//api.sock")))
    folder.mkdir()

    async def scenario() -> str:
        async with serving(folder) as rig, rig.channel() as channel:
            assert len(os.fsencode(rig.path)) == socket_path.LONGEST_PATH
            return await said(channel, STATUS)

    assert run(scenario()) == "OK"


def test_the_soft_limit_of_descriptors_is_raised_to_what_connections_need(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (256, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: limits.update(now=pair))
    socket_path.make_room(1536)
    assert limits["now"] == (1536 + socket_path.OTHER_DESCRIPTORS, 4096)
    socket_path.make_room(100)  # never less
    assert limits["now"] == (1536 + socket_path.OTHER_DESCRIPTORS, 4096)
    socket_path.make_room(10_000)
    assert limits["now"] == (4096, 4096)

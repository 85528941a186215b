"""The unix socket: who is at its other end, and what that is worth."""

from __future__ import annotations

import errno
import os
import pwd
import socket
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from agent.api import user_names
from agent.api.local_users import Credentials, LocalUser, Roles, credentials, look_up, unnamed
from agent.client import NO_RETRY, AgentClient, RpcFailed
from agent.domain.access import Role
from tests.api.harness import run, until
from tests.api.unix_rig import ANNA, AUDIT, BEN, MAY, ROOT, STATUS, may, said, serving

HERE = os.geteuid()


# -- roles ---------------------------------------------------------------------------------------------------------

FITS: dict[str, tuple[Roles, Role]] = {
    "nothing": ({}, Role.NONE),
    "somebody else": ({"ben": Role.ADMIN, "@staff": Role.ADMIN}, Role.NONE),
    "the user": ({"anna": Role.READ}, Role.READ),
    "the user's number": ({"1000": Role.CONTROL}, Role.CONTROL),
    "a group": ({"@video": Role.CONTROL}, Role.CONTROL),
    "a group's number": ({"@44": Role.READ}, Role.READ),
    "a user of a group's name": ({"video": Role.ADMIN, "44": Role.ADMIN}, Role.NONE),
    "a group of the user's name": ({"@anna": Role.ADMIN}, Role.NONE),
    "the user and two groups": ({"anna": Role.READ, "@users": Role.CONTROL, "@video": Role.READ}, Role.CONTROL),
    "the user with more than a group": ({"anna": Role.ADMIN, "@users": Role.READ}, Role.ADMIN),
    "a group that is kept out, beside one that is not": ({"@users": Role.NONE, "@video": Role.READ}, Role.READ),
}


@pytest.mark.parametrize(("roles", "expected"), FITS.values(), ids=FITS)
def test_the_most_counts_of_what_fits(roles: Roles, expected: Role) -> None:
    assert ANNA.role(roles) is expected


def test_root_and_the_daemons_own_user_are_admin_whatever_the_config_says() -> None:
    own = look_up(Credentials(1, HERE, os.getegid(), None))
    assert own.trusted
    assert own.role({own.name: Role.NONE}) is ROOT.role({"root": Role.READ}) is Role.ADMIN
    assert not ANNA.trusted


@pytest.mark.parametrize("role", list(Role))
def test_a_local_user_may_do_what_the_role_lets_do(tmp_path: Path, role: Role) -> None:
    async def scenario() -> tuple[str, str, str]:
        async with serving(tmp_path, {"anna": role}) as rig, rig.channel(ANNA) as channel:
            return await may(channel)

    assert run(scenario()) == MAY[role]


def test_without_roles_whoever_may_open_the_socket_is_admin(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str, str]:
        async with serving(tmp_path) as rig, rig.channel(ANNA) as channel:
            assert stat.S_IMODE(rig.path.stat().st_mode) == 0o660
            return await may(channel)

    assert run(scenario()) == MAY[Role.ADMIN]


def test_an_open_connection_has_its_new_role_at_its_next_call(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[str, str, str]]:
        found = []
        async with serving(tmp_path, {"anna": Role.READ}) as rig, rig.channel(ANNA) as channel:
            found.append(await may(channel))
            changes: list[Roles] = [{"@video": Role.CONTROL}, {"anna": Role.ADMIN}, {}, {"anna": Role.READ}]
            for roles in changes:
                rig.door.grant(roles)
                found.append(await may(channel))
        return found

    assert run(scenario()) == [MAY[role] for role in (Role.READ, Role.CONTROL, Role.ADMIN, Role.NONE, Role.READ)]


def test_the_mode_of_the_socket_follows_the_roles(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        async with serving(tmp_path, {"anna": Role.READ}) as rig:
            modes = [rig.path.stat().st_mode]
            changes: list[Roles | None] = [None, {}]
            for roles in changes:
                rig.door.grant(roles)
                modes.append(rig.path.stat().st_mode)
        rig.door.grant({})  # after its end there is nothing to change
        return [stat.S_IMODE(mode) for mode in modes]

    before = os.umask(0)
    try:
        assert run(scenario()) == [0o666, 0o660, 0o666]
    finally:
        os.umask(before)
    assert list(tmp_path.iterdir()) == []


def test_the_mode_of_what_has_taken_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with serving(tmp_path) as rig:
            rig.path.rename(tmp_path / "moved")
            rig.path.write_text("another's")
            rig.path.chmod(0o600)
            rig.door.grant({})
            return stat.S_IMODE(rig.path.stat().st_mode)

    assert run(scenario()) == 0o600


def test_who_connected_while_anybody_could_is_no_admin_when_the_roles_are_gone(tmp_path: Path) -> None:
    member = replace(BEN, groups=BEN.groups | {str(tmp_path.stat().st_gid)})
    users = {1000: ANNA, 1001: member, HERE: ROOT if not HERE else LocalUser(HERE, "own", frozenset())}

    async def scenario() -> list[str]:
        found = []
        async with (
            serving(tmp_path, {"anna": Role.READ}, lookup=lambda who: users[who.uid]) as rig,
            rig.channel(ANNA) as anna,
            rig.channel(member) as ben,
            rig.channel() as own,
        ):
            rig.door.grant(None)
            for channel in (anna, ben, own):
                found.append(await said(channel, AUDIT))
        return found

    assert run(scenario()) == ["NO_ROLE", "OK", "OK"]


def test_who_has_no_role_is_told_so_by_name(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with serving(tmp_path, {}) as rig, rig.channel(ANNA) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(STATUS)(b"")
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        return caught.value.details() or ""

    told = run(scenario())
    assert told.startswith("'anna' has no role")
    assert "config" in told


# -- identity ------------------------------------------------------------------------------------------------------


def test_the_audit_tells_user_and_process(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str]:
        async with serving(tmp_path) as rig, AgentClient(rig.path, name="plc", retry=NO_RETRY) as client:
            await client.set_budget(max_latency_ms=50)
            (entry,) = (await rig.journal.audit(None, 10, None)).entries
        return entry.client, entry.origin

    name = pwd.getpwuid(HERE).pw_name
    assert run(scenario()) == ("plc", f"unix:user={name} uid={HERE} pid={os.getpid()}")


def test_the_kernel_tells_user_and_groups_of_who_connected() -> None:
    one, other = socket.socketpair()
    with one, other:
        who = credentials(one)
    assert (who.pid, who.uid, who.gid) == (os.getpid(), HERE, os.getegid())
    assert who.gids is None or set(who.gids) == set(os.getgroups())
    user = look_up(who)
    assert (user.uid, user.name) == (HERE, pwd.getpwuid(HERE).pw_name)
    assert {str(who.gid), *map(str, os.getgroups())} <= user.groups


def test_groups_are_those_of_the_user_database_where_the_kernel_does_not_tell_them() -> None:
    account = pwd.getpwuid(HERE)
    told = look_up(Credentials(1, HERE, account.pw_gid, None))
    assert {str(gid) for gid in os.getgrouplist(account.pw_name, account.pw_gid)} <= told.groups
    assert str(account.pw_gid) in told.groups
    free = next(uid for uid in range(54_321, 60_000) if not _known(uid))
    nobody = look_up(Credentials(1, free, free, (7,)))
    assert (nobody.name, nobody.role({str(free): Role.READ})) == (f"uid:{free}", Role.READ)
    assert nobody.groups >= {str(free), "7"}


def _known(uid: int) -> bool:
    with suppress(KeyError):
        pwd.getpwuid(uid)
        return True
    return False


def test_a_user_database_that_hangs_keeps_out_nobody_who_needs_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_names, "PATIENCE_S", 0.05)
    answers = threading.Event()
    asked: list[int] = []

    def hangs(who: Credentials) -> LocalUser:
        asked.append(who.uid)
        answers.wait(30.0)
        return {0: ROOT, 1000: ANNA}[who.uid]

    async def scenario() -> None:
        roles = {"anna": Role.READ, "1001": Role.READ}
        async with serving(tmp_path, roles, lookup=hangs) as rig:
            async with rig.channel(ROOT) as root, rig.channel(ROOT) as again, rig.channel(ANNA) as anna:
                assert await may(root) == await may(again) == MAY[Role.ADMIN]
                assert await may(anna) == MAY[Role.NONE]  # by a name that is not known yet
                assert asked == [0, 1000]  # once for each, however many connect
                answers.set()
                await until(lambda: not rig.door._names._asked)
            async with rig.channel(ANNA) as anna:
                assert await may(anna) == MAY[Role.READ]
            assert asked == [0, 1000]

    run(scenario())


def test_a_user_database_that_fails_leaves_the_numbers(tmp_path: Path) -> None:
    def fails(who: Credentials) -> LocalUser:
        raise OSError(errno.EIO, f"asked for {who.uid}")

    async def scenario() -> tuple[str, str, str]:
        async with serving(tmp_path, {"1000": Role.CONTROL}, lookup=fails) as rig, rig.channel(ANNA) as channel:
            return await may(channel)

    assert run(scenario()) == MAY[Role.CONTROL]
    assert unnamed(Credentials(1, 1000, 50, (44,))) == LocalUser(1000, "uid:1000", frozenset({"50", "44"}))


def test_a_refusal_is_an_error_of_the_client_library(tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str]:
        async with serving(tmp_path, {}) as rig:
            rig.arrives(ANNA)
            async with AgentClient(rig.path, retry=NO_RETRY) as client:
                with pytest.raises(RpcFailed) as caught:
                    await client.get_status()
        return caught.value.code, caught.value.reason

    assert run(scenario()) == ("PERMISSION_DENIED", "NO_ROLE")

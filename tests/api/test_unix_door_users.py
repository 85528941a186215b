"""Real users of this machine at the unix socket: another process connects as each of them."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.api.local_users import Roles
from agent.domain.access import Role
from tests.api.harness import run
from tests.api.unix_rig import serving
from tests.conftest import REPOSITORY

MANY_S = 60.0
CODES = {
    Role.NONE: ["PERMISSION_DENIED"] * 3,
    Role.READ: ["OK", "PERMISSION_DENIED", "PERMISSION_DENIED"],
    Role.CONTROL: ["OK", "INVALID_ARGUMENT", "PERMISSION_DENIED"],
    Role.ADMIN: ["OK", "INVALID_ARGUMENT", "OK"],
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user of the machine can enter."""
    if os.geteuid():
        pytest.skip("only root can be other users")
    with tempfile.TemporaryDirectory(prefix="ofa-door-") as made:
        path = Path(made)
        path.chmod(0o755)
        if not all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents):
            pytest.skip(f"{path} cannot be entered by other users")
        yield path


def accounts(count: int) -> list[pwd.struct_passwd]:
    found = [one for one in pwd.getpwall() if one.pw_uid not in (0, 65534)]
    if len(found) < count:
        pytest.skip(f"this machine has {len(found)} users beside root, wanted {count}")
    return found[:count]


async def calls_of(path: Path, inner: str, *users: str) -> Any:
    """What each of these users (`UID:GID,GID…`) heard."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.as_user", str(path), inner, *users),
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    told, _ = await asyncio.wait_for(child.communicate(), MANY_S)
    assert child.returncode == 0
    return json.loads(told)


def test_each_user_may_do_what_the_roles_say_and_nobody_reaches_grpcs_own_socket(folder: Path) -> None:
    reader, controller, admin, nobody = accounts(4)
    group = next(one for one in grp.getgrall() if one.gr_gid not in {0, *(one.pw_gid for one in accounts(4))})
    roles: Roles = {
        f"@{group.gr_name}": Role.READ,
        controller.pw_name: Role.CONTROL,
        admin.pw_name: Role.ADMIN,
    }

    async def scenario() -> Any:
        async with serving(folder, roles) as rig:
            assert rig.door._guests is not None
            inner = f"/proc/{os.getpid()}/fd/{rig.door._guests.inner._place}"
            return await calls_of(
                rig.path,
                inner,
                f"{reader.pw_uid}:{reader.pw_gid},{group.gr_gid}",
                f"{controller.pw_uid}:{controller.pw_gid}",
                f"{admin.pw_uid}:{admin.pw_gid}",
                f"{nobody.pw_uid}:{nobody.pw_gid}",
                "0:0",
            )

    found = run(scenario())["found"]
    codes = [[code for code, _ in user["calls"]] for user in found]
    assert codes == [CODES[role] for role in (Role.READ, Role.CONTROL, Role.ADMIN, Role.NONE, Role.ADMIN)]
    assert [user["inner"] for user in found] == ["EACCES"] * 4 + ["OK"]  # root may anything, and is nobody there
    assert f"{nobody.pw_name!r} has no role" in found[3]["calls"][0][1]


def test_without_roles_the_mode_of_the_socket_keeps_others_out(folder: Path) -> None:
    stranger, member = accounts(2)

    async def scenario() -> Any:
        async with serving(folder) as rig:
            gid = rig.path.stat().st_gid
            return await calls_of(
                rig.path, "/", f"{stranger.pw_uid}:{stranger.pw_gid}", f"{member.pw_uid}:{member.pw_gid},{gid}"
            )

    outside, inside = run(scenario())["found"]
    assert [code for code, _ in outside["calls"]] == ["UNAVAILABLE"] * 3
    assert "Permission denied" in outside["calls"][0][1]
    assert [code for code, _ in inside["calls"]] == CODES[Role.ADMIN]

"""What commands say when a running agent refuses: one line with what to do, and the exit code."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli import exits
from agent.cli.connection import Connection, _exchange
from agent.cli.exits import CallFailed, exit_code
from agent.errors import Infeasible, Inhibited, NotPermitted
from tests.api.harness import Rig, run, serving
from tests.support.fake_control import FakeControl

# Runs commands one after another, as the given user; writes what each said.
_SCRIPT = """
import contextlib, io, json, os, sys
import agent.cli.read, agent.cli.pin, agent.cli.operations, agent.cli.budget, agent.cli.explain, agent.client
import agent.pb.ofa_agent.v1.orders_pb2, agent.cli.describe, agent.cli.orders
from agent.cli.main import main
place, user, commands = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
if user: os.setgroups([]), os.setgid(user), os.setuid(user)
told = []
for words in commands:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main([*words, "--socket", place])
    told.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Said:
    code: int
    line: str


async def _say(rig: Rig, *commands: Sequence[str], user: int = 0) -> list[Said]:
    arguments = (str(rig.path), str(user), json.dumps(commands))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SCRIPT, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told = json.loads(out)
    assert [(one[1], one[2].count("\n")) for one in told] == [("", 1)] * len(commands), told
    return [Said(code, line.rstrip()) for code, _, line in told]


def test_what_is_not_there_is_named_beside_what_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, FakeControl("station-1"), FakeControl("station-2")) as rig:
            camera = ["--camera", "station-1"]
            told = await _say(
                rig,
                ["status", "--camera", "nobody"],
                ["subnets"],
                ["pin", "net-9", *camera],
                ["explain", "--parts-per-minute", "-5", *camera],
                ["budget", "renew", *camera, "--client-name", "eng"],
                ["operations", "show", "beefbeef"],
                ["operations", "show", "b"],
                ["alarms", "ack", "99"],
            )
            assert {one.code for one in told} == {exits.BAD_INPUT}
            assert [one.line for one in told] == [
                "camera 'nobody' is not configured; configured: station-1, station-2",
                "camera: not given; name one of station-1, station-2",
                "camera station-1 has no sub-net 'net-9'; it has w1-big, w1-huge",
                "budget.parts_per_minute: -5.0 is not a number above 0 and at most 100000",
                "client: eng holds no lease on station-1; set a budget with a ttl first",
                "ID: 'beefbeef' is no operation that is known; `ofa-agent operations list --all` shows them",
                "ID: 'b' is too short; give at least 4 characters of the id",
                "ID: alarm 99 is not known; `ofa-agent alarms --all` shows those that are",
            ]

    run(main())


@pytest.mark.parametrize(
    ("kind", "words", "code"),
    [
        (Infeasible, "no sub-net meets 5 ms; the fastest takes 12 ms", exits.INFEASIBLE),
        (Inhibited, "plc inhibits swaps: `ofa-agent swap permit` lifts it", exits.REFUSED),
        (NotPermitted, "mode MAINTENANCE takes orders at the machine only", exits.REFUSED),
    ],
)
def test_a_refusal_of_the_agent_keeps_its_words_and_its_code(
    tmp_path: Path, kind: type[Exception], words: str, code: int
) -> None:
    control = FakeControl(error=kind(words))

    async def main() -> None:
        async with serving(tmp_path, control) as rig:

            async def ask(client: object) -> object:
                return await rig.client.set_budget(max_latency_ms=5.0)

            with pytest.raises(CallFailed) as caught:
                await _exchange(Connection(f"unix:{rig.path}", "eng"), ask)
            assert (exit_code(caught.value), str(caught.value)) == (code, words)

    run(main())


def test_an_agent_that_does_not_answer_in_time_is_named_with_the_time(tmp_path: Path) -> None:
    control = FakeControl(gate=asyncio.Event())

    async def main() -> None:
        async with serving(tmp_path, control) as rig:
            with pytest.raises(CallFailed) as caught:
                await _exchange(Connection(f"unix:{rig.path}", "eng"), lambda client: client.unpin_subnet(), 0.2)
            assert control.gate is not None
            control.gate.set()
            assert exit_code(caught.value) == exits.TIMED_OUT
            assert str(caught.value) == (
                f"unix:{rig.path}: the agent has not answered within 0.2 s; is it stopped or busy?"
            )

    run(main())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_user_who_may_not_use_the_socket_is_told_of_its_group(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            for folder in (tmp_path, *tmp_path.parents):
                if str(folder).startswith("/tmp/pytest"):
                    folder.chmod(0o755)
            (told,) = await _say(rig, ["status"], user=65534)
            assert told.code == exits.REFUSED
            assert told.line.startswith(f"unix:{rig.path}: no answer from the agent: this user may not use its socket")
            assert "usermod -aG" in told.line

    run(main())

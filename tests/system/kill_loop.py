"""A daemon that is killed again and again while two clients command it, and what must have stayed of their commands."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import grpc

from agent.pb.ofa_agent.v1 import status_pb2, types_pb2
from agent.telemetry import audit_check, schema
from agent.telemetry.audit_head import HeadFile
from tests.system.kill_commands import Clerk, Command, Register

AGENT = (sys.executable, "-m", "agent")
PATIENCE_S = 60.0
KILL_WITHIN_S = (0.03, 0.15, 0.5)  # after the first command was sent
START_KILLS = 0.2  # share of kills that come while the daemon starts
START_KILL_WITHIN_S = {True: 1.0, False: 2.5}  # preloaded or not: until about when it serves
TELL_EVERY = 50
_GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)
_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    *((f"grpc.{name}_reconnect_backoff_ms", 50) for name in ("initial", "min", "max")),
)


class Daemon:
    """The process under test: `python -m agent run`, or one forked from a process that has everything imported."""

    def __init__(self, config: Path, log: Path, preloaded: bool) -> None:
        self._arguments = ["run", "--config", str(config)]
        self._log = log
        self._pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._parent: subprocess.Popen[str] | None = None
        if preloaded:
            command = (sys.executable, "-m", "tests.support.preloaded", str(log))
            self._parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self) -> None:
        if self._parent is not None:
            assert self._parent.stdin is not None
            assert self._parent.stdout is not None
            self._parent.stdin.write(json.dumps(self._arguments) + "\n")
            self._parent.stdin.flush()
            self._pid = int(self._parent.stdout.readline())
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                (*AGENT, *self._arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._pid = self._process.pid

    def kill(self) -> None:
        """SIGKILL, and wait for its end; it must not have ended by itself."""
        if self._pid is None:
            return
        os.killpg(self._pid, signal.SIGKILL)
        self._pid = None
        if self._process is not None:
            assert self._process.wait(20) == -signal.SIGKILL, self._log.read_text(errors="replace")[-4000:]
        elif self._parent is not None:
            assert self._parent.stdout is not None
            status = int(self._parent.stdout.readline())
            assert os.WIFSIGNALED(status), self._log.read_text(errors="replace")[-4000:]

    def close(self) -> None:
        self.kill()
        if self._parent is not None:
            assert self._parent.stdin is not None
            assert self._parent.stdout is not None
            self._parent.stdin.close()
            self._parent.stdout.close()
            self._parent.wait(20)


class Loop:
    """See the module docstring. Owner of the daemon and of what is known of its commands."""

    def __init__(self, folder: Path, camera: str, subnets: Sequence[str], seed: int, preloaded: bool) -> None:
        self._folder = folder
        self._camera = camera
        self._chance = random.Random(seed)
        self._daemon = Daemon(folder / "agent.yaml", folder / "daemon.log", preloaded)
        self._start_kill_within_s = START_KILL_WITHIN_S[preloaded]
        self._registers = {"mode": Register(types_pb2.MODE_AUTO), "pin": Register("")}
        self._clerk = Clerk(camera, subnets, self._chance, self._registers)
        self._open: list[Command] = []  # sent and not answered when the daemon died
        self._answered: list[Command] = []
        self._generation = 0
        self.counts: Counter[str] = Counter()
        self.ready_s: list[float] = []
        self.counted: Callable[[float | None], None] = lambda _: None

    async def run(self, kills: int) -> None:
        """Raises AssertionError at the first promise that was broken."""
        try:
            for number in range(1, kills + 1):
                await self._life()
                if number % TELL_EVERY == 0:
                    sys.stderr.write(f"kill_loop so far {self.told()}\n")
            await self._last_look()
        finally:
            self._daemon.close()

    def told(self) -> str:
        """The counts in one line."""
        ready = sorted(self.ready_s) or [0.0]
        counts = " ".join(f"{name}={count}" for name, count in sorted(self.counts.items()))
        return f"{counts} ready_median_s={ready[len(ready) // 2]:.2f} ready_most_s={ready[-1]:.2f}"

    # -- one life -----------------------------------------------------------------------------------------------------

    async def _life(self) -> None:
        self._daemon.start()
        began = time.monotonic()
        if self._chance.random() < START_KILLS:
            await asyncio.sleep(self._chance.uniform(0, self._start_kill_within_s))
            self._kill("in_start")
            self.counted(None)
            return
        async with grpc.aio.insecure_channel(f"unix:{self._folder / 'api.sock'}", options=_OPTIONS) as channel:
            await self._ready(channel)
            self.ready_s.append(time.monotonic() - began)
            await self._look(channel)
            await self._again(channel)
            clients = [asyncio.create_task(self._command(channel, name)) for name in ("plc-a", "plc-b")]
            await asyncio.sleep(self._chance.uniform(0, self._chance.choice(KILL_WITHIN_S)))
            self._kill("at_work")
            await asyncio.gather(*clients)
            self.counted(self.ready_s[-1])

    def _kill(self, when: str) -> None:
        self._daemon.kill()
        self.counts["kills"] += 1
        self.counts[when] += 1

    async def _last_look(self) -> None:
        self._daemon.start()
        async with grpc.aio.insecure_channel(f"unix:{self._folder / 'api.sock'}", options=_OPTIONS) as channel:
            await self._ready(channel)
            await self._look(channel)
        self._daemon.kill()
        self._check_journal(whole=True)

    async def _ready(self, channel: grpc.aio.Channel) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                await self._status(channel)
                return
            except grpc.aio.AioRpcError as error:
                if time.monotonic() > deadline:
                    log = (self._folder / "daemon.log").read_text(errors="replace")
                    raise AssertionError(f"not ready in {PATIENCE_S:g} s: {log[-4000:]}") from error
            await asyncio.sleep(0.02)

    async def _command(self, channel: grpc.aio.Channel, client: str) -> None:
        """One command after the other, until the daemon is gone."""
        while True:
            command = self._clerk.drawn(client)
            self._registers.setdefault(command.register, Register()).may.append(command.value)
            if not await self._send(channel, command):
                self._open.append(command)
                return

    async def _send(self, channel: grpc.aio.Channel, command: Command) -> bool:
        """False where nobody answered."""
        try:
            command.answer = await _asked(channel, command)
        except grpc.aio.AioRpcError as error:
            if error.code() in _GONE:
                return False
            raise AssertionError(f"{command.method} {command.request}: {error.code()} {error.details()}") from error
        register = self._registers[command.register]
        register.value, register.may = command.value, []
        self._answered.append(command)
        self.counts["acknowledged"] += 1
        self.counts[command.method] += 1
        return True

    async def _again(self, channel: grpc.aio.Channel) -> None:
        """What nobody answered is asked again with the same id, or left; a few of those that were answered too."""
        left, self._open = self._open, []
        for command in left:
            if self._chance.random() < 0.7:
                assert await self._send(channel, command), "the daemon is up and does not answer"
                self.counts["asked_again"] += 1
        for command in self._chance.sample(self._answered[-20:], min(2, len(self._answered))):
            assert await _asked(channel, command) == command.answer, "a retry got another answer"
            self.counts["retried"] += 1

    # -- what is there ------------------------------------------------------------------------------------------------

    async def _status(self, channel: grpc.aio.Channel) -> status_pb2.GetStatusResponse:
        call = channel.unary_unary(
            "/ofa_agent.v1.StatusService/GetStatus",
            request_serializer=status_pb2.GetStatusRequest.SerializeToString,
            response_deserializer=status_pb2.GetStatusResponse.FromString,
        )
        found: status_pb2.GetStatusResponse = await call(status_pb2.GetStatusRequest(), timeout=5.0)
        return found

    async def _look(self, channel: grpc.aio.Channel) -> None:
        """Every register has what was acknowledged last, or what was asked after it and never answered."""
        answer = await self._status(channel)
        status = next(one for one in answer.cameras if one.camera == self._camera)
        found: dict[str, object] = {"mode": status.orders.mode, "pin": status.orders.pin.subnet_id}
        found |= {f"claim of {one.client}": one.budget.max_latency_ms for one in status.claims}
        found |= {f"inhibit of {one.client}": one.why for one in status.orders.inhibitions}
        call = channel.unary_unary(
            "/ofa_agent.v1.StatusService/ListAlarms",
            request_serializer=status_pb2.ListAlarmsRequest.SerializeToString,
            response_deserializer=status_pb2.ListAlarmsResponse.FromString,
        )
        alarms = (await call(status_pb2.ListAlarmsRequest(include_cleared=True), timeout=5.0)).alarms
        found |= {f"alarm {one.id}": one.acknowledged_by for one in alarms if one.acknowledged_by}
        self._clerk.alarms = [one.id for one in alarms if f"alarm {one.id}" not in self._registers]
        for name, register in self._registers.items():
            allowed = [register.value, *register.may]
            assert found.get(name) in allowed, f"{name} is {found.get(name)!r}, asked for was {allowed}"
            self.counts["compared"] += 1
        assert status.generation == 0 or status.generation >= self._generation, "a generation went back"
        self._generation = max(self._generation, status.generation)
        self._check_journal(whole=False)

    def _check_journal(self, whole: bool) -> None:
        """The chain verifies, and no request was carried out twice."""
        path = self._folder / "state" / "journal.sqlite3"
        with closing(schema.connect_reading(path)) as db:
            db.execute("BEGIN")
            look = audit_check.check_whole if whole else audit_check.check_tail
            checked = look(db, HeadFile(path))
            twice = db.execute(
                "SELECT request_id, COUNT(*) FROM audit WHERE request_id != '' AND outcome = 'OK' "
                "GROUP BY request_id HAVING COUNT(*) > 1"
            ).fetchall()
        assert not checked.broken, checked.why
        assert not twice, f"carried out twice: {twice}"
        if whole:
            self.counts["audit_entries"] = checked.entries


async def _asked(channel: grpc.aio.Channel, command: Command) -> bytes:
    """The answer, byte for byte."""
    call = channel.unary_unary(
        "/ofa_agent.v1.ControlService/" + command.method,
        request_serializer=type(command.request).SerializeToString,
        response_deserializer=bytes,
    )
    answer: bytes = await call(command.request, timeout=PATIENCE_S)
    return answer

"""Plays a program against a world and records what was seen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from agent.domain.audit import AuditEntry, Head
from agent.domain.notice import ChangeState
from agent.pb.ofa_agent.v1 import capture_pb2, status_pb2, types_pb2
from tests.stateful.model import Write
from tests.stateful.operations import ENDED_BEATS, answered_operations, deadline_ns_of, in_answer, operations_in
from tests.stateful.program import Blow, Disturbance, Do, How, Phase, Program, Step
from tests.stateful.record import Audited, Broken, Call, Happening, Record, Seen, Watch
from tests.stateful.requests import ANSWERS, METHODS, SERVICE, Clerk
from tests.stateful.world import PATIENCE_S, Makers, World

CALL_S = 30.0  # no call waits for anything that takes long
_KINDS = {Do.WATCH_STATUS: "status", Do.WATCH_RESULTS: "results", Do.CAPTURE: "capture"}
LOOKS = 40  # at operations that were cancelled, before time is made to pass
RETURN_S = 150.0  # longer than a profiling run waits for its way back
STATUS = "ofa_agent.v1.StatusService"
OPERATIONS = "google.longrunning.Operations"
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))


class Client:
    """One client with its connection and what it knows. Owner: the player."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: list[tuple[str, Message]] = []
        self.prepared_id = ""
        self.etags: dict[str, str] = {}  # by camera, as last seen
        self.operations: list[str] = []
        self.streams: set[asyncio.Task[None]] = set()
        self._channel: grpc.aio.Channel | None = None
        self._run = 0

    async def channel(self, world: World) -> grpc.aio.Channel:
        """To the agent that lives now."""
        if self._channel is None or self._run != world.living.number:
            await self.close()
            await world.up.wait()
            self._run = world.living.number
            self._channel = grpc.aio.insecure_channel(f"unix:{world.socket}", options=_OPTIONS)
        return self._channel

    async def close(self) -> None:
        """Whatever is under way: its calls are cut, its streams end."""
        channel, self._channel = self._channel, None
        streams, self.streams = self.streams, set()
        for stream in streams:
            stream.cancel()
        if channel is not None:
            await channel.close(None)
        if streams:
            await asyncio.wait(streams)


class Player:
    """See the module docstring; one history."""

    def __init__(self, program: Program, folder: Path, makers: Makers | None = None) -> None:
        self.program = program
        self.record = Record(program.setting, faulty=bool(program.setting.faults or program.setting.hangs))
        self.world = World(folder, program.setting, makers)
        self.record.beats, self.record.contents = self.world.beats, self.world.file.contents
        self._clients = [Client(name) for name in program.names]
        self._clerk = Clerk(program)
        self._calls_in_phase = 0
        self._due_ns = 0

    async def play(self) -> Record:
        """To the end, and down in order. Raises Broken where waiting for what must come was in vain."""
        try:
            await self.world.start()
            for phase in self.program.phases:
                await self._phase(phase)
            await self._finish()
        finally:
            for client in self._clients:
                await client.close()
            await self.world.close()
        self.record.loads = [Write(value, lo_ns, hi_ns, True) for lo_ns, hi_ns, value in self.world.loads]
        return self.record

    # -- phases -------------------------------------------------------------------------------------------------------

    async def _phase(self, phase: Phase) -> None:
        self._calls_in_phase = 0
        tasks = [
            asyncio.create_task(self._steps(client, steps), name=client.name)
            for client, steps in zip(self._clients, phase.steps, strict=True)
        ]
        blow = asyncio.create_task(self._disturb(phase.disturbance, tasks), name="blow")
        await asyncio.gather(*tasks, blow)
        await self.world.crashed()
        await self._caught_up()

    async def _steps(self, client: Client, steps: tuple[Step, ...]) -> None:
        for step in steps:
            await self._step(client, step)

    async def _disturb(self, disturbance: Disturbance, others: list[asyncio.Task[None]]) -> None:
        while self._calls_in_phase < disturbance.after_calls and not all(task.done() for task in others):  # noqa: ASYNC110
            await asyncio.sleep(0)
        world, blow = self.world, disturbance.blow
        if blow is Blow.NOTHING:
            return
        happening = self._happens(str(disturbance))
        happening.run = world.runs
        if blow is Blow.LEAP:
            self._leaps(happening, disturbance.seconds)
        elif blow is Blow.SUSPEND:
            world.clock.suspend(disturbance.seconds)
        elif blow is Blow.WALL:
            world.clock.step_wall(disturbance.seconds)
        elif blow is Blow.CRASH_AT_COMMIT:
            await world.up.wait()
            world.living.power.fail_at_commit(disturbance.commits, disturbance.after)
        else:
            happening.restart, happening.reboot = True, blow is Blow.REBOOT
            await (world.crash() if blow is Blow.CRASH else world.restart(happening.reboot))
        happening.ended_ns = world.clock.boottime_ns()

    def _happens(self, what: str) -> Happening:
        happening = Happening(self.record.next_order(), self.world.clock.boottime_ns(), what)
        self.record.happenings.append(happening)
        return happening

    def _leaps(self, happening: Happening, seconds: float) -> None:
        happening.leapt_ns = round(seconds * 1e9)
        self.world.clock.leap(seconds)

    def _time_passes(self, seconds: float) -> None:
        happening = self._happens(f"leap seconds={seconds:g}")
        happening.ended_ns = happening.began_ns
        self._leaps(happening, seconds)

    async def _caught_up(self) -> None:
        """Wait until the agent has done what its clock says is due; raises Broken where it never does."""
        await self.world.up.wait()
        self._due_ns = self.world.clock.boottime_ns()
        async with _Patience("leases whose time is up, or changes that are due, stand as they are"):
            while any(self._is_behind(name) for name in self.program.setting.cameras):  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        self.record.rests_ns.append(self._due_ns)

    def _is_behind(self, camera: str) -> bool:
        run, now_ns = self.world.run, self._due_ns
        if run is None:
            return True
        snapshot = run.supervisors[camera].snapshot()
        late = any(claim.expired(now_ns, run.boot_id) for claim in snapshot.claims)
        due = any(one.state is ChangeState.COMMITTED and one.due_boot_ns <= now_ns for one in snapshot.changes)
        return late or due

    async def _finish(self) -> None:
        """Come to rest, look, restart or crash, and look again."""
        world = self.world
        world.living.power.hold()
        await world.crashed()
        await self._end_operations()
        world.at_work = False
        await self._caught_up()
        await self._settled()
        await self._watchers_agree()
        happening = self._happens("at rest: crash" if self.program.seed % 2 else "at rest: restart")
        happening.restart, happening.run = True, world.runs
        await (world.crash() if self.program.seed % 2 else world.restart())
        happening.ended_ns = world.clock.boottime_ns()
        await self._caught_up()
        for camera in self.program.setting.cameras:
            await self._status(self._clients[0], camera)
        await self._unary(self._clients[0], f"/{STATUS}/ListSwaps", status_pb2.ListSwapsRequest(limit=1000), "")
        await self._read_audit()
        for name in answered_operations(self.record):
            request = operations_pb2.GetOperationRequest(name=name)
            await self._unary(self._clients[0], f"/{OPERATIONS}/GetOperation", request, "")

    async def _read_audit(self) -> None:
        """All of it, and all rows of swaps, as the journal of the last run has them at one moment."""
        journal, swaps = self.world.living.journal, None
        while swaps != (swaps := await journal.swaps(None, 10_000)):  # the camera is taken over again meanwhile
            entries, page = list[AuditEntry](), await journal.audit(0, 1000, None)
            first = page.entries[0].seq if page.entries else page.newest + 1
            anchor = Head(first - 1, page.anchor_sha256)
            while page.entries:
                entries += page.entries
                page = await journal.audit(entries[-1].seq, 1000, None)
            self.record.audit = Audited(anchor, entries, swaps)

    async def _settled(self) -> None:
        """Wait until nothing is under way; each state in which nothing is goes into the record."""
        for camera in self.program.setting.cameras:
            self.record.settled.append(await self._still(self._clients[0], camera))

    async def _still(self, client: Client, camera: str) -> Seen:
        """The camera's state once nothing is under way."""
        async with _Patience("swaps that were wanted are neither done nor given up"):
            while True:
                seen = await self._status(client, camera)
                if seen is not None and _is_still(seen.status):
                    return seen
                await asyncio.sleep(0.005)

    async def _watchers_agree(self) -> None:
        """Every stream of states that is open has told what GetStatus tells, once nothing changes any more."""
        live = [w for w in self.record.watches if w.kind == "status" and w.run == self.world.runs and not w.ended]
        async with _Patience("streams that are open do not tell the state that GetStatus tells"):
            for camera in self.program.setting.cameras:
                while True:
                    seen = await self._status(self._clients[0], camera)
                    mine = [w for w in live if w.camera == camera and not w.ended]
                    if seen and all(_last_revision(w) == seen.status.revision for w in mine):
                        break
                    await asyncio.sleep(0.002)

    async def _end_operations(self) -> None:
        """Cancel those that run; each has to end. One that is held on its way back ends with its patience."""
        client = self._clients[0]
        if self.program.seed % 3 == 0:
            await self._let_time_pass(client)
        self.world.heal()  # else the next swap hangs, and the one after it
        for operation in await self._operations(client):
            if not operation.done:
                request = operations_pb2.CancelOperationRequest(name=operation.name)
                await self._unary(client, f"/{OPERATIONS}/CancelOperation", request, "")
        looks = 0
        async with _Patience("operations that were cancelled go on"):
            while any(not operation.done for operation in await self._operations(client)):
                await asyncio.sleep(0.005)
                looks += 1
                if looks == LOOKS:
                    self._time_passes(RETURN_S)

    async def _let_time_pass(self, client: Client) -> None:
        """Beyond the deadlines of all that runs, and then for as long as that may take to end."""
        deadlines_ns = [ns for one in await self._operations(client) if (ns := deadline_ns_of(one)) is not None]
        if not deadlines_ns:
            return
        self._time_passes(max(deadlines_ns) / 1e9)
        until = len(self.record.beats) + ENDED_BEATS + 10
        while len(self.record.beats) < until and any(not one.done for one in await self._operations(client)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    # -- steps --------------------------------------------------------------------------------------------------------

    async def _step(self, client: Client, step: Step) -> None:
        camera = self.program.setting.cameras[step.camera]
        if step.do in METHODS:
            about = await self._about(client, step)
            request = self._clerk.request(step, client.name, about, client.etags.get(camera, ""))
            file, clock = self.world.file, self.world.clock
            if step.do is Do.RELOAD:
                file.write(clock.boottime_ns(), None if step.wrong else 400.0 - step.number / 1024)
            await self._send(client, METHODS[step.do], request, step)
            file.put_right(clock.boottime_ns())
        elif step.do is Do.STATUS:
            await self._status(client, camera)
        elif step.do is Do.REST:
            await self._still(client, camera)
        elif step.do is Do.SWAPS:
            await self._unary(client, f"/{STATUS}/ListSwaps", status_pb2.ListSwapsRequest(limit=1000), "")
        elif step.do is Do.ALARMS:
            await self._alarms(client)
        elif step.do is Do.OPERATIONS:
            await self._operations(client)
        elif step.do in (Do.WATCH_STATUS, Do.WATCH_RESULTS, Do.CAPTURE):
            await self._watch(client, camera, step)
        elif step.do is Do.STOP_WATCHING:
            self._stop_watching(client)
        elif step.do is Do.RECONNECT:
            await client.close()
        elif step.do in (Do.CANCEL, Do.WAIT):
            await self._follow(client, step)
        else:
            await self._again(client, step)

    async def _about(self, client: Client, step: Step) -> str:
        if step.do is Do.COMMIT:
            return client.prepared_id or "never-prepared"
        if step.do is Do.ACKNOWLEDGE:
            alarms = await self._alarms(client)
            chosen = [one for one in alarms if one.key == "lease_expired"] or list(alarms)
            return str(chosen[-1].id) if chosen else ""
        return ""

    async def _again(self, client: Client, step: Step) -> None:
        """An earlier request once more, perhaps on the connection of another client; or its id with another body."""
        if not client.sent:
            return
        method, request = client.sent[-1 - step.of % len(client.sent)]
        by = self._clients[(self._clients.index(client) + step.other) % len(self._clients)]
        if step.do is Do.REUSE:
            method, request = "SetBudget", self._clerk.reused(request, step)
        await self._send(by, method, request, step, remember=False)

    async def _send(self, by: Client, method: str, request: Message, step: Step, remember: bool = True) -> None:
        path = f"/{SERVICE}/{method}"
        if remember and request.request_id:  # type: ignore[attr-defined]
            by.sent.append((method, request))
        times = 2 if step.how is How.TWICE else 1
        calls = await asyncio.gather(
            *(self._unary(by, path, request, str(request.client), step) for _ in range(times))  # type: ignore[attr-defined]
        )
        for call in calls:
            if getattr(call.answer, "etag", ""):
                by.etags[request.camera] = call.answer.etag  # type: ignore[attr-defined,union-attr]
            if method == "PrepareBudget" and call.answer is not None:
                by.prepared_id = call.answer.prepared_id  # type: ignore[attr-defined]
            by.operations += [one.name for one in in_answer(call.answer)]

    async def _follow(self, client: Client, step: Step) -> None:
        names = [name for one in self._clients for name in one.operations]
        if not names:
            return
        name = names[-1 - step.of % len(names)]
        if step.do is Do.CANCEL:
            request: Message = operations_pb2.CancelOperationRequest(name=name)
            await self._unary(client, f"/{OPERATIONS}/CancelOperation", request, "")
        else:
            request = operations_pb2.WaitOperationRequest(name=name, timeout=Duration(nanos=20_000_000))
            await self._unary(client, f"/{OPERATIONS}/WaitOperation", request, "")

    # -- calls --------------------------------------------------------------------------------------------------------

    async def _unary(self, by: Client, path: str, request: Message, client: str, step: Step | None = None) -> Call:
        """One call with its record; never raises."""
        await self.world.up.wait()
        channel, power = await by.channel(self.world), self.world.living.power
        self._calls_in_phase += 1
        method = path.rpartition("/")[2]
        clock, record = self.world.clock, self.record
        call = Call(record.next_order(), self.world.runs, client or by.name, method, request, clock.boottime_ns(), step)
        call.began_beat = len(record.beats)
        record.calls.append(call)
        going: Any = channel.unary_unary(path, _serialize, None)(request, timeout=CALL_S)
        ended = asyncio.create_task(_ended(going), name="call")
        if step is not None and step.how in (How.GIVE_UP, How.CUT):
            await asyncio.sleep(step.moment_s)
            if step.how is How.CUT:
                await by.close()
            else:
                going.cancel()
        await asyncio.wait({ended})
        call.code, call.text, call.body = ended.result()
        if power.is_cut:  # what comes now was never sent: the process ended with its power
            call.code, call.text, call.body = "UNAVAILABLE", "the power was cut", None
        call.ended_ns, call.ended_order = clock.boottime_ns(), record.next_order()
        call.ended_now_ns, call.ended_beat = clock.now_ns(), len(record.beats)
        if call.body is not None and method in ANSWERS:
            call.answer = ANSWERS[method].FromString(call.body)
        call.operations = operations_in(call)
        return call

    async def _status(self, client: Client, camera: str) -> Seen | None:
        request = status_pb2.GetStatusRequest(camera=camera)
        call = await self._unary(client, f"/{STATUS}/GetStatus", request, "")
        if call.body is None:
            return None
        (status,) = status_pb2.GetStatusResponse.FromString(call.body).cameras
        client.etags[camera] = status.etag
        seen = Seen(call.order, call.run, call.began_ns, call.ended_ns, status)
        self.record.seen.append(seen)
        return seen

    async def _alarms(self, client: Client) -> Any:
        request = status_pb2.ListAlarmsRequest()
        call = await self._unary(client, f"/{STATUS}/ListAlarms", request, "")
        return () if call.body is None else status_pb2.ListAlarmsResponse.FromString(call.body).alarms

    async def _operations(self, client: Client) -> Any:
        request = operations_pb2.ListOperationsRequest()
        return (await self._unary(client, f"/{OPERATIONS}/ListOperations", request, "")).operations

    # -- streams ------------------------------------------------------------------------------------------------------

    async def _watch(self, client: Client, camera: str, step: Step) -> None:
        await self.world.up.wait()
        channel = await client.channel(self.world)
        kind = _KINDS[step.do]
        number = len(self.record.watches) + 1
        order, now_ns = self.record.next_order(), self.world.clock.boottime_ns()
        watch = Watch(number, order, self.world.runs, client.name, camera, kind, now_ns)
        self.record.watches.append(watch)
        request: Message
        if kind == "capture":
            request = self._clerk.capture(step, client.name, camera)
            images = capture_pb2.CaptureImagesResponse
            stream: Any = channel.unary_stream(f"/{SERVICE}/CaptureImages", _serialize, images.FromString)(request)
        elif kind == "status":
            request, answer = status_pb2.WatchStatusRequest(camera=camera), status_pb2.WatchStatusResponse
            stream = channel.unary_stream(f"/{STATUS}/WatchStatus", _serialize, answer.FromString)(request)
        else:
            request = status_pb2.WatchResultsRequest(camera=camera, buffer=4 if step.other else 100)
            results = status_pb2.WatchResultsResponse
            stream = channel.unary_stream(f"/{STATUS}/WatchResults", _serialize, results.FromString)(request)
        reading = asyncio.create_task(self._read(client, watch, stream), name=f"watch-{number}")

        def ended(_: asyncio.Task[None]) -> None:
            stream.cancel()
            watch.ended = watch.ended or "CANCELLED"  # perhaps before it began to read

        reading.add_done_callback(ended)
        client.streams.add(reading)

    async def _read(self, client: Client, watch: Watch, stream: Any) -> None:
        try:
            async for message in stream:
                watch.messages.append(message)
                if watch.kind == "capture" and message.operation_name:
                    client.operations.append(message.operation_name)
                if watch.kind == "status" and not message.heartbeat:
                    order, now_ns = self.record.next_order(), self.world.clock.boottime_ns()
                    self.record.seen.append(
                        Seen(order, watch.run, watch.began_ns, now_ns, message.status, watch.number)
                    )
            watch.ended = "END"
        except grpc.aio.AioRpcError as error:
            watch.ended = error.code().name

    def _stop_watching(self, client: Client) -> None:
        if client.streams:
            client.streams.pop().cancel()


class _Patience:
    """A bound on waiting for what must come."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._timeout: asyncio.TimerHandle | None = None
        self._late = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None

        def late() -> None:
            self._late = True
            task.cancel()

        self._timeout = asyncio.get_running_loop().call_later(PATIENCE_S, late)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        assert self._timeout is not None
        self._timeout.cancel()
        if self._late:
            raise Broken(f"{self._what}: for {PATIENCE_S:g} s by now")


def _is_still(status: types_pb2.CameraStatus) -> bool:
    """Nothing is under way, and nothing is wanted that may be done."""
    stands = status.state in (
        types_pb2.CAMERA_STATE_ACTIVE,
        types_pb2.CAMERA_STATE_IDLE,
        types_pb2.CAMERA_STATE_FAULTED,
    )
    wanted = status.decision.action == types_pb2.DECISION_ACTION_SWAP
    faulted = status.state == types_pb2.CAMERA_STATE_FAULTED  # it waits for an acknowledgement
    lifted = status.decision.reason == "swap_inhibited" and not status.orders.inhibitions  # just now
    return stands and not status.HasField("swap") and not lifted and (faulted or not wanted)


def _last_revision(watch: Watch) -> int:
    return max((message.revision for message in watch.messages), default=0)  # type: ignore[attr-defined]


async def _ended(call: Any) -> tuple[str, str, bytes | None]:
    """How it ended: code, words, answer."""
    try:
        return "OK", "", await call
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or "", None
    except asyncio.CancelledError:
        return "CANCELLED", "", None


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()

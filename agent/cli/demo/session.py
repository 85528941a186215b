"""One run of the demo: starts the processes, acts as the line, watches, and asks for the truth at the end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.demo.children import Child, ChildFailed, Children
from agent.cli.demo.observer import Observer, end
from agent.cli.demo.phases import GATE_PITCHES, TIME_SCALE, Program, program
from agent.cli.demo.places import CAMERA, Places, prepare
from agent.cli.demo.plant import Plant
from agent.cli.demo.score import Phase, PhaseScore, Received, Truth, score
from agent.cli.demo.screen import Screen
from agent.cli.demo.shipped import shipped
from agent.cli.demo.summary import Outcome, SwapLine, judge
from agent.cli.demo.supply import LINE_SEED, digests
from agent.cli.wire import seconds, word
from agent.errors import DaemonUnreachable

if TYPE_CHECKING:
    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1.types_pb2 import CameraStatus, Swap

GATEWAY = shipped("clients/python/gateway.py")
START_TIMEOUT_S = 60.0
SETTLE_S = 1.0  # the last results are still on their way when the gateway ends
_UNKNOWN = Truth({}, {})


def run_session(folder: Path, library: Path, seconds_wanted: float, screen: Screen) -> Outcome:
    """Blocks for about `seconds_wanted` and the start-up. Raises AgentError where something could not be started."""
    places = prepare(folder, library)
    try:
        return asyncio.run(_until_signalled(Session(places, program(seconds_wanted), screen)))
    except asyncio.CancelledError:
        raise click.Abort from None
    finally:
        screen.close()
        places.remove_scratch()


async def _until_signalled(session: Session) -> Outcome:
    """Ctrl-C and SIGTERM cancel the run, so that every process it started is ended."""
    task = asyncio.ensure_future(session.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task


class Session:
    """Owner of the run's phases and of what was told about them."""

    def __init__(self, places: Places, orders: Program, screen: Screen) -> None:
        self._places = places
        self._orders = orders
        self._screen = screen
        self._phases: list[Phase] = []
        self._told: set[str] = set()
        self._now = ""

    async def run(self) -> Outcome:
        """Start everything, let the gateway work, judge."""
        from agent.client import AgentClient

        async with Children(self._places.state) as children:
            await self._start_camera(children)
            async with AgentClient(f"unix:{self._places.api_socket}", name="demo-observer") as client:
                await self._start_daemon(children, client)
                async with Plant(self._places.camera_socket) as plant:
                    async with self._observer(client) as observer:
                        await self._let_work(children, client, plant, observer)
                        await asyncio.sleep(SETTLE_S)
                        observer.check()
                    # Only now: a result that came later would miss from the truth.
                    truth = await plant.truth(min((r.captured_ns for r in observer.results), default=0))
                    swaps = await self._swaps(client)
        self._screen.close()
        _keep(observer.results, self._places.state / "results.jsonl")
        found = score(observer.results, truth, digests(self._places.library), self._phases)
        return judge(found, swaps, observer.dropped, self._orders.least_swaps)

    async def _start_camera(self, children: Children) -> None:
        command = [
            *(sys.executable, "-m", "agent", "sim", "serve", "--socket", str(self._places.camera_socket)),
            *("--time-scale", f"{TIME_SCALE:g}", "--parts-per-minute", f"{self._orders.speeds[0]:g}"),
            *("--seed", str(LINE_SEED)),
        ]
        camera = await children.start("camera", command)
        await _until(self._places.plant_socket.is_socket, camera, "the simulated camera")
        self._screen.tell(f"simulated camera: process {camera.process.pid}")

    async def _start_daemon(self, children: Children, client: AgentClient) -> None:
        command = [sys.executable, "-m", "agent", "run", "--config", str(self._places.config)]
        daemon = await children.start("daemon", command)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            daemon.check()
            status = await _status(client)
            if status is not None and word(status, "state") == "ACTIVE":
                break
            if time.monotonic() > deadline:
                raise ChildFailed(f"the daemon was not ready in {START_TIMEOUT_S:g} s: {_why(status)}")
            await asyncio.sleep(0.1)
        self._screen.tell(f"daemon: process {daemon.process.pid}, ready with {status.active_subnet_id}")

    def _observer(self, client: AgentClient) -> Observer:
        return Observer(client, CAMERA, self._on_status)

    def _on_status(self, status: CameraStatus) -> None:
        from agent.cli.describe import change_line

        self._now = change_line(status)

    async def _let_work(self, children: Children, client: AgentClient, plant: Plant, observer: Observer) -> None:
        """Run the gateway to its end; this process is the line that it commands."""
        gateway = await children.start("gateway", self._gateway_command(), read_stdout=True)
        showing = asyncio.create_task(self._keep_showing(client, observer), name="demo-show")
        try:
            async for line in gateway.lines():
                await self._on_gateway(json.loads(line), plant)
                observer.check()
        finally:
            await end(showing)

    def _gateway_command(self) -> Sequence[str]:
        return [
            *(sys.executable, str(GATEWAY), "--target", f"unix:{self._places.api_socket}", "--camera", CAMERA),
            *("--speeds", ",".join(f"{speed:g}" for speed in self._orders.speeds)),
            *("--seconds", f"{self._orders.phase_s:g}", "--gate-pitches", f"{GATE_PITCHES:g}"),
        ]

    async def _on_gateway(self, event: dict[str, Any], plant: Plant) -> None:
        match event["event"]:
            case "line":
                await plant.set_line(event["parts_per_minute"])
                self._screen.tell(f"line: {event['parts_per_minute']:g} parts/min")
            case "budget":
                self._phases.append(_phase(event))
                self._screen.tell(
                    f"budget: {event['parts_per_minute']:g} parts/min, {event['max_latency_ms']:.0f} ms to the gate"
                    f" -> {event['subnet']}{'' if event['feasible'] else ' (infeasible)'}"
                )
            case "end":
                self._phases[-1] = replace(
                    self._phases[-1],
                    feasible=event["feasible"],
                    subnet_id=event["subnet"] or self._phases[-1].subnet_id,
                )
            case _:
                self._screen.tell(f"gateway: {json.dumps(event)}")

    async def _keep_showing(self, client: AgentClient, observer: Observer) -> None:
        while True:
            for swap in await self._swaps(client):
                self._tell_swap(swap)
            self._screen.show(self._provisional(observer), self._now)
            await asyncio.sleep(0.5)

    def _provisional(self, observer: Observer) -> tuple[PhaseScore, ...]:
        """The phases so far; accuracy is known only at the end."""
        scored = score(observer.results, _UNKNOWN, {}, self._phases).phases
        return tuple(replace(one, accuracy=None) for one in scored)

    def _tell_swap(self, swap: SwapLine) -> None:
        complete = swap.gap_s is not None or swap.from_subnet is None
        if swap.outcome == "running" or not complete or swap.id in self._told:
            return
        self._told.add(swap.id)
        self._screen.tell(swap.text())

    async def _swaps(self, client: AgentClient) -> tuple[SwapLine, ...]:
        """Oldest first."""
        answer = await client.list_swaps(CAMERA, limit=1000)
        return tuple(_swap_line(swap) for swap in reversed(answer.swaps))


def _keep(results: Sequence[Received], path: Path) -> None:
    """Every result as it was judged, for whoever wants to look closer."""
    path.write_text("".join(json.dumps(asdict(result)) + "\n" for result in results))


def _phase(event: dict[str, Any]) -> Phase:
    return Phase(
        index=event["phase"],
        parts_per_minute=event["parts_per_minute"],
        budget_ms=event["max_latency_ms"],
        budget_id=event["budget_id"],
        feasible=event["feasible"],
        subnet_id=event["subnet"],
    )


def _swap_line(swap: Swap) -> SwapLine:
    return SwapLine(
        id=swap.id,
        from_subnet=swap.from_subnet_id if swap.HasField("from_subnet_id") else None,
        to_subnet=swap.to_subnet_id,
        reason=swap.reason,
        budget_id=swap.budget_id,
        gap_s=seconds(swap.gap) if swap.HasField("gap") else None,
        outcome=word(swap, "outcome").lower(),
    )


async def _status(client: AgentClient) -> CameraStatus | None:
    try:
        answer = await client.get_status(CAMERA)
    except DaemonUnreachable:
        return None
    return answer.cameras[0]


def _why(status: CameraStatus | None) -> str:
    return "no answer" if status is None else f"{word(status, 'state')} {status.detail}"


async def _until(ready: Callable[[], bool], child: Child, what: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready():
        child.check()
        if time.monotonic() > deadline:
            raise ChildFailed(f"{what} was not ready in {START_TIMEOUT_S:g} s")
        await asyncio.sleep(0.05)

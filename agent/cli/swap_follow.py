"""`--wait`: the swap that a command starts, followed to its end with its progress."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.cli.exits import CallFailed
from agent.cli.output import number, percent
from agent.cli.progress import ProgressLine, TimeLeft
from agent.errors import NotPermitted

if TYPE_CHECKING:
    from google.longrunning.operations_pb2 import Operation

    from agent.client import AgentClient
    from agent.pb.ofa_agent.v1 import orders_pb2
    from agent.pb.ofa_agent.v1 import types_pb2 as pb

F = TypeVar("F", bound=Callable[..., Any])

SWAP_S = 180.0  # the default deadline of a swap, as long again for the way back, and a minute for its turn
# Decision.reason of a swap that somebody holds.
_HELD = frozenset({"mode", "swap_inhibited", "swap_window", "swap_cancelled"})
_SOON = "min_dwell"  # ... and of one that comes by itself in a moment


def waiting(command: F) -> F:
    """Adds --wait and --timeout."""
    wait = click.option("--wait", is_flag=True, help="Follow the swap to its end: 0 verified, 4 held, 6 timed out.")
    return wait(waiting_s(command))


def waiting_s(command: F) -> F:
    """Adds --timeout."""
    most = click.FloatRange(1.0, 86_400.0)
    words = "How long to wait; what is waited for goes on."
    return click.option(
        "--timeout", "timeout_s", type=most, default=SWAP_S, show_default=True, metavar="S", help=words
    )(command)


@dataclass(frozen=True, slots=True)
class Begun:
    """What a command decided for one camera, and the operation of the swap that it started."""

    camera: str
    decision: pb.Decision
    operation: Operation | None


async def follow(client: AgentClient, begun: Sequence[Begun], timeout_s: float, quiet: bool) -> list[pb.Swap]:
    """Wait for all of them; the swaps that there were.

    Raises NotPermitted where a swap is wanted and somebody holds it, what a swap ended with, and TimeoutError.
    """
    held = [one for one in begun if one.operation is None and one.decision.reason in _HELD]
    if held:
        why = ", ".join(f"{one.camera}: {one.decision.reason}" if one.camera else one.decision.reason for one in held)
        raise NotPermitted(f"it is stored and its swap is held ({why}); `ofa-agent status` shows by whom")
    alone = len(begun) == 1
    swaps = await asyncio.gather(*(_one(client, one, timeout_s, Progress(quiet, alone)) for one in begun))
    return [swap for swap in swaps if swap is not None]


async def followed(client: AgentClient, name: str, timeout_s: float, told: Progress) -> pb.Swap:
    """The operation of a swap to its end."""
    from agent.client import RpcFailed

    try:
        return await client.wait_swap(name, timeout_s, told)
    except RpcFailed as error:
        raise CallFailed(f"{told.camera}: the swap ended with {error.message}", error.code, error.reason) from error
    finally:
        told.end()


async def _one(client: AgentClient, begun: Begun, timeout_s: float, told: Progress) -> pb.Swap | None:
    name = "" if begun.operation is None else begun.operation.name
    if not name and _is_to_come(begun.decision):
        name = await _coming(client, begun, timeout_s)
    return await followed(client, name, timeout_s, told) if name else None


def _is_to_come(decision: pb.Decision) -> bool:
    """Whether a swap is wanted that has no operation yet: it waits for the dwell, or for another one to end."""
    from agent.pb.ofa_agent.v1 import types_pb2

    return decision.reason == _SOON or decision.action == types_pb2.DECISION_ACTION_SWAP


async def _coming(client: AgentClient, begun: Begun, timeout_s: float) -> str:
    """The operation of a swap that is to come; empty where it is not wanted any more."""
    target = begun.decision.target_subnet_id

    async def begins() -> str:
        async with client.watch_status(begun.camera) as messages:
            async for message in messages:
                status = message.status
                if status.HasField("swap") and status.swap.to_subnet_id == target:
                    return f"operations/{status.swap.id}"
                wanted = _is_to_come(status.decision) and status.decision.target_subnet_id == target
                if not status.HasField("swap") and not wanted:
                    return ""
        return ""

    try:
        return await asyncio.wait_for(begins(), timeout_s)
    except asyncio.TimeoutError as exc:
        raise TimeoutError(f"the swap has not begun within {timeout_s:g} s; see `ofa-agent status`") from exc


class Progress:
    """Tells on stderr how far an operation is: a line for each stage; alone on a terminal, one that changes.

    `words` are those of an operation that is no swap, `share` how much of it is done, 0 to 1.
    """

    def __init__(
        self,
        quiet: bool,
        alone: bool = True,
        words: Callable[[Operation], str] = lambda _: "",
        share: Callable[[Operation], float | None] = lambda _: None,
    ) -> None:
        self._share = share
        self._quiet, self._live, self._words = quiet, alone and sys.stderr.isatty(), words
        self._line, self._left, self._stage = ProgressLine(self._live), TimeLeft(), ""
        self.camera = ""

    def __call__(self, operation: Operation) -> None:
        from agent.pb.ofa_agent.v1.orders_pb2 import SwapMetadata

        found, share = SwapMetadata(), self._share(operation)
        if operation.metadata.Unpack(found):
            self.camera, words, share = found.camera, progress_words(found), found.progress
        else:
            words = self._words(operation)
        if not words or self._quiet or operation.done:
            return
        if self._live:
            self._line.draw(words, share, None if share is None else self._left(share))
        elif (stage := words.partition(",")[0]) != self._stage:
            self._stage = stage
            click.echo(words, err=True)

    def end(self) -> None:
        """Leave the line that changes."""
        self._line.end()


def progress_words(swap: orders_pb2.SwapMetadata) -> str:
    """`station-1: UPLOADING, 43 %, gap 1.2 s of about 2.4 s`."""
    return f"{swap.camera}: {stage_words(swap)}"


def stage_words(swap: orders_pb2.SwapMetadata) -> str:
    """`UPLOADING, 43 %, gap 1.2 s of about 2.4 s`."""
    from agent.cli.wire import seconds, word

    stage = word(swap, "stage")
    parts = ["begins" if stage == "UNSPECIFIED" else stage, percent(swap.progress)]
    gap_s, expected_s = seconds(swap.gap_so_far), seconds(swap.expected_gap)
    if gap_s > 0:
        parts.append(f"gap {gap_s:.1f} s of about {expected_s:.1f} s")
    elif expected_s > 0:
        parts.append(f"gap about {expected_s:.1f} s to come")
    if swap.cancelling:
        parts.append("cancelling")
    return ", ".join(parts)


def swap_ended_words(swap: pb.Swap) -> str:
    """`swap 4d9f01ab to net-2: verified in 2.5 s, gap 2.31 s`; the gap is known from the first result on."""
    from agent.cli.wire import seconds, word

    took = f" in {number(seconds(swap.duration), 1, ' s')}" if swap.HasField("duration") else ""
    gap = f", gap {number(seconds(swap.gap), 2, ' s')}" if swap.HasField("gap") else ""
    return f"swap {swap.id[:8]} to {swap.to_subnet_id}: {word(swap, 'outcome').lower()}{took}{gap}"

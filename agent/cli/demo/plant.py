"""The plant channel of the simulated camera: its line's speed, and what really happened. Never seen by the agent."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from agent.cli.demo.score import Truth

if TYPE_CHECKING:
    from agent.sim.plant import PlantClient


class Plant:
    """Use as `async with Plant(camera socket)`. Owner of one blocking connection."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._client: PlantClient | None = None

    async def __aenter__(self) -> Plant:
        from agent.sim.plant import PlantClient
        from agent.sim.server import plant_path

        self._client = await asyncio.to_thread(PlantClient, plant_path(self._socket))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    async def set_line(self, parts_per_minute: float) -> None:
        """From now on parts come at this rate."""
        assert self._client is not None
        await asyncio.to_thread(self._client.set_line, parts_per_minute)

    async def truth(self, since_ns: int) -> Truth:
        """What happened from `since_ns` (camera time) on."""
        assert self._client is not None
        try:
            return to_truth(await asyncio.to_thread(self._client.truth, since_ns))
        except TimeoutError as exc:
            raise TimeoutError(f"{self._socket}: the simulated camera did not tell the truth in time") from exc


def to_truth(report: Mapping[str, Any]) -> Truth:
    """The device's report by exposure time."""
    executed: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for row in report["inferences"]:
        executed[row["timestamp_ns"]].add((row["sha256"], row["class_id"]))
    return Truth(
        true_class={row["timestamp_ns"]: row["true_class"] for row in report["exposures"] if row["part"] >= 0},
        executed={at: frozenset(found) for at, found in executed.items()},
        lost_ns=[row["at_ns"] for row in report["lost"]],
    )

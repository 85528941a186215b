"""What a swap to each sub-net of a library costs on a camera of the simulation, measured as the agent does it."""

from __future__ import annotations

from dataclasses import replace

from agent.app import camera_settings, sdk_for
from agent.camera.session import SystemOwner
from agent.camera.worker import WorkerCamera
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.library import open_library
from agent.supervisor.source import LibrarySource
from agent.swap.transaction import Installed, SwapTransaction
from tests.support.memory_journal import MemoryJournal

DEADLINE_S = 60.0
PARTS_PER_MINUTE = 600.0


def measured_swap_s(config: AgentConfig) -> list[float]:
    """Seconds from the decision until the network is active, in the library's order, on a line that runs."""
    clock = VirtualClock()
    (camera,) = config.cameras
    assert camera.simulation is not None
    running: dict[str, cfg.Plain] = {**camera.simulation.spec, "scene": {"parts_per_minute": PARTS_PER_MINUTE}}
    simulation = replace(camera.simulation, spec=running)
    return run_virtual(clock, _measure(replace(config, cameras=(replace(camera, simulation=simulation),)), clock))


async def _measure(config: AgentConfig, clock: VirtualClock) -> list[float]:
    (chosen,), library = config.cameras, config.library
    assert library is not None
    source = LibrarySource(open_library(library.path, chosen.accepted_formats), clock)
    names = [subnet.id for subnet in source.catalogue.subnets]
    with sdk_for(chosen, clock) as (sdk, serial):
        camera = WorkerCamera(camera_settings(chosen, serial), SystemOwner(sdk, clock), clock)
        try:
            await camera.connect(DEADLINE_S)
            installed: Installed | None = None
            took_s: dict[str, float] = {}
            for name in [names[-1], *names]:  # the first finds an empty slot, as no later one does
                transaction = SwapTransaction(
                    camera, MemoryJournal(), source, clock, lambda _: None, lambda *_: None, lambda *_: None
                )
                record = SwapRecord(name, chosen.name, None, name, "profile", "", clock.wall_ns())
                end = await transaction.swap(record, installed, DEADLINE_S)
                assert end.record.outcome is SwapOutcome.VERIFIED, end.error
                assert end.record.duration_s is not None
                installed, took_s[name] = end.installed, end.record.duration_s
        finally:
            await camera.close()
    return [took_s[name] for name in names]

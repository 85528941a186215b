"""`camera persist`: one sub-net of the library into the camera's flash, proven like a swap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.camera import CameraSettings, WorkerCamera
    from agent.clock import Clock
    from agent.config import AgentConfig
    from agent.config.schema import Camera
    from agent.staging import Staging
    from agent.swap.transaction import Payload

DEADLINE_S = 600.0  # flash is slow, how slow is not published (facts/firefly-dl.md section 7 item 6)
SHORT_S = 30.0


def chosen_camera(config: AgentConfig, name: str | None) -> Camera:
    """The camera of that name, or the only one; raises BadInput."""
    if name is None and len(config.cameras) == 1:
        return config.cameras[0]
    names = ", ".join(one.name for one in config.cameras)
    if name is None:
        raise BadInput("--camera", f"is needed: the config has {names}")
    for one in config.cameras:
        if one.name == name:
            return one
    raise BadInput("--camera", f"{name!r} is not in the config; it has {names}")


@asynccontextmanager
async def library_of(config: AgentConfig, clock: Clock) -> AsyncIterator[Staging]:
    """The library as the daemon would open it: signed, no older than what was in use, and in its journal.

    Raises LibraryError, JournalError, and Refused where the daemon runs.
    """
    from agent.app import JOURNAL_NAME, state_lock, supervisor_settings
    from agent.staging import Staging
    from agent.telemetry.ids import RandomIds
    from agent.telemetry.journal import SqliteJournal

    with state_lock(config.state_dir):
        days, place = config.telemetry.journal_days, config.state_dir / JOURNAL_NAME
        journal = SqliteJournal(place, clock, RandomIds(), journal_days=days)
        await journal.open()
        try:
            staging = Staging(clock, journal, supervisor_settings)
            await staging.open(config)
            yield staging
        finally:
            await journal.close()


def hasty(settings: CameraSettings) -> CameraSettings:
    """A person waits: a camera that somebody else owns is said to be so at once."""
    return replace(settings, timing=replace(settings.timing, init_attempts=2, init_backoff_s=0.2))


def persist_subnet(subnet_id: str, path: Path, name: str | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Upload with FileWriteToFlash, load, verify; what was done as plain data. Raises an AgentError."""
    from agent.app import camera_settings, sdk_for
    from agent.camera import SystemOwner, WorkerCamera
    from agent.clock import SystemClock
    from agent.config import load_config

    config = load_config(path)
    camera = chosen_camera(config, name)
    clock = SystemClock()
    if config.library is None:
        raise BadInput(str(path), "names no library to take a sub-net from")

    async def story() -> dict[str, Any]:
        async with library_of(config, clock) as staging:
            source = staging.told[camera.name].source
            assert source is not None, "the config names a library"
            payload = await source.load(subnet_id)
        with sdk_for(camera, clock) as (sdk, serial):
            settings = replace(hasty(camera_settings(camera, serial)), network_storage="flash")
            worker = WorkerCamera(settings, SystemOwner(sdk, clock), clock)
            try:
                return await _install(worker, payload, clock, say)
            finally:
                await worker.close()

    return asyncio.run(story())


async def _install(camera: WorkerCamera, payload: Payload, clock: Clock, say: Callable[[str], None]) -> dict[str, Any]:
    from agent.swap.transaction import check_goldens, check_report

    info = await camera.connect(SHORT_S)
    say(f"writing {payload.setup.subnet_id} ({len(payload.blob)} bytes) to the flash of camera {info.serial}")
    await camera.disable_inference(SHORT_S)
    await camera.delete_network(SHORT_S)
    started_ns = clock.now_ns()
    await camera.upload_network(payload.blob, DEADLINE_S, _percent(say))
    upload_s = (clock.now_ns() - started_ns) / 1e9
    await camera.activate_network(payload.setup, DEADLINE_S)
    report = await camera.read_network(SHORT_S)
    check_report(report, payload.setup)
    outcomes = await camera.self_test(payload.goldens, DEADLINE_S)
    check_goldens(outcomes, payload.goldens)
    await camera.mark_verified(payload.setup.subnet_id, SHORT_S)
    proven = f"{len(outcomes)} golden image(s)" if outcomes else "its read-only properties only"
    return {
        "subnet": payload.setup.subnet_id,
        "sha256": payload.sha256,
        "serial": info.serial,
        "size_bytes": len(payload.blob),
        "upload_s": upload_s,
        "golden_images": len(outcomes),
        "verified_by": proven,
    }


def _percent(say: Callable[[str], None]) -> Callable[[int, int], None]:
    """A line every quarter."""
    quarters = 0

    def progress(done: int, total: int) -> None:
        nonlocal quarters
        if total and done * 4 // total > quarters:
            quarters = done * 4 // total
            say(f"{25 * quarters} % written")

    return progress

"""`camera reference`: what this camera answers for the golden images of its library, written down for its swaps."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from agent.cli.camera_persist import DEADLINE_S, SHORT_S, chosen_camera, hasty, library_of
from agent.errors import BadInput, CameraError, CameraRefused

if TYPE_CHECKING:
    from pathlib import Path

    from agent.camera import WorkerCamera
    from agent.clock import Clock
    from agent.config.schema import Camera
    from agent.domain.reference import Reference
    from agent.domain.trust import TrustBook
    from agent.supervisor.source import SubnetSource
    from agent.swap.transaction import Payload


def record_references(
    subnet_ids: Sequence[str], path: Path, name: str | None, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Install each of these sub-nets, all where none is named, and record its answers. Raises an AgentError.

    The daemon must not run: its camera and its journal are used.
    """
    from agent.clock import SystemClock
    from agent.config import load_config

    config, clock = load_config(path), SystemClock()
    camera = chosen_camera(config, name)
    if config.library is None:
        raise BadInput(str(path), "names no library to take sub-nets from")

    async def story() -> list[dict[str, Any]]:
        async with library_of(config, clock) as staging:
            source = staging.told[camera.name].source
            assert source is not None, "the config names a library"
            wanted = list(subnet_ids) or [subnet.id for subnet in source.catalogue.subnets]
            return await _record(camera, source, wanted, staging.book, clock, say)

    return asyncio.run(story())


async def _record(
    camera: Camera,
    source: SubnetSource,
    wanted: Sequence[str],
    book: TrustBook,
    clock: Clock,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    from agent.app import camera_settings, sdk_for
    from agent.camera import SystemOwner, WorkerCamera

    told = []
    with sdk_for(camera, clock) as (sdk, serial):
        worker = WorkerCamera(hasty(camera_settings(camera, serial)), SystemOwner(sdk, clock), clock)
        try:
            info = await worker.connect(SHORT_S)
            if not info.supports_injection:
                raise CameraRefused(f"camera {info.serial}: firmware {info.firmware} cannot inject golden images")
            for subnet_id in wanted:
                payload = await source.load(subnet_id)
                reference = await _answers(worker, source, payload, info.serial, info.firmware)
                told.append(await _put(book, subnet_id, reference))
                say(f"{subnet_id}: {len(reference.answers)} golden image(s), record {reference.sha256}")
        finally:
            with suppress(CameraError):
                await worker.disable_inference(SHORT_S)
            await worker.close()
    return told


async def _answers(
    camera: WorkerCamera, source: SubnetSource, payload: Payload, serial: str, firmware: str
) -> Reference:
    """What the camera answers; VerificationFailed where that is not what the library says: the tolerance holds."""
    from agent.domain.reference import Answer, Reference
    from agent.swap.transaction import check_goldens, check_report

    await camera.disable_inference(SHORT_S)
    await camera.delete_network(SHORT_S)
    await camera.upload_network(payload.blob, DEADLINE_S, lambda _done, _total: None)
    await camera.activate_network(payload.setup, DEADLINE_S)
    check_report(await camera.read_network(SHORT_S), payload.setup)
    outcomes = await camera.self_test(payload.goldens, DEADLINE_S)
    check_goldens(outcomes, payload.goldens)
    subnet = source.catalogue.get(payload.setup.subnet_id)
    assert subnet is not None, "it was loaded from there"
    answers = tuple(
        Answer(PurePosixPath(golden.image).stem, outcome.class_id, float(outcome.confidence))
        for golden, outcome in zip(subnet.goldens, outcomes, strict=True)
    )
    return Reference(serial, firmware, payload.sha256, answers)


async def _put(book: TrustBook, subnet_id: str, reference: Reference) -> dict[str, Any]:
    from agent.domain.reference import Reference

    before = await book.trust(reference.key)
    known = Reference.parse(before) if before is not None else None
    await book.put_trust(reference.key, str(reference), reference.entry(known, getpass.getuser()))
    return {
        "subnet": subnet_id,
        "serial": reference.serial,
        "firmware": reference.firmware,
        "network_sha256": reference.network_sha256,
        "record_sha256": reference.sha256,
        "answers": [[answer.class_id, answer.confidence] for answer in reference.answers],
    }

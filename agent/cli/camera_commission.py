"""`camera commission`: the checks of `agent.camera.commission` on one camera, with its profile and a report."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.camera import compare, print_differences, write_json
from agent.cli.camera_access import bus_of
from agent.cli.camera_persist import SHORT_S, chosen_camera, hasty, library_of
from agent.cli.exits import FAILED
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.camera import CameraSettings, SystemOwner, WorkerCamera
    from agent.camera.commission import Outcome, Risk, TrialNetwork
    from agent.camera.survey import CameraProfile
    from agent.clock import Clock
    from agent.config import AgentConfig

FORMAT = "ofa-agent.commission/1"
PROFILE_NAME, REPORT_NAME, REFERENCE_NAME = "profile.json", "commission.json", "reference.json"
_SHOWN_DIFFERENCES = 12


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for on the command line."""

    sdk: str
    socket: Path | None
    spec: str | None
    config: Path | None
    name: str | None
    serial: str
    out: Path
    yes: bool
    try_network: Path | None


@dataclass(frozen=True, slots=True)
class _Site:
    """One camera to commission."""

    settings: CameraSettings
    owner: SystemOwner
    clock: Clock
    network: TrialNetwork | None


def run_commission(order: Order, quiet: bool) -> dict[str, Any]:
    """Run every check, write the folder, print as it goes; the report. Raises an AgentError before the first check."""
    other = None if order.try_network is None else _read(order.try_network)
    _make_folder(order.out)
    with _site(order) as site:
        profile, outcomes, hangs = asyncio.run(_story(order, site, other, quiet))
    reference, why = reference_profile(profile.identity["firmware"])
    report = {
        "format": FORMAT,
        "made_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "agent_version": metadata.version("ofa-agent"),
        "identity": profile.identity,
        "checks": [outcome.to_plain() for outcome in outcomes],
        "reference": None if reference is None else reference.identity,
        "reference_note": why,
    }
    write_json(order.out / REPORT_NAME, report)
    if reference is not None:
        write_json(order.out / REFERENCE_NAME, reference.to_plain())
    if not quiet:
        _summary(order.out, outcomes, profile, reference, why)
    if hangs:
        # A call of the SDK never came back: its thread would keep the interpreter from ending.
        sys.stdout.flush()
        os._exit(FAILED)
    return report


async def _story(
    order: Order, site: _Site, other: bytes | None, quiet: bool
) -> tuple[CameraProfile, list[Outcome], bool]:
    from agent.camera import WorkerCamera
    from agent.camera.commission import CHECKS, Commission
    from agent.camera.guard import Guard
    from agent.camera.survey import dump_profile

    serial = site.settings.serial
    # Before anything is configured: the simulated camera's reference is read in the same state.
    profile = dump_profile(site.owner, site.clock, Guard(site.clock, f"dump camera {serial}", SHORT_S), serial)
    write_json(order.out / PROFILE_NAME, profile.to_plain())
    camera = WorkerCamera(site.settings, site.owner, site.clock)
    try:
        info = await camera.connect(SHORT_S)
        for warning in info.warnings:
            click.echo(f"warning: {warning}", err=True)
        numbers = iter(range(1, len(CHECKS) + 1))
        commission = Commission(camera, site.clock, site.network, other, lambda risk: order.yes or _agreed(risk))
        outcomes = await commission.run(lambda outcome: None if quiet else _print(next(numbers), len(CHECKS), outcome))
    finally:
        await _leave(camera)
    return profile, outcomes, camera.thread_lives


async def _leave(camera: WorkerCamera) -> None:
    """Inference off and closed; a camera that hangs must not keep the report from being written."""
    from contextlib import suppress

    from agent.errors import CameraError

    with suppress(CameraError):
        await camera.disable_inference(SHORT_S)
    await camera.close()


@contextmanager
def _site(order: Order) -> Iterator[_Site]:
    from agent.camera import CameraSettings, SystemOwner

    if order.config is None:
        with bus_of(order.sdk, order.socket, order.spec) as (owner, clock):
            settings = CameraSettings(order.serial or "camera", order.serial)
            yield _Site(hasty(settings), owner, clock, None)
        return
    if order.serial or order.socket is not None or order.spec is not None:
        raise BadInput("--config", "says which camera; leave out --serial, --socket and --spec")
    from agent.app import camera_settings, sdk_for
    from agent.clock import SystemClock
    from agent.config import load_config

    config, clock = load_config(order.config), SystemClock()
    chosen = chosen_camera(config, order.name)
    network = None if config.library is None else asyncio.run(_fastest(config, chosen.name, clock))
    with sdk_for(chosen, clock) as (sdk, serial):
        yield _Site(hasty(camera_settings(chosen, serial)), SystemOwner(sdk, clock), clock, network)


async def _fastest(config: AgentConfig, camera: str, clock: Clock) -> TrialNetwork | None:
    """The quickest sub-net of the library: uploads are part of most checks."""
    from agent.camera.commission import TrialNetwork

    async with library_of(config, clock) as staging:
        source = staging.told[camera].source
        if source is None or not source.catalogue.subnets:
            return None
        payload = await source.load(min(source.catalogue.subnets, key=lambda one: one.predicted_ms).id)
    return TrialNetwork(payload.setup, payload.blob, payload.goldens)


def reference_profile(firmware: str) -> tuple[CameraProfile | None, str]:
    """The simulated camera's profile for that firmware, and which one it is or why there is none."""
    if find_spec("genicam") is None:
        return None, "no comparison: the simulated camera is not installed (pip install 'ofa-agent[sim]')"
    from agent.camera.guard import Guard
    from agent.camera.survey import dump_profile
    from agent.sim.spec import FIRMWARES

    nearest = firmware if firmware in FIRMWARES else FIRMWARES[0]
    spec = f'{{"firmware": "{nearest}", "serial": "reference"}}'
    with bus_of("simulated", None, spec) as (owner, clock):
        profile = dump_profile(owner, clock, Guard(clock, "reference profile", SHORT_S), "reference")
    exact = "" if nearest == firmware else f"; there is none for {firmware}"
    return profile, f"compared with the simulated camera of firmware {nearest}{exact}"


def _agreed(risk: Risk) -> bool:
    """Asked on the terminal; without one nothing is agreed to."""
    if not sys.stdin.isatty():
        return False
    return click.confirm(f"Next: {risk.value}. Go on?", default=False, err=True)


def _print(number: int, count: int, outcome: Outcome) -> None:
    click.echo(f"[{number}/{count}] {outcome.check.question}")
    mark = outcome.finding.verdict.value
    click.echo(f"    {mark.upper() if mark in {'differs', 'failed'} else mark}: {outcome.finding.actual}")


def _summary(
    out: Path, outcomes: list[Outcome], profile: CameraProfile, reference: CameraProfile | None, why: str
) -> None:
    from agent.camera.commission import contradictions

    click.echo("")
    against = list(contradictions(outcomes))
    click.echo(f"{len(against)} finding(s) against what the agent assumes")
    for outcome in against:
        click.echo(f"  {outcome.check.id}: assumed: {outcome.check.assumed}; found: {outcome.finding.actual}")
        click.echo(f"    so: {outcome.check.consequence}")
    click.echo(why)
    if reference is not None:
        print_differences(reference, profile, compare(reference, profile), _SHOWN_DIFFERENCES)
    click.echo(f"written: {out / PROFILE_NAME}, {out / REPORT_NAME}")


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BadInput("--out", f"{out} cannot be made: {exc.strerror}") from exc


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise BadInput("--try-network", f"{path} cannot be read: {exc.strerror}") from exc

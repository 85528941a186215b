"""How the camera commands reach a camera: which SDK, where the simulated one is, and what to say when it is busy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.errors import BadInput, CameraBusy

if TYPE_CHECKING:
    from agent.camera.sdk import Sdk
    from agent.camera.session import SystemOwner
    from agent.clock import Clock

F = TypeVar("F", bound=Callable[..., Any])
DEADLINE_S = 60.0
SDKS = ("spinnaker", "simulated")

_OPTIONS = (
    click.option("--sdk", type=click.Choice(SDKS), default="spinnaker", show_default=True, help="Which SDK."),
    click.option("--socket", type=click.Path(path_type=Path), help="Simulated: the device process there."),
    click.option(
        "--spec", metavar="JSON-or-FILE", help="Simulated, without --socket: a camera of its own, as described."
    ),
)


def on_bus(command: F) -> F:
    """Adds --sdk, --socket and --spec."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def bus_of(sdk: str, socket: Path | None, spec: str | None) -> Iterator[tuple[SystemOwner, Clock]]:
    """The System of the chosen SDK; never one in place of the other."""
    from agent.camera.session import SystemOwner
    from agent.clock import SystemClock

    clock = SystemClock()
    with _sdk(sdk, socket, spec, clock) as chosen:
        yield SystemOwner(chosen, clock), clock


@contextmanager
def plainly() -> Iterator[None]:
    """Says who probably has a camera that is busy."""
    try:
        yield
    except CameraBusy as exc:
        raise CameraBusy(f"{exc}; a running ofa-agent owns its cameras: stop it first", exc.vendor_code) from exc


@contextmanager
def _sdk(sdk: str, socket: Path | None, spec: str | None, clock: Clock) -> Iterator[Sdk]:
    if sdk == "spinnaker":
        if socket is not None or spec is not None:
            raise BadInput("--socket" if socket else "--spec", "belongs to --sdk simulated")
        from agent.camera.sdk import load_spinnaker

        yield load_spinnaker()
        return
    from agent.cli.blas import use_one_thread
    from agent.cli.sim import build_spec

    use_one_thread()
    from agent.sim import bus, pyspin

    if socket is None:
        with bus.local_camera(build_spec(spec, None, None, None), clock):
            yield pyspin
        return
    if spec is not None:
        raise BadInput("--spec", "belongs to the device process where --socket is given; set it there")
    from agent.sim.remote import RemoteBusDevice

    place = RemoteBusDevice(socket)
    bus.attach(place)
    try:
        yield pyspin
    finally:
        bus.detach(place)

"""`sim serve` and `sim exec`: the simulated camera for people and for scripts written for PySpin."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.blas import use_one_thread
from agent.cli.exits import DONE
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.sim.spec import SimulationSpec

SPEC_OPTIONS = (
    click.option("--spec", metavar="JSON-or-FILE", help="Everything about the simulated camera, as one JSON object."),
    click.option("--seed", type=int, help="Of its hidden factors, and of its parts where the spec names no scene."),
    click.option("--time-scale", type=float, help="How many times slower than a Myriad 2 its VPU is."),
    click.option("--parts-per-minute", type=float, help="Speed of the line in front of it."),
)


def _specified(command: Any) -> Any:
    for option in reversed(SPEC_OPTIONS):
        command = option(command)
    return command


@click.group()
def sim() -> None:
    """The simulated camera."""


@sim.command()
@click.option("--socket", required=True, type=click.Path(path_type=Path), help="Unix socket to serve it on.")
@_specified
def serve(
    socket: Path, spec: str | None, seed: int | None, time_scale: float | None, parts_per_minute: float | None
) -> int:
    """Run the simulated camera's device process until SIGTERM or SIGINT."""
    use_one_thread()
    from agent.sim.server import serve as serve_device

    serve_device(socket, build_spec(spec, seed, time_scale, parts_per_minute), _announce)
    return DONE


@sim.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--socket", type=click.Path(path_type=Path), help="Use the device process there, not one of its own.")
@_specified
@click.argument("script", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def execute(
    socket: Path | None,
    spec: str | None,
    seed: int | None,
    time_scale: float | None,
    parts_per_minute: float | None,
    script: Path,
    arguments: tuple[str, ...],
) -> int:
    """Run a script with `import PySpin` bound to the simulation; its exit code is that of the command."""
    use_one_thread()
    import agent.sim.pyspin

    with _camera(socket, build_spec(spec, seed, time_scale, parts_per_minute)):
        # The vendor's is a package whose names live in a module of the same name (facts/pyspin-surface.md 1).
        sys.modules["PySpin"] = sys.modules["PySpin.PySpin"] = agent.sim.pyspin
        sys.argv = [str(script), *arguments]
        sys.path.insert(0, str(script.resolve().parent))
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as exc:
            return _code(exc)
    return DONE


def build_spec(
    text: str | None, seed: int | None, time_scale: float | None, parts_per_minute: float | None
) -> SimulationSpec:
    """The spec of `--spec` with the other options put over it. Raises BadInput naming the key."""
    from agent.sim.spec import SimulationSpec

    mapping = _mapping(text)
    if seed is not None:
        mapping["seed"] = seed
        _inner(mapping, "scene").setdefault("seed", seed)
    if time_scale is not None:
        _inner(mapping, "vpu")["time_scale"] = time_scale
    if parts_per_minute is not None:
        _inner(mapping, "scene")["parts_per_minute"] = parts_per_minute
    return SimulationSpec.from_mapping(mapping)


def _announce(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _mapping(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise BadInput("--spec", f"cannot be read as JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise BadInput("--spec", "is not a JSON object")
    return found


def _inner(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    inner = mapping.setdefault(key, {})
    if not isinstance(inner, dict):
        raise BadInput(f"--spec {key}", "is not a JSON object")
    return inner


@contextmanager
def _camera(socket: Path | None, spec: SimulationSpec) -> Iterator[None]:
    """One camera on this process's simulated bus."""
    from agent.clock import SystemClock
    from agent.sim import bus

    if socket is None:
        with bus.local_camera(spec, SystemClock()):
            yield
        return
    from agent.sim.remote import RemoteBusDevice

    place = RemoteBusDevice(socket)
    bus.attach(place)
    try:
        yield
    finally:
        bus.detach(place)


def _code(exc: SystemExit) -> int:
    """As the interpreter would: None is 0, a text goes to stderr and is 1."""
    if exc.code is None or isinstance(exc.code, int):
        return exc.code or DONE
    click.echo(str(exc.code), err=True)
    return 1

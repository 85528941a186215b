"""`sim serve` and `sim exec`: the simulated camera for people and for scripts written for PySpin."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
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

_FLASH_FILE = click.option(
    "--flash-file", type=click.Path(path_type=Path, dir_okay=False), help="Keeps its flash from run to run."
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
@_FLASH_FILE
@click.option(
    "--library",
    type=click.Path(path_type=Path, file_okay=False),
    help="Of blobs or graphs with their IRs: the camera takes the former and runs the latter.",
)
@_specified
def serve(
    socket: Path,
    flash_file: Path | None,
    library: Path | None,
    spec: str | None,
    seed: int | None,
    time_scale: float | None,
    parts_per_minute: float | None,
) -> int:
    """Run the simulated camera's device process until SIGTERM or SIGINT."""
    use_one_thread()
    from agent.sim.server import serve as serve_device

    wanted = build_spec(spec, seed, time_scale, parts_per_minute)
    if library is not None:
        wanted = dataclasses.replace(wanted, twins={**library_twins(library), **wanted.twins})
    (built,) = _several(wanted, 1, flash_file)
    serve_device(socket, built, _announce)
    return DONE


@sim.command("exec", context_settings={"allow_interspersed_args": False})
@click.option(
    "--socket",
    "sockets",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Use the device process there, not one of its own; once for each camera.",
)
@click.option("--cameras", type=click.IntRange(1, 64), help="How many of its own; serial numbers count up.")
@_FLASH_FILE
@click.option("--generation", type=click.IntRange(1, 4), default=4, show_default=True, help="Of the SDK's names.")
@_specified
@click.argument("script", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def execute(
    sockets: tuple[Path, ...],
    cameras: int | None,
    flash_file: Path | None,
    generation: int,
    spec: str | None,
    seed: int | None,
    time_scale: float | None,
    parts_per_minute: float | None,
    script: Path,
    arguments: tuple[str, ...],
) -> int:
    """Run a script with `import PySpin` bound to the simulation; its exit code is that of the command.

    The script replaces this process, in the same interpreter: arguments, tracebacks and threads are its own.
    """
    own = (cameras, flash_file, spec, seed, time_scale, parts_per_minute)
    if sockets and any(option is not None for option in own):
        raise click.UsageError("--socket uses a camera that runs already; its spec was given to 'sim serve'")
    use_one_thread()
    from agent.sim.binding import Binding

    specs = () if sockets else _several(build_spec(spec, seed, time_scale, parts_per_minute), cameras or 1, flash_file)
    binding = Binding(generation, tuple(str(s.resolve()) for s in sockets), specs)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, str(script), *arguments], binding.environment(os.environ))


def library_twins(path: Path) -> dict[str, str]:
    """The IR of each compiled network of a library, by that network's digest. Raises LibraryError."""
    from agent.library import open_library

    library = open_library(path)
    found: dict[str, str] = {}
    for subnet in library.manifest.subnets:
        irs = [one for one in subnet.artifacts if one.target == "simulated"]
        for artifact in subnet.artifacts:
            if irs and artifact.target != "simulated":
                found[artifact.sha256] = str((library.path / irs[0].file).resolve())
    return found


def _several(spec: SimulationSpec, cameras: int, flash_file: Path | None) -> tuple[SimulationSpec, ...]:
    """`spec` for each camera: its own serial number and hidden factors, and its own flash."""
    return tuple(_one_of_several(spec, k, flash_file) for k in range(cameras))


def _one_of_several(spec: SimulationSpec, k: int, flash_file: Path | None) -> SimulationSpec:
    serial = spec.serial
    if k > 0:
        if not serial.isdigit():
            raise BadInput("--cameras", f"needs a serial number that counts, {serial!r} does not")
        serial = str(int(serial) + k).zfill(len(serial))
    storage = spec.storage
    if flash_file is not None:
        path = flash_file.resolve()
        storage = dataclasses.replace(storage, flash_file=str(path if k == 0 else f"{path}.{serial}"))
    return dataclasses.replace(spec, serial=serial, seed=spec.seed + k, storage=storage)


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

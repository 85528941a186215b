"""`camera`: what is on the bus, profiles, the fail-safe net in flash, the first hour on hardware."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.camera_access import DEADLINE_S, on_bus, plainly
from agent.cli.exits import DONE, FAILED
from agent.cli.output import print_json, print_table
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.camera.profile import Difference
    from agent.camera.survey import CameraProfile

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def camera() -> None:
    """Cameras themselves, without a daemon; a camera that a daemon owns is busy."""


@camera.command("list")
@on_bus
@JSON
def list_(sdk: str, socket: Path | None, spec: str | None, as_json: bool) -> int:
    """Cameras on the bus, with serial number, model and link speed."""
    from agent.camera.guard import Guard
    from agent.camera.survey import list_cameras
    from agent.cli.camera_access import bus_of

    with plainly(), bus_of(sdk, socket, spec) as (owner, clock):
        found = list_cameras(owner, clock, Guard(clock, "list the cameras", DEADLINE_S))
    if as_json:
        print_json({"cameras": [dataclasses.asdict(one) for one in found]})
        return DONE
    if not found:
        click.echo("no camera found: check cable, power and the udev rule for vendor id 1e10", err=True)
        return DONE
    rows = [(one.serial, one.model, one.speed or "-", one.access or "-", one.version or "-") for one in found]
    print_table(("serial", "model", "speed", "access", "version"), rows, left=5)
    return DONE


@camera.command()
@on_bus
@click.option("--serial", default="", help="Which camera; may be left out where there is just one.")
@click.option("--out", required=True, type=_FILE, help="Profile to write (JSON).")
def dump(sdk: str, socket: Path | None, spec: str | None, serial: str, out: Path) -> int:
    """Write every node of a camera, with type, access, range and entries. No setting is touched."""
    from agent.camera.guard import Guard
    from agent.camera.survey import dump_profile
    from agent.cli.camera_access import bus_of

    with plainly(), bus_of(sdk, socket, spec) as (owner, clock):
        profile = dump_profile(owner, clock, Guard(clock, f"dump camera {serial}".strip(), DEADLINE_S), serial)
    write_json(out, profile.to_plain())
    whose = "{model} {serial}, firmware {firmware}".format(**profile.identity)
    click.echo(f"{out}: {len(profile.nodes)} nodes of {whose}")
    return DONE


@camera.command()
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
@JSON
def diff(first: Path, second: Path, as_json: bool) -> int:
    """Compare two profiles; exit code 0 where the nodes are the same, 1 where they differ."""
    before, after = read_profile_file(first), read_profile_file(second)
    found = compare(before, after)
    if as_json:
        print_json(
            {
                "same": not any(found.values()),
                "first": before.identity,
                "second": after.identity,
                "differences": {name: [dataclasses.asdict(one) for one in ones] for name, ones in found.items()},
            }
        )
    else:
        print_differences(before, after, found)
    return FAILED if any(found.values()) else DONE


@camera.command()
@click.argument("subnet_ids", metavar="[ID]...", nargs=-1)
@click.option("--config", required=True, type=_FILE, help="Config file (YAML) with the camera and its library.")
@click.option("--camera", "name", help="Name of the camera, where the config has several.")
@JSON
def reference(subnet_ids: tuple[str, ...], config: Path, name: str | None, as_json: bool) -> int:
    """Record what this camera answers for the golden images of its sub-nets: all, or those named.

    From then on a swap has to meet these answers too, within the tolerance of the library. The agent must be stopped.
    Each record is in the audit.
    """
    from agent.cli.camera_reference import record_references

    with plainly():
        told = record_references(subnet_ids, config, name, lambda line: click.echo(line, err=as_json))
    if as_json:
        print_json(told)
    return DONE


@camera.command()
@click.argument("subnet_id", metavar="ID")
@click.option("--config", required=True, type=_FILE, help="Config file (YAML) with the camera and its library.")
@click.option("--camera", "name", help="Name of the camera, where the config has several.")
@JSON
def persist(subnet_id: str, config: Path, name: str | None, as_json: bool) -> int:
    """Write a sub-net of the library to the camera's flash and prove it by its golden images.

    It stays over a power cycle. The camera has one network slot: the next swap deletes it again.
    """
    from agent.cli.camera_persist import persist_subnet

    with plainly():
        told = persist_subnet(subnet_id, config, name, lambda line: click.echo(line, err=True))
    if as_json:
        print_json(told)
    else:
        click.echo(
            "{subnet} is in the flash of camera {serial}: {size_bytes} bytes in {upload_s:.1f} s, verified by "
            "{verified_by}".format(**told)
        )
    return DONE


@camera.command()
@on_bus
@click.option(
    "--config", type=_FILE, help="Config file (YAML): camera, settings, and a library to take a network from."
)
@click.option("--camera", "name", help="Name of the camera, where the config has several.")
@click.option("--serial", default="", help="Without a config: which camera.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the findings.")
@click.option("--yes", is_flag=True, help="Agree to everything: replace the network, reset the camera, write flash.")
@click.option("--try-network", type=_FILE, help="A network file of another format, to see what the camera says of it.")
@JSON
def commission(
    sdk: str,
    socket: Path | None,
    spec: str | None,
    config: Path | None,
    name: str | None,
    serial: str,
    out: Path,
    yes: bool,
    try_network: Path | None,
    as_json: bool,
) -> int:
    """The first hour on hardware: answer every question that only this camera answers.

    Writes profile.json and commission.json to the folder. What reads and streams comes first; what writes the network
    slot, resets the camera or writes flash is asked for. Exit code 1 where a check failed, 0 also where findings differ
    from what the agent assumes: those are printed with their consequence.
    """
    from agent.cli.camera_commission import Order, run_commission

    order = Order(sdk, socket, spec, config, name, serial, out, yes, try_network)
    with plainly():
        told = run_commission(order, quiet=as_json)
    if as_json:
        print_json(told)
    return FAILED if any(one["verdict"] == "failed" for one in told["checks"]) else DONE


def read_profile_file(path: Path) -> CameraProfile:
    """A profile that `camera dump` wrote; raises BadInput."""
    from agent.camera.survey import CameraProfile

    try:
        plain = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "is not JSON"
        raise BadInput(str(path), f"cannot be read: {reason}") from exc
    return CameraProfile.from_plain(plain, str(path))


def compare(before: CameraProfile, after: CameraProfile) -> dict[str, tuple[Difference, ...]]:
    """What differs, by node map."""
    from agent.camera.profile import differences
    from agent.camera.survey import MAPS

    return {name: differences(getattr(before, name), getattr(after, name)) for name in MAPS}


def print_differences(
    before: CameraProfile, after: CameraProfile, found: dict[str, tuple[Difference, ...]], most: int | None = None
) -> None:
    """A line each, at most `most` a map."""
    for title, profile in (("first", before), ("second", after)):
        click.echo(f"{title}: " + ", ".join(f"{key} {value}" for key, value in profile.identity.items()))
    for name, ones in found.items():
        click.echo(f"{name}: {len(ones)} difference(s)" if ones else f"{name}: the same")
        for one in ones[:most]:
            click.echo(f"  {one}")
        if most is not None and len(ones) > most:
            click.echo(f"  and {len(ones) - most} more")


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON; raises BadInput where the place cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8")
    except OSError as exc:
        raise BadInput(str(path), f"cannot be written: {exc.strerror}") from exc

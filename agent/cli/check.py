"""`check`: everything that can be found wrong before the daemon starts, without touching a camera."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.exits import BAD_INPUT, DONE
from agent.cli.output import print_json
from agent.cli.run import CONFIG
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.config import AgentConfig, Group


def _print_schema(ctx: click.Context, param: click.Parameter, asked: bool) -> None:  # noqa: ARG001
    """Before anything else is looked at: an editor has no config yet."""
    if asked:
        from agent.config.json_schema import schema_text

        click.echo(schema_text(), nl=False)
        ctx.exit(DONE)


@click.command()
@CONFIG
@click.option("--print-effective", is_flag=True, help="Print the config with all defaults filled in.")
@click.option(
    "--print-schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print a JSON Schema of config files, for editors; needs no config.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(config: Path, print_effective: bool, as_json: bool) -> int:
    """Check config, library manifest, every blob's digest, signatures and permissions."""
    from agent.config import effective, load_config

    loaded = load_config(config)
    if print_effective:
        click.echo(effective(loaded), nl=False)
    found, problems = _library(loaded)
    found += [_group(group) for group in loaded.groups]
    problems += _simulations(loaded)
    problems += _places(loaded)
    problems += _network(loaded)
    if as_json:
        print_json({"config": str(loaded.source), "ok": not problems, "checked": found, "problems": problems})
        return BAD_INPUT if problems else DONE
    for line in problems:
        click.echo(line, err=True)
    if not problems and not print_effective:
        for line in [f"{loaded.source}: {len(loaded.cameras)} camera(s)", *found]:
            click.echo(f"ok: {line}")
    return BAD_INPUT if problems else DONE


def _group(group: Group) -> str:
    return f"group {group.name}: {', '.join(group.cameras)}, at most {group.max_concurrent_swaps} swap(s) at once"


def _library(config: AgentConfig) -> tuple[list[str], list[str]]:
    """What was checked in the library, and what is wrong with it."""
    if config.library is None:
        return ["no library: the cameras will stay IDLE"], []
    from agent.library import open_library, verify_library

    keys = config.library.trusted_keys or None
    report = verify_library(config.library.path, keys)
    if not report.ok:
        return [], list(report.problems)
    signed = "signature, " if keys else ""
    found = [f"{report.path}: {signed}{report.blobs} blob(s), {report.goldens} golden image(s)"]
    problems = []
    for camera in config.cameras:
        library = open_library(config.library.path, camera.accepted_formats, keys)
        usable = [s.id for s in library.catalogue.subnets if s.artifact(camera.accepted_formats) is not None]
        if not usable:
            problems.append(
                f"{report.path}: no sub-net has a format that camera {camera.name} accepts"
                f" ({', '.join(camera.accepted_formats)})"
            )
        found.append(f"{camera.name}: {len(usable)} usable sub-net(s)")
    return found, problems


def _simulations(config: AgentConfig) -> list[str]:
    """What the simulation says against its own section; nothing is started."""
    problems = []
    for camera in config.cameras:
        if camera.simulation is None:
            continue
        from agent.app import simulation_spec

        try:
            simulation_spec(camera, camera.simulation)  # of a device process: the faults; the rest is its own
        except BadInput as exc:
            problems.append(f"{config.source}: {camera.name}.simulation.{exc}")
    return problems


def _places(config: AgentConfig) -> list[str]:
    """Permissions of the folders that the daemon writes to, as seen by the user who asks."""
    problems = [line for folder in (config.state_dir, config.api.unix_socket.parent) if (line := _writable(folder))]
    if config.state_dir.is_dir() and config.state_dir.stat().st_mode & stat.S_IWOTH:
        problems.append(f"{config.state_dir}: writable by everybody; chmod o-w")
    for key in config.library.trusted_keys if config.library else ():
        if not os.access(key, os.R_OK):
            problems.append(f"{key}: trusted key cannot be read")
    return problems


def _network(config: AgentConfig) -> list[str]:
    """What the daemon would not listen with: certificates, keys and their permissions."""
    from agent.config.document import read_bytes
    from agent.config.places import problem_at
    from agent.doors import check_doors

    try:
        check_doors(config)
    except BadInput as exc:
        return [str(problem_at(config.source, read_bytes(config.source), exc.field, exc.description))]
    return []


def _writable(folder: Path) -> str | None:
    """Why the daemon could not make files in `folder`, which it creates where its parent allows; None if it can."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        return f"{folder}: {existing} is not a folder"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{folder}: {existing} is not writable for user {os.geteuid()}"
    return None

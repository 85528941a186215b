"""`support-bundle`: one archive for whoever is to help, without secrets; works with the daemon up or down."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import time
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from agent.cli.connection import Connection, connected
from agent.cli.exits import DONE
from agent.cli.output import size
from agent.errors import AgentError, BadInput

if TYPE_CHECKING:
    from agent.cli.support.pack import Bundle
    from agent.cli.support.redact import Redactor
    from agent.cli.support.site import Site

MOST_MB = 20
MOST_S = 60
NO_NODE_MAP = "the daemon gives no node map; stop it and run `ofa-agent camera dump --out FILE`"


@click.command("support-bundle")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The .tar.gz to write.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Config file of the daemon.")
@click.option("--anonymize", is_flag=True, help="Replace names of users, clients of the form USER@HOST, and hosts.")
@click.option("--max-mb", type=click.IntRange(1, 1000), default=MOST_MB, show_default=True, help="Of text, unpacked.")
@click.option("--max-seconds", type=click.IntRange(1, 3600), default=MOST_S, show_default=True, help="To collect it.")
@connected
def support_bundle(
    connection: Connection, out: Path, config: Path | None, anonymize: bool, max_mb: int, max_seconds: int
) -> int:
    """Write versions, config, library, status, history and journal figures to one archive, without secrets.

    What cannot be had is replaced by the reason. Look through it before you send it.
    """
    from agent.cli.support.pack import Bundle
    from agent.cli.support.redact import Redactor, stand_ins
    from agent.cli.support.site import Site

    if not out.parent.is_dir():
        raise BadInput("--out", f"{out.parent} is not a folder; make it first")
    site = Site(config)
    redactor = Redactor(stand_ins(*_names()) if anonymize else None)
    redactor.learn_environment(os.environ)
    redactor.learn_config(site.text)
    bundle = Bundle(max_mb * 1_000_000, time.monotonic, max_seconds)
    _collect(bundle, site, _of_config(connection, site), redactor)
    about = {"made": datetime.now(timezone.utc).isoformat(timespec="seconds"), "anonymous": anonymize}
    written = bundle.write(out, redactor, about)
    for why, names in _by_reason(bundle.failed).items():
        click.echo(f"left out: {', '.join(names)}: {redactor.text(why)}", err=True)
    click.echo(f"{out}: {bundle.count} parts, {len(bundle.failed)} left out, {size(written)}; look through it first")
    return DONE


def _by_reason(failed: dict[str, str]) -> dict[str, list[str]]:
    return {why: [name for name, one in failed.items() if one == why] for why in failed.values()}


def _collect(bundle: Bundle, site: Site, connection: Connection, redactor: Redactor) -> None:
    from agent.cli.support import daemon, machine
    from agent.cli.support.site import JOURNAL_NAME, JournalFile

    bundle.add("versions.json", machine.versions)
    bundle.add("limits.json", machine.limits)
    bundle.add("environment.json", lambda: machine.environment(dict(os.environ)))
    bundle.add("config/file.yaml", site.raw)
    bundle.add("config/effective.yaml", site.effective)
    bundle.add("config/last-good.yaml", lambda: _last_good(site, redactor))
    bundle.add_all(lambda: daemon.collect(connection), daemon.NAMES)
    bundle.add("camera/node-map.txt", _no_node_map)
    bundle.add("space.json", lambda: machine.space(_places(site)))
    bundle.add("journal/integrity.json", lambda: JournalFile(site.state_dir() / JOURNAL_NAME).integrity())
    bundle.add_all(lambda: JournalFile(site.state_dir() / JOURNAL_NAME).rows(), ("journal/rows.json",))
    bundle.add("library/manifest.json", site.manifest)
    bundle.add("library/verification.json", site.verification)


def _last_good(site: Site, redactor: Redactor) -> str:
    from agent.config.last_good import NAME

    text = site.state_file(NAME)
    redactor.learn_config(text)
    return text


def _no_node_map() -> str:
    raise BadInput("node map", NO_NODE_MAP)


def _places(site: Site) -> list[Path]:
    found = []
    for place in (site.state_dir, site.library):
        with contextlib.suppress(AgentError):
            found.append(place())
    return found


def _of_config(connection: Connection, site: Site) -> Connection:
    """The daemon's socket as the config says, unless the command line says where it is."""
    context = click.get_current_context()
    given = {context.get_parameter_source(name) for name in ("socket", "address")}
    if given & {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}:
        return connection
    try:
        return replace(connection, target=f"unix:{site.config().api.unix_socket.absolute()}")
    except AgentError:
        return connection


def _names() -> tuple[list[str], list[str]]:
    """Users and hosts that this machine calls its own."""
    users = [os.environ.get("SUDO_USER", ""), Path.home().name]
    with contextlib.suppress(OSError, KeyError):
        users.append(getpass.getuser())
    host = socket.gethostname()
    return users, [host, host.partition(".")[0]]

"""What is to be done with what `pki` has made: printed below it, ready to be copied."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from agent.pki import Issued

PLACE = "/etc/ofa-agent/tls"  # of the examples, on the agent's machine


def day(time: datetime) -> str:
    """A date in UTC."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d")


def after_init(folder: Path) -> None:
    click.echo(f"next: ofa-agent pki server {folder} --host NAME-OR-IP-OF-THE-AGENT")
    click.echo(f"keep {folder / 'ca-key.pem'} secret and off the agent's machine, and back the folder up")


def after_server(folder: Path, issued: Issued, plant: str) -> None:
    click.echo(f"""\
next: copy to {PLACE} on the agent's machine, readable by the agent's user only:
  {folder / issued.folder}/*.pem
  {folder}/revoked.pem
and write into its config, then restart it:
  api:
    tcp:
      listen: "0.0.0.0:7443"
      tls:
        cert: {PLACE}/cert.pem
        key: {PLACE}/key.pem
        client_ca: {PLACE}/ca.pem
        revoked: {PLACE}/revoked.pem
      roles: {{"spiffe://{plant}/NAME": control}}
then for each client: ofa-agent pki client {folder} NAME""")


def after_client(folder: Path, issued: Issued) -> None:
    click.echo(f"""\
next: copy {folder / issued.folder}/*.pem to the client, readable by its user only
and give it a role in the agent's config, below api.tcp.roles (read, control or admin), then reload:
  "{issued.names[0]}": control
try it there: ofa-agent status --address HOST:7443 \\
  --ca ca.pem --cert cert.pem --key key.pem""")


def after_renewal(folder: Path, issued: Issued) -> None:
    whose = "the agent's machine; it" if issued.kind == "server" else "the client; its next connection"
    click.echo(f"next: copy {folder / issued.folder}/cert.pem and key.pem to {whose} takes them, without a restart")


def after_revocation(folder: Path, until: datetime | None) -> None:
    good = "" if until is None else f", good until {day(until)}"
    click.echo(f"list of revoked certificates: {folder / 'revoked.pem'}{good}")
    click.echo(f"next: copy it to {PLACE} on every agent of the plant; they read it without a restart")

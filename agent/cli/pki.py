"""`pki`: a certificate authority for a plant that has none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.cli.connection import JSON
from agent.cli.exits import DONE
from agent.cli.output import print_json, print_table
from agent.cli.pki_steps import after_client, after_init, after_renewal, after_revocation, after_server, day

if TYPE_CHECKING:
    from agent.pki import Authority, Entry, Issued

F = TypeVar("F", bound=Callable[..., Any])
_DIR = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
_CRL_DAYS = click.option(
    "--next-update", "crl_days", type=int, default=30, show_default=True, metavar="DAYS", help="How long it is good."
)
_DUE_DAYS = 30  # `list` tells of what ends sooner


def _days(default: int) -> Callable[[F], F]:
    text = f"How long it is valid; by default {default} days."
    return click.option("--days", type=int, metavar="N", help=text)


def _of_a_client(command: F) -> F:
    return _DIR(click.argument("name")(_days(825)(JSON(command))))


@click.group()
def pki() -> None:
    """A small certificate authority: for plants that have none.

    DIR holds the CA's key: keep it off the agent's machine, and back it up. Nothing here talks to the daemon.
    """


@pki.command()
@_DIR
@click.option("--plant", required=True, metavar="NAME", help="Clients are called spiffe://NAME/...")
@_days(3650)
@JSON
def init(folder: Path, plant: str, days: int | None, as_json: bool) -> int:
    """Make a new CA in DIR, which must be empty or not exist."""
    from agent.pki import Authority

    made = Authority.create(folder, plant, _now(), **({} if days is None else {"days": days}))
    until = made.ca.not_valid_after_utc
    if as_json:
        print_json({"folder": folder, "plant": plant, "not_after": _iso(until), "ca": folder / "ca.pem"})
    else:
        click.echo(f"CA of {plant} until {day(until)}, in {folder}")
        after_init(folder)
    return DONE


@pki.command()
@_DIR
@click.option("--host", "hosts", multiple=True, required=True, metavar="NAME|IP", help="May be repeated.")
@_days(825)
@JSON
def server(folder: Path, hosts: tuple[str, ...], days: int | None, as_json: bool) -> int:
    """The agent's own certificate. HOSTs: all that clients reach it by."""
    opened = _opened(folder)
    issued = opened.issue_server(hosts, _now(), days)
    _tell_issued(folder, issued, as_json, lambda: after_server(folder, issued, opened.plant))
    return DONE


@pki.command()
@_of_a_client
def client(folder: Path, name: str, days: int | None, as_json: bool) -> int:
    """A certificate for one client. NAME: a gateway, a PLC, an engineer's laptop."""
    issued = _opened(folder).issue_client(name, _now(), days)
    _tell_issued(folder, issued, as_json, lambda: after_client(folder, issued))
    return DONE


@pki.command()
@_of_a_client
def renew(folder: Path, name: str, days: int | None, as_json: bool) -> int:
    """A new key and certificate. The one before stays valid until its end."""
    issued = _opened(folder).renew(name, _now(), days)
    _tell_issued(folder, issued, as_json, lambda: after_renewal(folder, issued))
    return DONE


@pki.command()
@_DIR
@click.argument("which", metavar="NAME|SERIAL")
@click.option(
    "--reason",
    type=click.Choice(["unspecified", "key-compromise", "superseded", "no-longer-used"]),
    default="unspecified",
    show_default=True,
)
@_CRL_DAYS
@JSON
def revoke(folder: Path, which: str, reason: str, crl_days: int, as_json: bool) -> int:
    """Have certificates refused. All of NAME, or the one with SERIAL."""
    opened = _opened(folder)
    revoked = opened.revoke(which, _now(), reason, crl_days)  # type: ignore[arg-type]  # click has checked it
    if as_json:
        print_json([_as_json(folder, one, "revoked") for one in revoked])
        return DONE
    for one in revoked:
        click.echo(f"revoked: {one.name} {one.serial} ({one.reason}), since {day(one.revoked or one.not_before)}")
    after_revocation(folder, opened.crl_until())
    return DONE


@pki.command()
@_DIR
@_CRL_DAYS
@JSON
def crl(folder: Path, crl_days: int, as_json: bool) -> int:
    """Sign the list of revoked ones anew. Before it is too old."""
    until = _opened(folder).write_crl(_now(), crl_days)
    if as_json:
        print_json({"crl": folder / "revoked.pem", "next_update": _iso(until)})
    else:
        after_revocation(folder, until)
    return DONE


@pki.command("list")
@_DIR
@JSON
def list_command(folder: Path, as_json: bool) -> int:
    """What was issued, and until when."""
    opened = _opened(folder)
    entries, until = opened.entries(_now()), opened.crl_until()
    if as_json:
        ca = {"plant": opened.plant, "not_after": _iso(opened.ca.not_valid_after_utc)}
        issued = [_as_json(folder, one.issued, one.state) for one in entries]
        print_json({"ca": ca, "crl_next_update": None if until is None else _iso(until), "issued": issued})
        return DONE
    click.echo(f"CA of {opened.plant} until {day(opened.ca.not_valid_after_utc)}")
    if entries:
        print_table(("kind", "name", "until", "state", "serial"), [_row(one) for one in entries], left=5)
    _tell_due(folder, entries, until)
    return DONE


def _tell_due(folder: Path, entries: list[Entry], crl_until: datetime | None) -> None:
    now = _now()
    for one in entries:
        left = (one.issued.not_after - now).days
        if one.state == "valid" and left < _DUE_DAYS:
            click.echo(f"{one.issued.name} ends in {left} days: ofa-agent pki renew {folder} {one.issued.name}")
    if crl_until is None:
        click.echo(f"revoked.pem is missing or behind: ofa-agent pki crl {folder}")
    elif crl_until <= now:
        click.echo(f"revoked.pem was good until {day(crl_until)}: ofa-agent pki crl {folder}")


def _row(entry: Entry) -> tuple[str, ...]:
    one = entry.issued
    more = f" +{len(one.names) - 1}" if len(one.names) > 1 else ""
    name = f"{one.name}{more}"
    short = name if len(name) <= 32 else f"{name[:29]}..."
    return (one.kind, short, day(one.not_after), entry.state, one.serial)


def _opened(folder: Path) -> Authority:
    from agent.pki import Authority

    opened = Authority(folder)
    if opened.key_is_open:
        click.echo(f"{folder / 'ca-key.pem'}: can be read by others; chmod 600", err=True)
    return opened


def _tell_issued(folder: Path, issued: Issued, as_json: bool, tell_next: Callable[[], None]) -> None:
    if as_json:
        print_json(_as_json(folder, issued, "valid"))
        return
    click.echo(f"{issued.kind} {', '.join(issued.names)} until {day(issued.not_after)}, serial {issued.serial}")
    tell_next()


def _as_json(folder: Path, one: Issued, state: str) -> dict[str, object]:
    return {
        "kind": one.kind,
        "name": one.name,
        "names": list(one.names),
        "serial": one.serial,
        "not_before": _iso(one.not_before),
        "not_after": _iso(one.not_after),
        "state": state,
        "revoked": None if one.revoked is None else _iso(one.revoked),
        "reason": one.reason if one.revoked is not None else None,
        "folder": folder / "issued" / one.serial,
    }


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)  # certificates know whole seconds


def _iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

"""What a CA has issued and revoked: one JSON file, written before a certificate or a list leaves the CA."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from agent.errors import BadInput
from agent.pki import files
from agent.pki.names import is_serial

Kind: TypeAlias = Literal["client", "server"]
Reason: TypeAlias = Literal["unspecified", "key-compromise", "superseded", "no-longer-used"]

SCHEMA = "ofa-agent.pki/1"
FILE = "index.json"


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate. `serial`: 16 hex digits; `names`: the URI of a client, the hosts of a server; times in UTC."""

    serial: str
    kind: Kind
    name: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    revoked: datetime | None = None
    reason: Reason = "unspecified"

    @property
    def folder(self) -> str:
        """Where its files are, below the CA's folder."""
        return f"{self.kind}s/{self.name}"


@dataclass(frozen=True, slots=True)
class Index:
    """Everything issued, oldest first; `crl_number` is that of the newest list of revoked ones."""

    plant: str
    crl_number: int = 0
    issued: tuple[Issued, ...] = ()

    def with_issued(self, one: Issued) -> Index:
        return replace(self, issued=(*self.issued, one))

    def with_revoked(self, serials: set[str], when: datetime, reason: Reason) -> Index:
        """Those not revoked yet are, from `when` on."""
        changed = (
            replace(one, revoked=when, reason=reason) if one.serial in serials and one.revoked is None else one
            for one in self.issued
        )
        return replace(self, issued=tuple(changed))

    def with_next_crl(self) -> Index:
        return replace(self, crl_number=self.crl_number + 1)


def load(folder: Path) -> Index:
    """Raises BadInput where there is no CA, or one whose index cannot be trusted."""
    path = folder / FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError as exc:
        make = f"ofa-agent pki init {folder} --plant NAME"
        raise BadInput("DIR", f"{folder} holds no CA; make one with `{make}`") from exc
    try:
        return _index(json.loads(data))
    except (ValueError, KeyError, TypeError) as exc:
        said = f"{type(exc).__name__}: {exc}"
        raise BadInput("DIR", f"{path} is damaged ({said}); take the folder from a backup") from exc


def save(folder: Path, index: Index) -> None:
    """Durable when this returns; for a caller who has the folder's lock."""
    value = {"schema": SCHEMA, **asdict(index)}
    files.write(folder / FILE, (json.dumps(value, indent=1, default=_text) + "\n").encode(), files.SECRET)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    raise TypeError(type(value).__name__)


def _index(value: Mapping[str, Any]) -> Index:
    if value["schema"] != SCHEMA:
        raise ValueError(f"schema {value['schema']!r}, expected {SCHEMA!r}")
    return Index(str(value["plant"]), int(value["crl_number"]), tuple(_issued(one) for one in value["issued"]))


def _issued(value: Mapping[str, Any]) -> Issued:
    if not is_serial(value["serial"]) or value["kind"] not in get_args(Kind) or value["reason"] not in get_args(Reason):
        raise ValueError(f"entry {value['serial']!r}")
    return Issued(
        serial=value["serial"],
        kind=value["kind"],
        name=str(value["name"]),
        names=tuple(map(str, value["names"])),
        not_before=_time(value["not_before"]),
        not_after=_time(value["not_after"]),
        revoked=None if value["revoked"] is None else _time(value["revoked"]),
        reason=value["reason"],
    )


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not know the Z
    if time.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return time

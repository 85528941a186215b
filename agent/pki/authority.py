"""A CA in a folder: who may issue, what was issued, what was revoked.

DIR/ca.pem, ca-key.pem     the CA; whoever has the key is the CA
DIR/index.json             what was issued; written before anything is handed out
DIR/revoked.pem            the list of revoked certificates (CRL)
DIR/issued/SERIAL/         ca.pem, cert.pem, key.pem of one certificate
DIR/clients/NAME, servers/HOST   links to the newest of that name: a renewal changes both files in one step
"""

from __future__ import annotations

import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.errors import BadInput
from agent.pki import certificates, files, index
from agent.pki.index import Index, Issued, Kind, Reason
from agent.pki.names import SERIAL_DIGITS, check_host, check_plant, client_uri, is_serial

State: TypeAlias = Literal["valid", "replaced", "expired", "revoked"]

CA_DAYS, LEAF_DAYS, CRL_DAYS = 3650, 825, 30  # 825 days: the most that browsers and mobile systems ever took of a leaf
MAX_DAYS = 36500
BACKDATED = timedelta(hours=1)  # clocks of machines on a line differ, and one that is late must not refuse
CA, CA_KEY, CRL = "ca.pem", "ca-key.pem", "revoked.pem"


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate as it stands at a moment; `replaced`: valid, but there is a newer one of its name."""

    issued: Issued
    state: State


class Authority:
    """Owner of one folder while a command of it runs. All times are given, in UTC. Raises BadInput throughout."""

    def __init__(self, folder: Path) -> None:
        """Open one that is there."""
        self.folder = folder
        self.index = index.load(folder)
        self.ca = _certificate(folder / CA)

    @classmethod
    def create(cls, folder: Path, plant: str, now: datetime, days: int = CA_DAYS) -> Authority:
        """A new CA with an empty list of revoked ones. The folder must not exist or be empty; all of it or nothing."""
        check_plant(plant)
        folder = folder.absolute()
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise BadInput("DIR", f"{folder} exists and is not an empty folder; a CA is never overwritten")
        if not folder.parent.is_dir():
            raise BadInput("DIR", f"{folder.parent} is no folder; make it first")
        new = files.sibling(folder)
        files.make_folder(new)
        try:
            cls._fill(new, plant, now, now + _period(days))
            files.publish(new, folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        return cls(folder)

    @property
    def plant(self) -> str:
        return self.index.plant

    @property
    def key_is_open(self) -> bool:
        """Whether others on this machine can read the CA's key; where it is kept elsewhere, they cannot."""
        try:
            mode = (self.folder / CA_KEY).stat().st_mode
        except FileNotFoundError:
            return False
        return bool(mode & (stat.S_IRWXG | stat.S_IRWXO))

    def issue_client(self, name: str, now: datetime, days: int | None = None) -> Issued:
        """A key and a certificate for a client that has none that is valid."""
        uri = client_uri(self.plant, name)
        with self._changing():
            self._check_free("client", name, now)
            self._check_place("client", name)
            return self._issue("client", name, (uri,), now, days)

    def issue_server(self, hosts: Sequence[str], now: datetime, days: int | None = None) -> Issued:
        """The same for an agent that is reached by `hosts`; it goes by the first of them."""
        names = tuple(dict.fromkeys(map(check_host, hosts)))
        if not names:
            raise BadInput("--host", "is missing: the name or address by which clients reach the agent")
        with self._changing():
            self._check_free("server", names[0], now)
            return self._issue("server", names[0], names, now, days)

    def renew(self, which: str, now: datetime, days: int | None = None) -> Issued:
        """A new key and certificate with the same names; the one before stays valid until its own end."""
        with self._changing():
            last = self._of(which)[-1]
            if last.revoked is not None:
                raise BadInput("NAME", f"{which} was revoked on {_day(last.revoked)}; issue a new one instead")
            return self._issue(last.kind, last.name, last.names, now, days)

    def revoke(self, which: str, now: datetime, reason: Reason, crl_days: int = CRL_DAYS) -> tuple[Issued, ...]:
        """All certificates of a name that have not expired, or the one of a serial; those, as they are now.

        The list is written in any case, so that a revocation that was interrupted is finished by doing it again.
        """
        with self._changing():
            found = {one.serial for one in self._of(which) if is_serial(which.lower()) or one.not_after > now}
            if not found:
                raise BadInput("NAME", f"all certificates of {which} have expired; there is nothing to revoke")
            self.index = self.index.with_revoked(found, now, reason)
            self._write_crl(now, crl_days)
        return tuple(one for one in self.index.issued if one.serial in found)

    def write_crl(self, now: datetime, days: int = CRL_DAYS) -> datetime:
        """Sign the list of revoked ones anew; returns until when it is good."""
        with self._changing():
            return self._write_crl(now, days)

    def entries(self, now: datetime) -> list[Entry]:
        """Everything that was issued, oldest first."""
        newest = {(one.kind, one.name): one.serial for one in self.index.issued if one.revoked is None}
        return [Entry(one, _state(one, now, newest)) for one in self.index.issued]

    def crl_until(self) -> datetime | None:
        """Until when the list of revoked ones is good; None where it is not there or lacks one that was revoked."""
        try:
            crl = x509.load_pem_x509_crl((self.folder / CRL).read_bytes())
        except (OSError, ValueError):
            return None
        listed = {one.serial_number for one in crl}
        revoked = {int(one.serial, 16) for one in self.index.issued if one.revoked is not None}
        return crl.next_update_utc if revoked <= listed else None

    # -- for a caller who has the lock -----------------------------------------------------------------------------

    @classmethod
    def _fill(cls, folder: Path, plant: str, now: datetime, end: datetime) -> None:
        key = certificates.new_key()
        ca = certificates.make_ca(key, plant, now - BACKDATED, end)
        crl = certificates.make_crl(ca, key, (), 1, now, now + timedelta(days=CRL_DAYS))
        files.write(folder / CA_KEY, certificates.key_pem(key), files.SECRET)
        files.write(folder / CA, certificates.certificate_pem(ca), files.PUBLIC)
        files.write(folder / CRL, certificates.certificate_pem(crl), files.PUBLIC)
        for name in ("issued", "clients", "servers"):
            files.make_folder(folder / name)
        index.save(folder, Index(plant, crl_number=1))

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """The folder is this command's alone, and `index` is what it says now."""
        with files.locked(self.folder):
            self.index = index.load(self.folder)
            yield

    def _check_free(self, kind: Kind, name: str, now: datetime) -> None:
        there = [one for one in self.index.issued if (one.kind, one.name) == (kind, name)]
        valid = [one for one in there if one.revoked is None and one.not_after > now]
        # Without the link the last issue was cut off by a kill, and nobody has got its key.
        if valid and (self.folder / valid[-1].folder).exists():
            how = f"`ofa-agent pki renew {self.folder} {name}`"
            raise BadInput("NAME", f"{name} has a certificate until {_day(valid[-1].not_after)}; renew it: {how}")

    def _check_place(self, kind: Kind, name: str) -> None:
        """`a` is a client or a folder of clients like `a/b`, never both."""
        others = {one.name for one in self.index.issued if one.kind == kind}
        clash = next((one for one in others if one.startswith(f"{name}/") or name.startswith(f"{one}/")), None)
        if clash is not None:
            raise BadInput("NAME", f"{name} and {clash} cannot both be; one would be the folder of the other")

    def _issue(self, kind: Kind, name: str, names: tuple[str, ...], now: datetime, days: int | None) -> Issued:
        ca_key = self._ca_key()
        issued = Issued(self._new_serial(), kind, name, names, now - BACKDATED, self._end(now, days))
        key = certificates.new_key()
        certificate = certificates.make_leaf(self.ca, ca_key, key, issued)
        self._save(self.index.with_issued(issued))
        folder = self.folder / "issued" / issued.serial
        files.make_folder(folder)
        files.write(folder / "key.pem", certificates.key_pem(key), files.SECRET)
        files.write(folder / "cert.pem", certificates.certificate_pem(certificate), files.PUBLIC)
        files.write(folder / "ca.pem", certificates.certificate_pem(self.ca), files.PUBLIC)
        files.point(self.folder / issued.folder, folder)
        return issued

    def _write_crl(self, now: datetime, days: int) -> datetime:
        ca_key, until = self._ca_key(), now + _period(days, "--next-update")
        self._save(self.index.with_next_crl())
        revoked = [one for one in self.index.issued if one.revoked is not None]
        crl = certificates.make_crl(self.ca, ca_key, revoked, self.index.crl_number, now, until)
        files.write(self.folder / CRL, certificates.certificate_pem(crl), files.PUBLIC)
        return until

    def _save(self, changed: Index) -> None:
        index.save(self.folder, changed)
        self.index = changed

    def _of(self, which: str) -> list[Issued]:
        """What a serial, a name, a URI or KINDs/NAME stands for; never empty."""
        wanted = which.lower()
        if is_serial(wanted):
            found = [one for one in self.index.issued if one.serial == wanted]
        else:
            found = [one for one in self.index.issued if which in (one.name, one.folder, *one.names)]
        if not found:
            known = f"`ofa-agent pki list {self.folder}` tells what was issued"
            raise BadInput("NAME", f"{which!r} was not issued here; {known}")
        if len({one.folder for one in found}) > 1:
            both = " or ".join(sorted({one.folder for one in found}))
            raise BadInput("NAME", f"{which!r} stands for several certificates; say {both}")
        return found

    def _end(self, now: datetime, days: int | None) -> datetime:
        ca_end = self.ca.not_valid_after_utc
        if ca_end <= now:
            raise BadInput("DIR", f"the CA ended on {_day(ca_end)}; make a new one with `ofa-agent pki init`")
        end = now + _period(LEAF_DAYS if days is None else days)
        if days is not None and end > ca_end:
            raise BadInput("--days", f"{days} days end after the CA itself does, on {_day(ca_end)}; ask for less")
        return min(end, ca_end)

    def _new_serial(self) -> str:
        """Not to be guessed, and not 0, which X.509 forbids; the first bit is 0, so that it is no negative number."""
        taken = {one.serial for one in self.index.issued}
        while (serial := f"{secrets.randbits(63):0{SERIAL_DIGITS}x}") in taken or not int(serial, 16):
            pass
        return serial

    def _ca_key(self) -> certificates.Key:
        path = self.folder / CA_KEY
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except FileNotFoundError as exc:
            raise BadInput("DIR", f"{path} is missing; without the CA's key nothing can be signed") from exc
        except (ValueError, TypeError) as exc:
            raise BadInput("DIR", f"{path} is no usable private key; take the folder from a backup") from exc
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != self.ca.public_key():
            raise BadInput("DIR", f"{path} is not the key of {self.folder / CA}; take the folder from a backup")
        return key


def _state(one: Issued, now: datetime, newest: dict[tuple[Kind, str], str]) -> State:
    if one.revoked is not None:
        return "revoked"
    if one.not_after <= now:
        return "expired"
    return "valid" if newest[one.kind, one.name] == one.serial else "replaced"


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError) as exc:
        raise BadInput("DIR", f"{path} is missing or no certificate; take the folder from a backup") from exc


def _period(days: int, option: str = "--days") -> timedelta:
    if not 1 <= days <= MAX_DAYS:
        raise BadInput(option, f"{days} days are not within 1 and {MAX_DAYS}")
    return timedelta(days=days)


def _day(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d")

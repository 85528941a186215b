"""The files of the TLS door: read at the start, again when they changed, and kept as they were where they are broken.

    cert + key ─► what the agent shows        client_ca ─► whose clients come in        revoked ─► who of them does not

Each of the three is taken over by itself. Files are written by other programs, and a pair takes two writes: what is
wrong in one look is looked at once more before it is told.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.api.revocation import Revocations, read_revocations
from agent.api.unreadable import UNREADABLE, name_shown
from agent.clock import Clock
from agent.errors import BadInput

T = TypeVar("T")
MAX_BYTES = 1024 * 1024
MAX_REVOKED_BYTES = 8 * 1024 * 1024  # some 200 000 certificates
WARN_BEFORE_S = 14 * 86_400.0
KEY = "api.tcp.tls"

Stamp = tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """Where the files are; see the config's keys of the same names."""

    cert: Path
    key: Path
    client_ca: Path
    revoked: Path | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """What the agent shows of itself (PEM), and when that is good, in wall-clock ns."""

    chain: bytes
    key: bytes
    not_before_ns: int
    not_after_ns: int


@dataclass(frozen=True, slots=True)
class Authorities:
    """Who issues for clients (PEM), and the same read."""

    pem: bytes
    certificates: tuple[x509.Certificate, ...]


class Kept(Generic[T]):
    """What some files held when they were last right. `look` is for one thread at a time; the rest for any.

    `acceptable` raises BadInput for what may be started with, but must not take the place of something better.
    """

    def __init__(
        self, paths: Sequence[Path], read: Callable[[], T], acceptable: Callable[[T, T], None] | None = None
    ) -> None:
        """Blocks. Raises BadInput."""
        self._paths = paths
        self._read = read
        self._acceptable = acceptable
        self._stamp: Stamp | None = _stamp(paths)
        self._doubted: Stamp | None = None
        self.value = read()
        self.problem = ""

    def look(self) -> bool:
        """Read again what has changed; whether there is something else now. Blocks."""
        stamp = _stamp(self._paths)
        if stamp == self._stamp:
            self._doubted, self.problem = None, ""
            return False
        try:
            value = self._read()
            if self._acceptable is not None:
                self._acceptable(value, self.value)
        except BadInput as error:
            if stamp == self._doubted:
                self.problem = str(error)
            self._doubted = stamp
            return False
        self._stamp, self._doubted, self.problem = stamp, None, ""
        if value == self.value:
            return False
        self.value = value
        return True

    def forget(self) -> None:
        """Read again at the next look, changed or not."""
        self._stamp = None


class TlsFiles:
    """Owner of what the files held last; see Kept. `look` on one thread at a time."""

    def __init__(self, paths: TlsPaths, clock: Clock) -> None:
        """Blocks. Raises BadInput for what cannot be used at all; what is only past its time is a problem."""
        self.paths = paths
        self._clock = clock
        self._pair = Kept((paths.cert, paths.key), lambda: read_pair(paths), self._in_time)
        self._authorities = Kept((paths.client_ca,), lambda: read_authorities(paths.client_ca))
        self._revoked = None if paths.revoked is None else self._kept_revocations(paths.revoked)

    @property
    def pair(self) -> Pair:
        return self._pair.value

    @property
    def authorities(self) -> Authorities:
        return self._authorities.value

    @property
    def revocations(self) -> Revocations:
        return Revocations() if self._revoked is None else self._revoked.value

    def look(self) -> None:
        """Take over what has changed and is right. Blocks."""
        self._pair.look()
        if self._authorities.look() and self._revoked is not None:
            self._revoked.forget()  # it has to be of these now
        if self._revoked is not None:
            self._revoked.look()

    def problems(self) -> list[str]:
        """What is wrong now, in words."""
        return [*self._broken(), *self._old()]

    def _broken(self) -> Iterator[str]:
        kept: list[Kept[Pair] | Kept[Authorities] | Kept[Revocations]] = [self._pair, self._authorities]
        for one in [*kept, *([] if self._revoked is None else [self._revoked])]:
            if one.problem:
                yield f"{one.problem}; the one before stays in use"

    def _old(self) -> Iterator[str]:
        now_ns, begins_ns, ends_ns = self._clock.wall_ns(), self.pair.not_before_ns, self.pair.not_after_ns
        if now_ns < begins_ns:
            yield f"{KEY}.cert: {self.paths.cert} begins {day(begins_ns)}; is the clock of this machine right?"
        if now_ns > ends_ns - WARN_BEFORE_S * 1e9:
            ended = "ended" if now_ns > ends_ns else "ends"
            yield f"{KEY}.cert: {self.paths.cert} {ended} {day(ends_ns)}; put a new one and its key there"
        due_ns = self.revocations.next_update_ns
        if due_ns is not None and now_ns > due_ns:
            yield f"{KEY}.revoked: {self.paths.revoked} was to be renewed by {day(due_ns)}; what it says still holds"

    def _kept_revocations(self, path: Path) -> Kept[Revocations]:
        def read() -> Revocations:
            data = read_file("revoked", path, MAX_REVOKED_BYTES)
            return read_revocations(path, data, self.authorities.certificates)

        return Kept((path,), read, self._still_due)

    def _in_time(self, new: Pair, _old: Pair) -> None:
        now_ns = self._clock.wall_ns()
        if now_ns > new.not_after_ns:
            raise _wrong("cert", self.paths.cert, f"ended {day(new.not_after_ns)}")
        if now_ns < new.not_before_ns:
            raise _wrong("cert", self.paths.cert, f"begins {day(new.not_before_ns)}")

    def _still_due(self, new: Revocations, old: Revocations) -> None:
        path = self.paths.revoked
        if new.next_update_ns is not None and new.next_update_ns < self._clock.wall_ns():
            raise _wrong("revoked", path, f"was to be renewed by {day(new.next_update_ns)}")
        if any(made_ns < old.made_ns.get(issuer, 0) for issuer, made_ns in new.made_ns.items()):
            raise _wrong("revoked", path, "was made before the list in use")


def read_pair(paths: TlsPaths) -> Pair:
    """Certificate and key, which fit. Blocks. Raises BadInput."""
    chain, secret = read_file("cert", paths.cert), read_file("key", paths.key, secret=True)
    leaf = _certificates("cert", paths.cert, chain)[0]
    try:
        public, times = leaf.public_key(), (wall_ns(leaf.not_valid_before_utc), wall_ns(leaf.not_valid_after_utc))
    except UNREADABLE as exc:
        raise _wrong("cert", paths.cert, "is damaged") from exc
    key = _private_key(paths.key, secret)
    if key.public_key() != public:
        raise _wrong("key", paths.key, f"is not the key of {paths.cert}")
    return Pair(chain, secret, *times)


def read_authorities(path: Path) -> Authorities:
    """CAs, at least one. Blocks. Raises BadInput."""
    data = read_file("client_ca", path)
    found = _certificates("client_ca", path, data)
    for one in found:
        if not _issues(one):
            raise _wrong("client_ca", path, f"has a certificate of {name_shown(one)}, which is no CA")
    return Authorities(data, tuple(found))


def read_file(key: str, path: Path, most: int = MAX_BYTES, secret: bool = False) -> bytes:
    """What is in it; raises BadInput where it cannot be had, is too large, or others than its owner could change it."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise _wrong(key, path, "is not a regular file")
            if secret and mode & 0o007:
                raise _wrong(
                    key, path, f"may be read by others (mode {mode & 0o777:o}); chmod 600, or 640 for its group"
                )
            if mode & 0o002:
                raise _wrong(key, path, f"may be changed by others (mode {mode & 0o777:o}); chmod o-w")
            data = file.read(most + 1)
    except OSError as exc:
        raise _wrong(key, path, f"cannot be read: {exc.strerror}") from exc
    if len(data) > most:
        raise _wrong(key, path, f"has more than the {most} bytes that may be")
    return data


def wall_ns(moment: datetime) -> int:
    """A moment by the clock of agent.clock."""
    return int(moment.timestamp()) * 1_000_000_000


def day(at_ns: int) -> str:
    """A moment for people."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _certificates(key: str, path: Path, data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except UNREADABLE as exc:
        raise _wrong(key, path, "holds no certificate (PEM)") from exc


def _private_key(path: Path, data: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(data, None)
    except TypeError as exc:
        raise _wrong("key", path, "has a passphrase; write it without one") from exc
    except UNREADABLE as exc:
        raise _wrong("key", path, "holds no private key (PEM)") from exc
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _wrong("key", path, "is neither an RSA key nor one of an elliptic curve (P-256, P-384)")
    return key


def _issues(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False


def _wrong(key: str, path: Path | None, reason: str) -> BadInput:
    return BadInput(f"{KEY}.{key}", f"{path} {reason}")


def _stamp(paths: Sequence[Path]) -> Stamp:
    """Two of them differ where other bytes may be found; a mounted secret is changed by turning a symbolic link."""
    return tuple(_stamp_of(path) for path in paths)


def _stamp_of(path: Path) -> tuple[object, ...]:
    try:
        found = os.stat(path)
    except OSError as exc:
        return (exc.errno,)
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _without_waiting(path: str, flags: int) -> int:
    """Opening a FIFO by mistake must not hang the daemon."""
    return os.open(path, flags | os.O_NONBLOCK)

"""The files of the port: what is taken over, what is refused, and what stays in use meanwhile."""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from agent.api.certificates import MOST_KEPT, ClientCertificates
from agent.api.revocation import read_revocations
from agent.api.tls_files import MAX_BYTES, TlsFiles, TlsPaths
from agent.clock import VirtualClock
from agent.errors import BadInput
from tests.support.plant import DAY_S, HOUR_S, PLC_3, Plant, TlsFolder


@dataclass
class Desk:
    """The files of an agent whose clock stands at the plant's now."""

    plant: Plant
    folder: TlsFolder
    clock: VirtualClock

    def __post_init__(self) -> None:
        self.folder.write("revoked.pem", self.plant.crl())

    @property
    def paths(self) -> TlsPaths:
        return TlsPaths(*(self.folder.path(name) for name in ("cert.pem", "key.pem", "ca.pem", "revoked.pem")))

    def open(self) -> TlsFiles:
        return TlsFiles(self.paths, self.clock)

    def refusal(self) -> str:
        with pytest.raises(BadInput) as caught:
            self.open()
        return str(caught.value)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    plant = Plant()
    return Desk(plant, TlsFolder(tmp_path, plant), VirtualClock(int(plant.now.timestamp()) * 1_000_000_000))


def other_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def edwards_key() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def with_passphrase() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


NO_CA = Plant("no").issue(PLC_3).pem


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("cert.pem", b"", "api.tcp.tls.cert: {path} holds no certificate (PEM)"),
        ("cert.pem", b"x" * (MAX_BYTES + 1), "api.tcp.tls.cert: {path} has more than the 1048576 bytes"),
        ("key.pem", b"-----BEGIN PRIVATE KEY-----\n", "api.tcp.tls.key: {path} holds no private key (PEM)"),
        ("key.pem", other_key(), "api.tcp.tls.key: {path} is not the key of"),
        ("key.pem", edwards_key(), "api.tcp.tls.key: {path} is neither an RSA key nor one of an elliptic curve"),
        ("key.pem", with_passphrase(), "api.tcp.tls.key: {path} has a passphrase; write it without one"),
        ("ca.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "api.tcp.tls.client_ca: {path} holds no certificate"),
        ("ca.pem", NO_CA, "api.tcp.tls.client_ca: {path} has a certificate of 'CN=leaf', which is no CA"),
        ("revoked.pem", b"garbage", "api.tcp.tls.revoked: {path} holds no list of revoked certificates"),
        ("revoked.pem", Plant().crl(), "api.tcp.tls.revoked: {path} has a list of 'CN=plant CA' that no CA of"),
        ("revoked.pem", Plant("other").crl(), "api.tcp.tls.revoked: {path} has a list of 'CN=other CA' that no CA"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start_in_one_line_with_its_key(
    desk: Desk, name: str, data: bytes, reason: str
) -> None:
    path = desk.folder.write(name, data)
    said = desk.refusal()
    assert said.startswith(reason.format(path=path))
    assert "\n" not in said


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "ca.pem", "revoked.pem"])
def test_what_is_missing_no_file_or_open_to_others_is_refused_at_the_start(desk: Desk, name: str) -> None:
    path = desk.folder.path(name)
    path.chmod(0o646)
    assert f"{path} may be " in desk.refusal()
    path.unlink()
    assert desk.refusal().endswith(f"{path} cannot be read: No such file or directory")
    os.mkfifo(path, 0o600)
    assert desk.refusal().endswith(f"{path} is not a regular file")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o601, 0o666])
def test_a_key_that_others_may_read_is_refused_and_one_of_the_group_is_not(desk: Desk, mode: int) -> None:
    key = desk.folder.path("key.pem")
    key.chmod(mode)
    assert desk.refusal() == (
        f"api.tcp.tls.key: {key} may be read by others (mode {mode:o}); chmod 600, or 640 for its group"
    )
    key.chmod(0o640)
    assert desk.open().problems() == []


def test_what_has_only_ended_keeps_no_line_from_starting(desk: Desk) -> None:
    """The plant may have stood for weeks, or the clock may have lost its battery."""
    desk.folder.write("revoked.pem", desk.plant.crl(made_s=-2 * DAY_S, due_s=-DAY_S))
    for server, word in (
        (desk.plant.server(ends_s=-60), "ended"),
        (desk.plant.server(begins_s=HOUR_S, ends_s=DAY_S * 90), "begins"),
    ):
        desk.folder.show(server)
        said = desk.open().problems()
        assert f"cert.pem {word} " in said[0]
        assert "revoked.pem was to be renewed by " in said[1]


@pytest.mark.parametrize(
    ("reason", "write"),
    [
        ("is not the key of", lambda desk: desk.folder.write("key.pem", other_key())),
        ("holds no certificate", lambda desk: desk.folder.write("cert.pem", b"-----BEGIN CERTI")),
        ("holds no private key", lambda desk: desk.folder.write("key.pem", b"")),
        ("ended ", lambda desk: desk.folder.show(desk.plant.server(ends_s=-60))),
        ("begins ", lambda desk: desk.folder.show(desk.plant.server(begins_s=HOUR_S))),
        ("may be read by others", lambda desk: desk.folder.path("key.pem").chmod(0o644)),
        ("cannot be read", lambda desk: desk.folder.path("key.pem").unlink()),
    ],
)
def test_a_pair_that_turns_bad_leaves_the_one_before_until_a_good_one_comes(
    desk: Desk, reason: str, write: Callable[[Desk], object]
) -> None:
    files = desk.open()
    before = files.pair
    write(desk)
    files.look()
    assert files.problems() == []  # it may be half written
    files.look()
    (said,) = files.problems()
    assert reason in said
    assert said.endswith("; the one before stays in use")
    assert files.pair is before
    new = desk.plant.server()
    desk.folder.show(new)
    desk.folder.path("key.pem").chmod(0o600)
    files.look()
    assert (files.problems(), files.pair.chain) == ([], new.pem)


def test_files_that_come_back_as_they_were_are_right_again(desk: Desk) -> None:
    """As where a symbolic link is turned, and turned back."""
    folder = desk.folder.folder
    for name, other in (("v1", desk.plant.server()), ("v2", desk.plant.server())):
        TlsFolder(folder / name, desk.plant).show(other)
    (folder / "v3").mkdir()
    link = folder / "..data"
    link.symlink_to("v1")
    paths = TlsPaths(*(link / name for name in ("cert.pem", "key.pem", "ca.pem")))
    files = TlsFiles(paths, desk.clock)
    found = []
    for target in ("v2", "v3", "v2", "v1"):
        (folder / "new").symlink_to(target)
        (folder / "new").replace(link)
        files.look()
        files.look()
        found.append((files.pair.chain == (folder / "v2" / "cert.pem").read_bytes(), len(files.problems())))
    assert found == [(True, 0), (True, 2), (True, 0), (False, 0)]


def test_what_is_refused_for_its_time_is_taken_when_its_time_comes(desk: Desk) -> None:
    files = desk.open()
    new = desk.plant.server(begins_s=HOUR_S)
    desk.folder.show(new)
    files.look()
    files.look()
    assert len(files.problems()) == 1
    desk.clock.step_wall(HOUR_S + 1)
    files.look()
    assert (files.problems(), files.pair.chain) == ([], new.pem)


@pytest.mark.parametrize(("left_s", "word"), [(14 * DAY_S + 60, None), (14 * DAY_S - 60, "ends"), (-60, "ended")])
def test_the_end_of_a_certificate_is_told_two_weeks_before(desk: Desk, left_s: float, word: str | None) -> None:
    files = desk.open()
    desk.folder.write("revoked.pem", desk.plant.crl(due_s=400 * DAY_S))
    files.look()
    desk.clock.step_wall(90 * DAY_S - left_s)
    said = files.problems()
    assert len(said) == (0 if word is None else 1)
    assert word is None or f"cert.pem {word} " in said[0]


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_list_of_revoked_certificates_is_taken_over_in_either_form(desk: Desk, encoding: Encoding) -> None:
    files, lost, kept = desk.open(), desk.plant.issue(PLC_3), desk.plant.issue(PLC_3)
    issuer = desk.plant.ca.subject
    assert not files.revocations.has(issuer, lost.serial)
    desk.folder.write("revoked.pem", desk.plant.crl(lost, made_s=0, encoding=encoding))
    files.look()
    assert files.revocations.has(issuer, lost.serial)
    assert not files.revocations.has(issuer, kept.serial)
    assert not files.revocations.has(x509.Name([]), lost.serial)


def test_one_file_may_hold_the_lists_of_several_cas(desk: Desk) -> None:
    other = Plant("other")
    lost, also = desk.plant.issue(PLC_3), other.issue(PLC_3)
    desk.folder.write("ca.pem", desk.plant.ca_pem + other.ca_pem)
    desk.folder.write("revoked.pem", desk.plant.crl(lost) + other.crl(also))
    revocations = desk.open().revocations
    assert revocations.has(desk.plant.ca.subject, lost.serial)
    assert revocations.has(other.ca.subject, also.serial)
    assert not revocations.has(other.ca.subject, lost.serial)


def test_a_list_whose_cas_name_is_written_in_another_string_type_holds_for_its_certificates(desk: Desk) -> None:
    lost, others = desk.plant.issue(PLC_3), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "plant CA", PRINTABLE)])
    assert others == desk.plant.ca.subject
    assert others.public_bytes() != desk.plant.ca.subject.public_bytes()
    desk.folder.write("revoked.pem", desk.plant.crl(lost, issuer=others))
    files = desk.open()
    told, _ = ClientCertificates().read(lost.pem, files.authorities)
    assert files.revocations.has(told.issuer, told.serial)


PRINTABLE = _ASN1Type.PrintableString
PARTS = x509.IssuingDistributionPoint(
    None, None, False, False, frozenset({x509.ReasonFlags.key_compromise}), False, False
)
OTHERS = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)


@pytest.mark.parametrize(
    ("reason", "made"),
    [
        ("holds no list", lambda plant: b""),
        ("that no CA of `client_ca` signed", lambda plant: Plant().crl()),
        ("was to be renewed by", lambda plant: plant.crl(made_s=-30, due_s=-1)),
        ("was made before the list in use", lambda plant: plant.crl(made_s=-90)),
        ("is a list in parts", lambda plant: plant.crl(made_s=0, extension=x509.DeltaCRLIndicator(1))),
        ("for some reasons only", lambda plant: plant.crl(made_s=0, extension=PARTS)),
        ("for other CAs", lambda plant: plant.crl(made_s=0, extension=OTHERS)),
    ],
)
def test_a_list_that_must_not_be_believed_leaves_the_one_before_in_use(
    desk: Desk, reason: str, made: Callable[[Plant], bytes]
) -> None:
    lost, issuer = desk.plant.issue(PLC_3), desk.plant.ca.subject
    desk.folder.write("revoked.pem", desk.plant.crl(lost))
    files = desk.open()
    desk.folder.write("revoked.pem", made(desk.plant))
    files.look()
    files.look()
    (said,) = files.problems()
    assert reason in said
    assert files.revocations.has(issuer, lost.serial)
    desk.folder.write("revoked.pem", desk.plant.crl(made_s=0))
    files.look()
    assert files.problems() == []
    assert not files.revocations.has(issuer, lost.serial)


def flipped(data: bytes, seed: int = 7) -> Iterator[bytes]:
    """With one bit of every other byte turned."""
    draw = random.Random(seed)
    for place in range(0, len(data), 2):
        changed = bytearray(data)
        changed[place] ^= 1 << draw.randrange(8)
        yield bytes(changed)


def test_a_bit_that_flips_in_a_list_is_found_by_its_signature(desk: Desk) -> None:
    lost, taken = desk.plant.issue(PLC_3), 0
    made = desk.plant.crl(lost, encoding=Encoding.DER)
    for changed in flipped(made):
        try:
            found = read_revocations(desk.folder.path("revoked.pem"), changed, [desk.plant.ca])
        except BadInput:
            continue
        taken += 1  # of how many bits of the last byte count nothing is signed
        assert found == read_revocations(desk.folder.path("revoked.pem"), made, [desk.plant.ca])
    assert taken <= 1


def pem_of(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def test_a_bit_that_flips_in_a_certificate_makes_nobody_else_of_it(desk: Desk) -> None:
    authorities, certificates = desk.open().authorities, ClientCertificates()
    issued = desk.plant.issue(PLC_3)
    genuine, taken = certificates.read(issued.pem, authorities)[0], 0
    for changed in flipped(issued.certificate.public_bytes(Encoding.DER)):
        told, by_the_plant = certificates.read(pem_of(changed), authorities)
        if told.uri and by_the_plant:
            taken += 1  # as above; it is known by its serial number, so that revoking it revokes this too
            assert told == genuine
    assert taken <= 1


def test_a_bit_that_flips_in_a_file_is_an_error_of_the_file_and_of_nothing_else(desk: Desk) -> None:
    files = desk.open()
    for name, certificate in (("cert.pem", desk.folder.server.certificate), ("ca.pem", desk.plant.ca)):
        for changed in flipped(certificate.public_bytes(Encoding.DER)):
            desk.folder.write(name, pem_of(changed))
            files.look()  # most are refused; what nothing signs is as good as before


def test_a_list_in_use_that_is_overdue_goes_on_to_hold(desk: Desk) -> None:
    lost = desk.plant.issue(PLC_3)
    desk.folder.write("revoked.pem", desk.plant.crl(lost))
    files = desk.open()
    desk.clock.step_wall(DAY_S + 60)
    (said,) = files.problems()
    assert "revoked.pem was to be renewed by " in said
    assert files.revocations.has(desk.plant.ca.subject, lost.serial)


def test_a_list_of_a_ca_that_is_gone_is_told(desk: Desk) -> None:
    files, new = desk.open(), Plant("new")
    desk.folder.write("ca.pem", new.ca_pem)
    files.look()
    files.look()
    (said,) = files.problems()
    assert "revoked.pem has a list of 'CN=plant CA' that no CA of `client_ca` signed" in said


def test_each_certificate_is_read_once_and_a_bounded_number_is_kept(desk: Desk) -> None:
    authorities, certificates = desk.open().authorities, ClientCertificates()
    pem = desk.plant.issue(PLC_3).pem
    first, issued = certificates.read(pem, authorities)
    assert (first.uri, issued) == (PLC_3, True)
    for number in range(3 * MOST_KEPT):
        assert certificates.read(b"%d" % number, authorities)[0].uri == ""
        assert certificates.read(pem, authorities)[0] is first
    assert len(certificates) == MOST_KEPT
    assert certificates.read(pem, desk.open().authorities)[1]
    assert not certificates.read(Plant().issue(PLC_3).pem, authorities)[1]  # a CA of the same name

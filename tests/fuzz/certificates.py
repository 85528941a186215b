"""Lists of revoked certificates and PEM files of the network door: read as they are, or refused in one line.

Much of what is broken is signed all the same by the CA: whoever is believed by mistake is asked the most. Keys and
times never change, so that a case is the same bytes each time.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.api.certificates import ClientCertificates
from agent.api.revocation import read_revocations
from agent.api.tls_files import Authorities, TlsPaths, read_authorities, read_pair
from agent.domain.identity import uri_problem
from agent.errors import BadInput
from tests.fuzz.mutate import mutated, odd_text
from tests.fuzz.target import Plain, ensure, folder, one_line

FOREVER_NS = 1 << 70  # beyond the year 9999, which is the last of a certificate
PublicKey: TypeAlias = "Ed25519PublicKey | ec.EllipticCurvePublicKey"
_BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.+?)-----END \1-----\n?", re.DOTALL)
_DER_WORDS = (
    b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x02\x00", b"\x02\x01\x00", b"\x02\x01\xff", b"\x02\x15" + b"\x7f" * 21,
    b"\x17\x0d991231235959Z", b"\x18\x0f99991231235959Z", b"\x18\x0f00000101000000Z", b"\x17\x0d260101000000Z",
    b"\x17\x0d250229000000Z", b"\x0c\x00", b"\x0c\x04\xff\xfe\x0a\x0d", b"\x16\x03a\nb", b"\x86\x03x\0y", b"\x05\x00",
    b"\x06\x03\x55\x1d\x14", b"\x06\x03\x55\x1d\x1c", b"\x06\x03\x55\x1d\x15", b"\x06\x03\x55\x1d\x11", b"\x01\x01\xff",
)  # fmt: skip
_PEM_WORDS = (
    *(b"-----BEGIN %s-----\n" % kind for kind in (b"X509 CRL", b"CERTIFICATE", b"TRUSTED CERTIFICATE", b"PRIVATE KEY")),
    *(b"-----END %s-----\n" % kind for kind in (b"X509 CRL", b"CERTIFICATE", b"ENCRYPTED PRIVATE KEY")),
    b"Proc-Type: 4,ENCRYPTED\n", b"=", b"====", b"\n\n", b"\r\n", b"\0", b"\xff", b" ", b"-----", b"A" * 4000,
)  # fmt: skip


class Forge:
    """A CA of Ed25519, which signs the same bytes the same each time: also bytes that make no sense."""

    def __init__(self, seed: int, *names: str) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
        self.ca = self.certificate(1, self.name, [x509.BasicConstraints(ca=True, path_length=0)], self.key.public_key())

    def certificate(
        self, serial: int, name: x509.Name, extensions: Sequence[x509.ExtensionType], key: PublicKey
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(self.name, name, key, serial)
        builder = builder.not_valid_before(_BEGIN).not_valid_after(_BEGIN + timedelta(days=900))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, None)

    def client(self, *names: x509.GeneralName) -> x509.Certificate:
        leaf = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])
        extensions: list[x509.ExtensionType] = [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]
        extensions += [x509.SubjectAlternativeName(names)] if names else []
        return self.certificate(77, leaf, extensions, Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())

    def crl(self, *serials: int, extension: x509.ExtensionType | None = None) -> bytes:
        builder = x509.CertificateRevocationListBuilder(self.name, _BEGIN, _BEGIN + timedelta(days=30))
        builder = builder.add_extension(x509.CRLNumber(3), critical=False)
        for serial in serials:
            one = x509.RevokedCertificateBuilder(serial, _BEGIN, [])
            one = one.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
            builder = builder.add_revoked_certificate(one.build())
        if extension is not None:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(self.key, None).public_bytes(Encoding.DER)

    def signed(self, content: bytes) -> bytes:
        """A certificate or a list of that content, in DER."""
        algorithm = b"\x30\x05\x06\x03\x2b\x65\x70"
        return _der(0x30, content + algorithm + _der(0x03, b"\0" + self.key.sign(content)))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _content(der: bytes) -> bytes:
    """What is signed in a certificate or a list: the first element within it."""
    head = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    inner = der[head:]
    if inner[1] < 0x80:
        return inner[: 2 + inner[1]]
    count = inner[1] & 0x7F
    return inner[: 2 + count + int.from_bytes(inner[2 : 2 + count], "big")]


def _pem(kind: str, der: bytes) -> bytes:
    text = base64.encodebytes(der).replace(b"\n", b"")
    lines = b"\n".join(text[place : place + 64] for place in range(0, len(text), 64))
    return f"-----BEGIN {kind}-----\n".encode() + lines + f"\n-----END {kind}-----\n".encode()


def _other_block(chance: random.Random, data: bytes, change: bytes | None = None) -> bytes:
    """One block of a PEM file with other bytes in it."""
    blocks = list(_BLOCK.finditer(data))
    if not blocks:
        return mutated(chance, data, [], _PEM_WORDS)
    block = chance.choice(blocks)
    der = change if change is not None else mutated(chance, base64.b64decode(block[2]), [], _DER_WORDS)
    return data[: block.start()] + _pem(block[1].decode(), der) + data[block.end() :]


def _refused(error: BadInput, key: str, path: Path) -> None:
    one_line(str(error))
    ensure(str(error).isprintable(), f"words that no terminal shows: {str(error)[:200]!r}")
    ensure(str(error).startswith(f"api.tcp.tls.{key}: {path} "), f"names no file: {str(error)[:200]!r}")


class Revoked(Plain):
    """See tests.fuzz.target. Lists in PEM and DER; a list is believed where a CA signed just those bytes."""

    name = "crl"

    def __init__(self) -> None:
        self._forge, self._other = Forge(7, "plant CA"), Forge(8, "other\nCA \x1b[31m")
        self._cas = [self._forge.ca, self._other.ca]
        parts = x509.DeltaCRLIndicator(2)
        point = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
        self._ders = [
            self._forge.crl(),
            self._forge.crl(1, 2, 3, (1 << 159) - 1),
            self._forge.crl(5, extension=point),
            self._other.crl(*range(1, 20)),
        ]
        pems = [_pem("X509 CRL", der) for der in self._ders]
        self._seeds = [*self._ders, *pems, pems[1] + b"\n# the other one\n" + pems[3]]
        self._strangers = [self._forge.crl(9, extension=parts), Forge(9, *["stranger\r\n" * 6] * 50).crl(4)]

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        kind = chance.random()
        if kind < 0.25:
            return mutated(chance, chance.choice(self._seeds), self._seeds, _PEM_WORDS + _DER_WORDS)
        der = chance.choice(self._ders + self._strangers)
        if kind < 0.85:
            content = mutated(chance, _content(der), [_content(one) for one in self._ders], _DER_WORDS)
            der = chance.choice((self._forge, self._forge, self._other)).signed(content)
        if chance.random() < 0.5:
            return der
        pem = _pem("X509 CRL", der)
        return pem + chance.choice(self._seeds[4:]) if chance.random() < 0.3 else pem

    def check(self, case: bytes) -> None:
        path = Path("revoked.pem")
        try:
            found = read_revocations(path, case, self._cas)
        except BadInput as error:
            _refused(error, "revoked", path)
            return
        issuers = {ca.subject for ca in self._cas}
        ensure(set(found.serials) == set(found.made_ns) <= issuers, "a list of somebody who is no CA")
        ensure(bool(found.serials), "nothing was read, and nothing was said")
        ensure(all(abs(made_ns) < FOREVER_NS for made_ns in found.made_ns.values()), "a time beyond all time")
        for ca in self._cas:
            serials = found.serials.get(ca.subject, ())
            ensure(all(found.has(ca.subject, serial) for serial in serials), "a certificate that is revoked and is not")
        blocks = [base64.b64decode(block[2]) for block in _BLOCK.finditer(case) if block[1] == b"X509 CRL"]
        for der in blocks:
            self._check_signed(der)

    def _check_signed(self, der: bytes) -> None:
        """By another way than the reader's: the bytes that count are signed by the key of a CA."""
        with suppress(ValueError):
            one = x509.load_der_x509_crl(der)
            keys = [forge.key.public_key() for forge in (self._forge, self._other) if forge.name == one.issuer]
            ensure(any(one.is_signature_valid(key) for key in keys), "a list that nobody signed is believed")


class PemFiles:
    """See tests.fuzz.target. What comes first tells what is read: `A` CAs, `P` certificate and key, `C` a client's."""

    name = "pem"

    def __init__(self) -> None:
        self._folder = folder()
        self._paths = TlsPaths(*(Path(self._folder.name) / name for name in ("cert.pem", "key.pem", "ca.pem")))
        for path in (self._paths.cert, self._paths.key, self._paths.client_ca):
            path.touch(mode=0o600)
        self._forge, self._other = Forge(7, "plant CA"), Forge(8, "other\nCA \x1b[31m")
        cas = [_pem("CERTIFICATE", one.ca.public_bytes(Encoding.DER)) for one in (self._forge, self._other)]
        self._authorities = Authorities(cas[0], (self._forge.ca,))
        uri = x509.UniformResourceIdentifier
        clients = [
            self._forge.client(uri("spiffe://plant/plc-3")),
            self._forge.client(uri("spiffe://plant/a"), x509.DNSName("plc"), x509.RFC822Name("a@plant")),
            self._other.client(uri("spiffe://plant/b"), uri("spiffe://plant/c")),
            self._forge.client(),
        ]
        self._ders = [one.public_bytes(Encoding.DER) for one in (*clients, self._forge.ca)]
        self._clients = [_pem("CERTIFICATE", der) for der in self._ders]
        self._seeds = [
            b"A" + cas[0],
            b"A" + cas[0] + b"\nthe other one:\n" + cas[1],
            b"P" + self._pair(),
            *(b"C" + one for one in self._clients),
        ]

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        kind = chance.random()
        if kind < 0.25:
            return mutated(chance, chance.choice(self._seeds), self._seeds, _PEM_WORDS)
        seed = chance.choice(self._seeds)
        if kind < 0.55:
            return seed[:1] + _other_block(chance, seed[1:])
        content = _content(chance.choice(self._ders))
        if chance.random() < 0.3:
            words = odd_text(chance).encode("utf-8", "surrogatepass")[:100]
            content = content.replace(b"spiffe://plant/plc-3", (words + b"spiffe://plant/plc-3")[:20])
        else:
            content = mutated(chance, content, [_content(der) for der in self._ders], _DER_WORDS)
        der = chance.choice((self._forge, self._forge, self._other)).signed(content)
        return chance.choice((b"C", b"C", b"A")) + _pem("CERTIFICATE", der)

    def check(self, case: bytes) -> None:
        kind, body = case[:1], case[1:]
        if kind == b"A":
            self._check_authorities(body)
        elif kind == b"P":
            self._check_pair(body)
        else:
            self._check_client(body)

    def _pair(self) -> bytes:
        """An agent's certificate and its key."""
        key = ec.derive_private_key(0x1234_5678_90AB_CDEF << 64, ec.SECP256R1())
        own = self._forge.certificate(9, self._forge.name, [x509.BasicConstraints(False, None)], key.public_key())
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _pem("CERTIFICATE", own.public_bytes(Encoding.DER)) + b"\0\0" + secret

    def _check_authorities(self, data: bytes) -> None:
        path = self._paths.client_ca
        path.write_bytes(data)
        try:
            found = read_authorities(path)
        except BadInput as error:
            _refused(error, "client_ca", path)
            return
        ensure(bool(found.certificates), "no CA was read, and nothing was said")
        for one in found.certificates:
            constraints = one.extensions.get_extension_for_class(x509.BasicConstraints).value
            ensure(constraints.ca, "a certificate that is no CA issues for clients")

    def _check_pair(self, data: bytes) -> None:
        chain, _, key = data.partition(b"\0\0")
        self._paths.cert.write_bytes(chain)
        self._paths.key.write_bytes(key)
        try:
            pair = read_pair(self._paths)
        except BadInput as error:
            name = "key" if ".key: " in str(error)[:20] else "cert"
            _refused(error, name, self._paths.key if name == "key" else self._paths.cert)
            return
        ensure((pair.chain, pair.key) == (chain, key), "another pair than that of the files")
        ensure(abs(pair.not_before_ns) < FOREVER_NS > abs(pair.not_after_ns), "a time beyond all time")

    def _check_client(self, pem: bytes) -> None:
        told, issued = ClientCertificates().read(pem, self._authorities)
        ensure(bool(told.uri) != bool(told.flaw), "a client that has neither a name nor a flaw, or both")
        if told.flaw:
            one_line(told.flaw, "a flaw")
            ensure(told.flaw.isprintable(), f"words that no terminal shows: {told.flaw[:200]!r}")
        else:
            ensure(uri_problem(told.uri) is None, f"a client goes by {told.uri!r}")
        if issued:
            self._forge.key.public_key().verify(
                x509.load_pem_x509_certificate(pem).signature, x509.load_pem_x509_certificate(pem).tbs_certificate_bytes
            )

    def close(self) -> None:
        self._folder.cleanup()

"""What the certificates are good for, as cryptography and OpenSSL see it."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from agent.pki import Authority, Issued, certificates
from tests.unit.pki.conftest import HOST
from tests.unit.pki.handshakes import mutual_tls


def certificate(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())


def folders(authority: Authority) -> tuple[Path, Path, Path]:
    """The CA's certificate, the server's and the client's folder."""
    return authority.folder / "ca.pem", authority.folder / "servers" / HOST, authority.folder / "clients" / "plc-3"


def test_each_certificate_is_for_one_purpose_and_names_whom_it_is_for(authority: Authority, now: datetime) -> None:
    _, server, client = map(certificate, (folders(authority)[1], *folders(authority)[1:]))
    wanted = {
        server: ([ExtendedKeyUsageOID.SERVER_AUTH], [x509.DNSName(HOST), x509.IPAddress(ip_address("10.0.0.5"))]),
        client: ([ExtendedKeyUsageOID.CLIENT_AUTH], [x509.UniformResourceIdentifier("spiffe://plant/plc-3")]),
    }
    for one, (purposes, names) in wanted.items():
        assert list(one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == purposes
        assert list(one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == names
        assert not one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert one.not_valid_after_utc - now == timedelta(days=825)
        one.verify_directly_issued_by(authority.ca)


def test_the_ca_signs_no_other_ca_and_keys_are_p_256(authority: Authority, now: datetime) -> None:
    limits = authority.ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (limits.value.ca, limits.value.path_length, limits.critical) == (True, 0, True)
    assert authority.ca.not_valid_after_utc - now == timedelta(days=3650)
    for path in (authority.folder / "ca-key.pem", *(folder / "key.pem" for folder in folders(authority)[1:])):
        key = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert isinstance(key.curve, ec.SECP256R1)


def test_the_server_is_verified_by_its_names_and_by_no_other(authority: Authority, now: datetime) -> None:
    server = certificate(folders(authority)[1])
    policy = PolicyBuilder().store(Store([authority.ca])).time(now)
    for subject in (x509.DNSName(HOST), x509.IPAddress(ip_address("10.0.0.5"))):
        assert policy.build_server_verifier(subject).verify(server, []) == [server, authority.ca]
    with pytest.raises(VerificationError):
        policy.build_server_verifier(x509.DNSName("line-2.example")).verify(server, [])
    after = policy = PolicyBuilder().store(Store([authority.ca])).time(now + timedelta(days=826))
    with pytest.raises(VerificationError):
        after.build_server_verifier(x509.DNSName(HOST)).verify(server, [])


def test_client_and_server_take_each_other(authority: Authority) -> None:
    ca, server, client = folders(authority)
    mutual_tls(ca, server, client, HOST, authority.folder / "revoked.pem")
    mutual_tls(ca, server, client, "10.0.0.5")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        mutual_tls(ca, server, client, "line-2.example")


def test_a_clients_certificate_is_refused_as_a_servers_and_the_other_way_round(authority: Authority) -> None:
    ca, server, client = folders(authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        mutual_tls(ca, server, server, HOST)
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        mutual_tls(ca, client, client, HOST)


def test_a_revoked_client_is_refused_and_the_others_are_not(authority: Authority, now: datetime) -> None:
    ca, server, client = folders(authority)
    authority.issue_client("plc-4", now)
    authority.revoke("plc-3", now, "key-compromise")
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        mutual_tls(ca, server, client, HOST, authority.folder / "revoked.pem")
    mutual_tls(ca, server, client.with_name("plc-4"), HOST, authority.folder / "revoked.pem")


def test_a_client_of_another_plant_is_refused_even_where_this_ca_has_signed_it(
    authority: Authority, now: datetime, tmp_path: Path
) -> None:
    ca, server, _ = folders(authority)
    signed_with = load_pem_private_key((authority.folder / "ca-key.pem").read_bytes(), None)
    assert isinstance(signed_with, ec.EllipticCurvePrivateKey)
    key = certificates.new_key()
    for plant, refused in (("other", True), ("plant.other", True), ("plant", False)):
        foreign = Issued("00000000000000aa", "client", "x", (f"spiffe://{plant}/x",), now, now + timedelta(days=1))
        made = certificates.make_leaf(authority.ca, signed_with, key, foreign)
        (tmp_path / "cert.pem").write_bytes(certificates.certificate_pem(made))
        (tmp_path / "key.pem").write_bytes(certificates.key_pem(key))
        if refused:
            with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
                mutual_tls(ca, server, tmp_path, HOST)
        else:
            mutual_tls(ca, server, tmp_path, HOST)


def test_a_ca_of_the_same_name_is_another_one(authority: Authority, now: datetime, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "other", "plant", now)
    other.issue_client("plc-3", now)
    assert other.ca.subject != authority.ca.subject
    ca, server, _ = folders(authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="issuer"):
        mutual_tls(ca, server, other.folder / "clients" / "plc-3", HOST)


def test_the_list_names_what_was_revoked_why_and_until_when_it_is_good(authority: Authority, now: datetime) -> None:
    (revoked,) = authority.revoke("plc-3", now, "superseded", crl_days=7)
    crl = x509.load_pem_x509_crl((authority.folder / "revoked.pem").read_bytes())
    public = authority.ca.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert crl.is_signature_valid(public)
    assert crl.issuer == authority.ca.subject
    assert crl.next_update_utc == now + timedelta(days=7)
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2
    (entry,) = crl
    assert (entry.serial_number, entry.revocation_date_utc) == (int(revoked.serial, 16), now)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.superseded


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is missing")
def test_the_openssl_command_comes_to_the_same_verdicts(authority: Authority, now: datetime) -> None:
    ca, server, client = folders(authority)

    def verdict(folder: Path, purpose: str) -> str:
        """The first error's text, '' where all is well."""
        options = ("-x509_strict", "-CAfile", ca, "-crl_check", "-CRLfile", authority.folder / "revoked.pem")
        command = ("openssl", "verify", *options, "-purpose", purpose, folder / "cert.pem")
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error ")]
        assert (done.returncode == 0) == (errors == [])
        return errors[0].partition("lookup: ")[2] if errors else ""

    assert verdict(server, "sslserver") == verdict(client, "sslclient") == ""
    assert verdict(server, "sslclient") == verdict(client, "sslserver") == "unsuitable certificate purpose"
    authority.revoke("plc-3", now, "unspecified")
    assert verdict(client, "sslclient") == "certificate revoked"
    shown = ("openssl", "crl", "-in", authority.folder / "revoked.pem", "-CAfile", ca, "-noout")
    done = subprocess.run(shown, capture_output=True, text=True, timeout=60, check=True)
    assert "verify OK" in done.stderr

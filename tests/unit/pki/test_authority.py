"""What a CA in a folder does and refuses, and what is left when it is cut off."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.errors import BadInput
from agent.pki import Authority, files
from agent.pki.names import check_host, check_plant, client_uri


class Killed(BaseException):
    """The process ends here."""


def states(authority: Authority, now: datetime) -> list[tuple[str, str]]:
    return [(one.issued.name, one.state) for one in authority.entries(now)]


def serial_of(folder: Path) -> str:
    return f"{x509.load_pem_x509_certificate((folder / 'cert.pem').read_bytes()).serial_number:016x}"


def is_pair(folder: Path) -> bool:
    key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()).public_key() == key.public_key()


def test_keys_are_for_their_owner_only(authority: Authority) -> None:
    found = [path for path in authority.folder.rglob("*") if not path.is_symlink()]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (authority.folder, *found)}
    assert {mode for name, mode in modes.items() if name.endswith("key.pem") or name == "index.json"} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (authority.folder, *found) if path.is_dir()} == {0o700}
    assert not authority.key_is_open
    (authority.folder / "ca-key.pem").chmod(0o640)
    assert authority.key_is_open


def test_a_ca_is_never_made_over_anything(authority: Authority, now: datetime, tmp_path: Path) -> None:
    before = (authority.folder / "ca.pem").read_bytes()
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for folder in (authority.folder, tmp_path / "file", tmp_path / "link"):
        with pytest.raises(BadInput, match="never overwritten"):
            Authority.create(folder, "plant", now)
    with pytest.raises(BadInput, match="is no folder"):
        Authority.create(tmp_path / "none" / "ca", "plant", now)
    assert (authority.folder / "ca.pem").read_bytes() == before
    (tmp_path / "empty").mkdir()
    assert Authority.create(tmp_path / "empty", "plant", now).entries(now) == []


def test_of_two_that_make_a_ca_at_the_same_time_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: datetime
) -> None:
    publish = files.publish

    def late(new: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "index.json").write_text("another's")
        publish(new, folder)

    monkeypatch.setattr(files, "publish", late)
    with pytest.raises(BadInput, match="never overwritten"):
        Authority.create(tmp_path / "ca", "plant", now)
    assert [path.name for path in tmp_path.iterdir()] == ["ca"]
    assert (tmp_path / "ca" / "index.json").read_text() == "another's"


def test_a_name_has_one_valid_certificate_until_it_is_renewed(authority: Authority, now: datetime) -> None:
    with pytest.raises(BadInput, match=r"plc-3 has a certificate until .* pki renew"):
        authority.issue_client("plc-3", now)
    link = authority.folder / "clients" / "plc-3"
    first = serial_of(link)
    second = authority.renew("plc-3", now, days=10)
    assert states(authority, now) == [("line-1.example", "valid"), ("plc-3", "replaced"), ("plc-3", "valid")]
    assert (serial_of(link), second.names) == (second.serial, ("spiffe://plant/plc-3",))
    assert first != second.serial
    assert is_pair(link)
    assert is_pair(authority.folder / "issued" / first)
    later = now + timedelta(days=11)
    assert states(authority, later)[-1] == ("plc-3", "expired")
    authority.renew("plc-3", later)
    assert states(authority, later)[-1] == ("plc-3", "valid")


def test_revoking_a_name_takes_all_its_certificates_and_a_serial_takes_one(authority: Authority, now: datetime) -> None:
    first = authority.entries(now)[-1].issued.serial
    authority.renew("plc-3", now)
    (one,) = authority.revoke(first, now, "superseded")
    assert (one.serial, [state for _, state in states(authority, now)]) == (first, ["valid", "revoked", "valid"])
    both = authority.revoke("spiffe://plant/plc-3", now + timedelta(days=1), "key-compromise")
    assert [(one.revoked, one.reason) for one in both] == [
        (now, "superseded"),
        (now + timedelta(days=1), "key-compromise"),
    ]
    with pytest.raises(BadInput, match="was revoked"):
        authority.renew("plc-3", now)
    anew = authority.issue_client("plc-3", now)
    assert states(authority, now)[-1] == ("plc-3", "valid")
    assert Authority(authority.folder).entries(now)[-1].issued == anew


def test_what_was_not_issued_here_is_not_revoked(authority: Authority, now: datetime) -> None:
    before = (authority.folder / "revoked.pem").read_bytes()
    for which in ("plc-9", "0123456789abcdef", "spiffe://other/plc-3", ""):
        with pytest.raises(BadInput, match="was not issued here"):
            authority.revoke(which, now, "unspecified")
    with pytest.raises(BadInput, match="nothing to revoke"):
        authority.revoke("plc-3", now + timedelta(days=900), "unspecified")
    assert (authority.folder / "revoked.pem").read_bytes() == before


def test_a_client_and_a_server_of_one_name_are_told_apart(authority: Authority, now: datetime) -> None:
    authority.issue_client("line-1.example", now)
    with pytest.raises(BadInput, match=r"clients/line-1\.example or servers/line-1\.example"):
        authority.revoke("line-1.example", now, "unspecified")
    (one,) = authority.revoke("clients/line-1.example", now, "unspecified")
    assert one.kind == "client"


def test_clients_may_be_in_folders_of_their_own(authority: Authority, now: datetime) -> None:
    one = authority.issue_client("engineering/anna", now)
    assert one.names == ("spiffe://plant/engineering/anna",)
    assert serial_of(authority.folder / "clients" / "engineering" / "anna") == one.serial
    again = authority.renew("engineering/anna", now)
    assert serial_of(authority.folder / "clients" / "engineering" / "anna") == again.serial
    for name in ("engineering", "engineering/anna/laptop"):
        with pytest.raises(BadInput, match=f"{name} and engineering/anna cannot both be"):
            authority.issue_client(name, now)
    assert len(authority.revoke("engineering/anna", now, "unspecified")) == 2


def test_nothing_outlives_the_ca(authority: Authority, now: datetime) -> None:
    late = now + timedelta(days=3650 - 100)
    assert authority.issue_client("plc-4", late).not_after == authority.ca.not_valid_after_utc
    with pytest.raises(BadInput, match="--days: 101 days end after the CA"):
        authority.issue_client("plc-5", late, days=101)
    with pytest.raises(BadInput, match="the CA ended on"):
        authority.issue_client("plc-5", now + timedelta(days=3651))
    for days in (0, -1, 40_000):
        with pytest.raises(BadInput, match=r"--days: .* days are not within"):
            authority.renew("plc-3", now, days=days)


def test_only_one_command_at_a_time_changes_a_ca(authority: Authority, now: datetime) -> None:
    with files.locked(authority.folder), pytest.raises(BadInput, match="another `ofa-agent pki` is at work"):
        authority.issue_client("plc-4", now)
    stale = Authority(authority.folder)
    authority.issue_client("plc-4", now)
    stale.issue_client("plc-5", now)
    assert [name for name, _ in states(Authority(authority.folder), now)][-2:] == ["plc-4", "plc-5"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": "other/1"}', b"\xff"])
def test_a_damaged_index_is_said_so_and_nothing_is_issued(authority: Authority, content: bytes) -> None:
    (authority.folder / "index.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"index\.json is damaged .* backup"):
        Authority(authority.folder)


def test_a_key_that_is_not_the_cas_signs_nothing(authority: Authority, now: datetime, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "other", "plant", now)
    key = authority.folder / "ca-key.pem"
    key.write_bytes((other.folder / "ca-key.pem").read_bytes())
    with pytest.raises(BadInput, match="is not the key of"):
        authority.issue_client("plc-4", now)
    key.write_bytes(b"none")
    with pytest.raises(BadInput, match="no usable private key"):
        authority.write_crl(now)
    key.unlink()
    with pytest.raises(BadInput, match=r"ca-key\.pem is missing"):
        authority.issue_client("plc-4", now)
    assert len(Authority(authority.folder).entries(now)) == 2
    (authority.folder / "ca.pem").write_bytes(b"none")
    with pytest.raises(BadInput, match="no certificate"):
        Authority(authority.folder)


def killed_at_each_step(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Authority], work: Callable[[Authority], object]
) -> list[Authority]:
    """The CA as it is found after a kill at every point where something gets onto the disk."""
    found: list[Authority] = []
    while True:
        left, authority = len(found), make()

        def step(folder: Path, sync: Callable[[Path], None] = files.sync) -> None:
            nonlocal left
            sync(folder)
            if left == 0:
                raise Killed
            left -= 1

        with monkeypatch.context() as patch:
            patch.setattr(files, "sync", step)
            try:
                work(authority)
            except Killed:
                found.append(Authority(authority.folder))
                continue
        return found


def test_a_kill_leaves_no_certificate_outside_the_index_and_the_command_works_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: datetime
) -> None:
    numbers = iter(range(99))

    def made() -> Authority:
        authority = Authority.create(tmp_path / f"{next(numbers)}", "plant", now)
        authority.issue_client("plc-3", now)
        return authority

    def renewed(authority: Authority) -> object:
        return authority.renew("plc-3", now)

    found = killed_at_each_step(monkeypatch, made, renewed)
    assert len(found) >= 6
    for authority in found:
        known = {one.issued.serial for one in authority.entries(now)}
        assert {path.name for path in (authority.folder / "issued").iterdir()} <= known
        assert is_pair(authority.folder / "clients" / "plc-3")
        again = authority.renew("plc-3", now)
        assert serial_of(authority.folder / "clients" / "plc-3") == again.serial
        assert len(authority.revoke("plc-3", now, "unspecified")) == 3


def test_a_revocation_that_was_cut_off_is_seen_and_finished_by_doing_it_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: datetime
) -> None:
    numbers = iter(range(99))

    def made() -> Authority:
        authority = Authority.create(tmp_path / f"{next(numbers)}", "plant", now)
        authority.issue_client("plc-3", now)
        return authority

    found = killed_at_each_step(monkeypatch, made, lambda one: one.revoke("plc-3", now, "unspecified"))
    behind = [authority.crl_until() is None for authority in found]
    assert (True in behind, behind[-1]) == (True, False)
    for authority in found:
        authority.revoke("plc-3", now, "unspecified")
        crl = x509.load_pem_x509_crl((authority.folder / "revoked.pem").read_bytes())
        assert [f"{one.serial_number:016x}" for one in crl] == [authority.entries(now)[0].issued.serial]
        assert authority.crl_until() is not None


def test_a_first_certificate_that_was_cut_off_can_be_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: datetime
) -> None:
    numbers = iter(range(99))
    found = killed_at_each_step(
        monkeypatch,
        lambda: Authority.create(tmp_path / f"{next(numbers)}", "plant", now),
        lambda one: one.issue_client("plc-3", now),
    )
    for authority in found[:-1]:
        authority.issue_client("plc-3", now)
        assert is_pair(authority.folder / "clients" / "plc-3")
    with pytest.raises(BadInput, match="has a certificate"):
        found[-1].issue_client("plc-3", now)


def test_a_new_ca_is_there_as_a_whole_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, now: datetime
) -> None:
    def fails(path: Path, data: bytes, mode: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write", fails)
    with pytest.raises(OSError, match="No space"):
        Authority.create(tmp_path / "ca", "plant", now)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "a b", "../x", ".x", "x/", "a//b", "/a", "a/../b", "x" * 65, "é", "0123456789abcdef", "a\n"]
)
def test_a_name_that_is_no_clients_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="NAME: "):
        client_uri("plant", name)


def test_a_uri_that_the_agent_would_not_take_is_not_issued() -> None:
    assert client_uri("p" * 48, "n" * 38).endswith("n")
    with pytest.raises(BadInput, match="has 97 characters, at most 96"):
        client_uri("p" * 48, "n" * 39)


@pytest.mark.parametrize("name", ["", "Plant", "a b", "-a", "a/b", "10.0.0.1", "::1", "x" * 49, "a\n", "spiffe://a"])
def test_a_name_that_is_no_plants_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="--plant: "):
        check_plant(name)


@pytest.mark.parametrize("name", ["", "a b", "*.a", "a_b", "a:7443", "a..b", "-a", "1.2.3", "x" * 64, "a" * 16, "a\n"])
def test_a_name_that_is_no_hosts_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="--host: "):
        check_host(name)


def test_hosts_are_written_one_way() -> None:
    assert [check_host(one) for one in ("LINE-1.Example.", "FE80::0:1", "10.0.0.5")] == [
        "line-1.example",
        "fe80::1",
        "10.0.0.5",
    ]

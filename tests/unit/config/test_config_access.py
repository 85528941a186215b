"""Who may come in, and what for, as the config says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import effective, load_config
from agent.config.diff import differences
from agent.domain.access import Role
from agent.domain.identity import LONGEST_URI, pattern_problem, role_of, uri_problem
from agent.domain.reload import ReloadClass
from agent.errors import ConfigError
from tests.unit.config.configs import BASE, loaded, written

TLS = "{cert: agent.pem, key: agent.key, client_ca: ca.pem}"
PLC_3 = "spiffe://plant/plc-3"


def secure(roles: str = "{}", listen: str = "'0.0.0.0:7443'", tls: str = TLS) -> str:
    return f"{BASE}api:\n  tcp:\n    listen: {listen}\n    tls: {tls}\n    roles:\n      {roles}\n"


def refusal(folder: Path, text: str) -> str:
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value).removeprefix(f"{path}:")


def test_the_network_is_as_the_contract_writes_it(tmp_path: Path) -> None:
    tcp = loaded(tmp_path, secure(f'{{"{PLC_3}": control, "spiffe://plant/*": read}}')).api.tcp
    assert tcp is not None
    assert tcp.listen == "0.0.0.0:7443"
    assert (tcp.tls.cert, tcp.tls.key, tcp.tls.client_ca) == tuple(
        tmp_path / name for name in ("agent.pem", "agent.key", "ca.pem")
    )
    assert tcp.tls.revoked is None
    assert tcp.roles == {PLC_3: Role.CONTROL, "spiffe://plant/*": Role.READ}


def test_without_a_section_there_is_no_network_and_no_key_opens_one_without_certificates(tmp_path: Path) -> None:
    assert loaded(tmp_path, BASE).api.tcp is None
    assert "api.tcp.tls: is required" in refusal(tmp_path, BASE + "api: {tcp: {listen: '0.0.0.0:7443'}}\n")
    for name in ("cert", "key", "client_ca"):
        said = refusal(tmp_path, secure(tls=TLS.replace(f"{name}: ", f"x{name}: ")))
        assert said.startswith(f"6: api.tcp.tls.{name}: is required")
    assert "api.tcp.insecure: unknown key" in refusal(tmp_path, secure() + "    insecure: true\n")


def test_what_is_written_out_means_the_same(tmp_path: Path) -> None:
    text = secure(f'{{"{PLC_3}": admin}}').replace(
        "  tcp:", '  unix_roles: {root: admin, "@video": read, "@44": read}\n  tcp:'
    )
    config = loaded(tmp_path, text + "library: {path: l, max_age_days: 90}\n")
    again = load_config(written(tmp_path, effective(config)))
    assert (again.api, again.library) == (config.api, config.library)
    assert config.api.unix_roles == {"root": Role.ADMIN, "@video": Role.READ, "@44": Role.READ}
    assert config.library is not None
    assert config.library.max_age_days == 90


def test_roles_of_the_socket_that_are_left_out_are_none_and_not_nobody(tmp_path: Path) -> None:
    assert loaded(tmp_path, BASE).api.unix_roles is None
    assert loaded(tmp_path, BASE + "api: {unix_roles: {}}\n").api.unix_roles == {}


@pytest.mark.parametrize(
    ("listen", "reason"),
    [
        ("0.0.0.0", "has no port; write HOST:PORT, such as 0.0.0.0:7443"),
        ("'plc:'", "has no port"),
        ("'plc:x'", "has no port"),
        ("'::1:7443'", "is not HOST:PORT or [IPv6]:PORT"),
        ("':7443'", "is not HOST:PORT or [IPv6]:PORT"),
        ("'a b:7443'", "is not HOST:PORT or [IPv6]:PORT"),
        ("'unix:/x:7443'", "is not HOST:PORT or [IPv6]:PORT"),
        ("'0.0.0.0:70000'", "has port 70000; ports end at 65535"),
        ("'10.0.0.256:7443'", "has an address '10.0.0.256' that is none"),
        ("'[::g]:7443'", "is not HOST:PORT or [IPv6]:PORT"),
        ("'[1.2.3.4]:7443'", "has an address '[1.2.3.4]' that is none"),
    ],
)
def test_an_address_that_nothing_can_listen_on_is_refused_where_it_stands(
    tmp_path: Path, listen: str, reason: str
) -> None:
    said = refusal(tmp_path, secure(listen=listen))
    assert said.startswith("5: api.tcp.listen: ")
    assert reason in said


@pytest.mark.parametrize("listen", ["0.0.0.0:7443", "[::]:7443", "[::1]:0", "localhost:65535", "line-3.plant:7443"])
def test_an_address_that_something_can_listen_on_is_taken(tmp_path: Path, listen: str) -> None:
    tcp = loaded(tmp_path, secure(listen=f'"{listen}"')).api.tcp
    assert tcp is not None
    assert tcp.listen == listen


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (f'"{PLC_3}": operator', f"roles[{PLC_3}]: 'operator' is not one of read, control, admin"),
        (f'"{PLC_3}": none', "'none' is not one of read, control, admin"),
        (f'"{PLC_3}": [read]', "is not a word"),
        ('"*": read', "is not a scheme, a colon and printable ASCII characters"),
        ('"plc-3": read', "is not a scheme, a colon"),
        ('"spiffe://*": read', "has a '*' elsewhere than after the last '/' of a path"),
        ('"spiffe://plant/*/x": read', "has a '*' elsewhere"),
        ('"spiffe://plant/plc-*": read', "has a '*' elsewhere"),
        ('"spiffe://plant/a b": read', "printable ASCII"),
        ('"spiffe://plant/ä": read', "printable ASCII"),
        ('"spiffe://plant/a#b": read', "holds a '#'"),
        (f'"spiffe://plant/{"x" * 90}": read', "has 105 characters and at most 96 may be"),
    ],
)
def test_a_role_that_there_is_not_and_a_pattern_that_can_mean_nobody_are_refused_on_their_line(
    tmp_path: Path, entry: str, reason: str
) -> None:
    said = refusal(tmp_path, secure(f'"spiffe://plant/ok": read\n      {entry}'))
    assert said.startswith("9: api.tcp.roles[")
    assert reason in said


@pytest.mark.parametrize("name", ["@", "a b", "1a", "@@a", "12345678901", f"a{'x' * 40}"])
def test_a_user_that_there_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    said = refusal(tmp_path, BASE + f'api: {{unix_roles: {{"{name}": read}}}}\n')
    assert "is neither a user nor, with an '@' before it, a group" in said


def test_only_another_address_needs_a_restart(tmp_path: Path) -> None:
    config = loaded(tmp_path, secure())
    other = loaded(
        tmp_path,
        secure(f'{{"{PLC_3}": read}}', tls=TLS.replace("agent", "new")).replace("  tcp", "  unix_roles: {}\n  tcp"),
    )
    classes = {change.key: change.reload for change in differences(config, other)}
    assert classes == dict.fromkeys(
        ("api.unix_roles", "api.tcp.tls.cert", "api.tcp.tls.key", "api.tcp.roles"), ReloadClass.LIVE
    )
    for text in (BASE, secure(listen="'0.0.0.0:1'")):
        assert [change.reload for change in differences(config, loaded(tmp_path, text))] == [ReloadClass.RESTART]


ROLES = {
    "spiffe://plant/*": Role.READ,
    "spiffe://plant/line-1/*": Role.ADMIN,
    "spiffe://plant/line-1/plc-3": Role.CONTROL,
    "urn:plant:7": Role.READ,
}


@pytest.mark.parametrize(
    ("uri", "role"),
    [
        ("spiffe://plant/line-1/plc-3", Role.CONTROL),  # exact beats the longest pattern
        ("spiffe://plant/line-1/plc-4", Role.ADMIN),  # the longest pattern beats the others
        ("spiffe://plant/line-1/plc-3/x", Role.ADMIN),
        ("spiffe://plant/line-1/", Role.READ),  # nothing is under the folder itself
        ("spiffe://plant/line-10/plc-3", Role.READ),
        ("spiffe://plant/", Role.NONE),
        ("spiffe://plant", Role.NONE),
        ("spiffe://plants/line-1", Role.NONE),
        ("SPIFFE://plant/line-1/plc-3", Role.NONE),
        ("urn:plant:7", Role.READ),
        ("urn:plant:70", Role.NONE),
        ("spiffe://plant/line-1/*", Role.ADMIN),  # a client may call itself that, and is one below the folder
        ("", Role.NONE),
    ],
)
def test_an_exact_uri_beats_the_longest_pattern_and_who_is_meant_by_none_may_do_nothing(uri: str, role: Role) -> None:
    assert role_of(uri, ROLES) is role
    assert role_of(uri, {}) is Role.NONE


def test_whoever_has_a_role_can_go_by_that_name() -> None:
    for uri in (*ROLES, f"a:{'x' * (LONGEST_URI - 2)}"):
        assert pattern_problem(uri) is None
        assert uri_problem(uri) is None
    for uri in (
        "",
        "plc",
        "spiffe://plant/\x00a",
        "spiffe://plant/a\n",
        "spiffe://plant/a b",
        f"a:{'x' * LONGEST_URI}",
    ):
        assert pattern_problem(uri) is not None
        assert uri_problem(uri) is not None

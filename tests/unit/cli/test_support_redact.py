"""What must not leave the machine, and what must stay readable."""

from __future__ import annotations

import json

import pytest

from agent.cli.support.redact import MARK, Redactor, stand_ins

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
UUID = "1e2feb89-414c-443c-9027-c4d1c386bbc4"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+swordfish\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        "password: swordfish",
        'password = "sword fish swordfish"',
        "db_password='swordfish'",
        "login with password swordfish failed",
        "the passphrase is swordfish",
        "http://camera:swordfish@10.0.0.4/stream",
        "rtsp://swordfish@10.0.0.4/stream",
        "https://host/a?token=swordfish&x=1",
        "Authorization: Basic c3dvcmRmaXNo swordfish",
        "Cookie: id=1; other=swordfish",
        "bearer swordfish.swordfish",
        '{"api_key": "swordfish", "name": "plc"}',
        '{\\"client_secret\\": \\"swordfish\\"}',
        "apikey=swordfish;",
        "AWS_SECRET_ACCESS_KEY=swordfish/swordfish+",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzd29yZGZpc2gifQ.swordfish",
        "ghp_swordfishswordfishswordfish0123",
        PEM,
        PEM[: PEM.index("-----END")],
        "x" + json.dumps(PEM),
        "MC4CAQAwBQYDK2VwBCIEIJswordfishT5fJkQ0w2x=",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    redactor = Redactor()
    told = redactor.text(text)
    assert "swordfish" not in told
    assert "c3dvcmRmaXNo" not in told
    assert MARK in told
    assert redactor.redacted > 0


@pytest.mark.parametrize(
    "text",
    [
        f"swap {UUID} to ofa_mbv3_w1.0_k357_e346_d234_r160: digest {SHA}, wanted {SHA}",
        "journal /var/lib/ofa-agent/journal.sqlite3: disk I/O error; check free space, permissions and the disk",
        "DeviceTemperatureSelector_Sensor is 41.5, FileOperationStatus Success, at 2026-05-04T06:12:41Z",
        "lease of 'plc-3' ended without renewal: the fail-safe budget is in force",
        "/home/user/very/long/path/Library2026/with/Many/Folders/manifest.json",
        "trusted_keys: [/etc/ofa-agent/library.pub]",
        '{"key": "camera_lost", "number": 101}',
    ],
)
def test_what_helps_stays(text: str) -> None:
    redactor = Redactor()
    assert redactor.text(text) == text
    assert redactor.redacted == 0


def test_values_under_smelly_keys_go_whatever_they_are() -> None:
    given = {
        "name": "plc",
        "password": 1234,
        "nested": [{"api_key": ["a", "b"], "Token": {"x": "y"}, "secret": None, "trusted_keys": ["k.pub"]}],
        "key": "camera_lost",
    }
    told = Redactor().value(given)
    assert told == {
        "name": "plc",
        "password": MARK,
        "nested": [{"api_key": MARK, "Token": MARK, "secret": None, "trusted_keys": ["k.pub"]}],
        "key": "camera_lost",
    }


CONFIG = """\
version: 1
api:
  tcp: {listen: "0.0.0.0:7443", tls: {cert: /etc/c.pem, private_key: sw0rdfish-1}}
  tls:
    key: /etc/ofa-agent/tls.key   # the password is sw0rdfish-2
proxy: http://agent:sw0rdfish-3@proxy:3128   # not a key of ours
password: |
  sw0rdfish-4
  sw0rdfish-5

"client-secret":
  - sw0rdfish-6
  - x: sw0rdfish-7
cameras:
  - name: station-1
    token: "sw0rdfish-8"
    sdk: simulated
"""


def test_a_config_keeps_its_shape_and_loses_every_secret() -> None:
    told = Redactor().config(CONFIG)
    assert "sw0rdfish" not in told
    for kept in ("version: 1", "name: station-1", "sdk: simulated", "0.0.0.0:7443", "/etc/c.pem"):
        assert kept in told


def test_a_secret_of_the_config_is_found_wherever_something_quotes_it() -> None:
    redactor = Redactor()
    redactor.learn_config(CONFIG)
    for number in (1, 3, 4, 5, 6, 7, 8):
        assert "sw0rdfish" not in redactor.text(f"refused: sw0rdfish-{number} is no good"), number


def test_a_secret_of_the_environment_is_found_and_a_path_is_none() -> None:
    redactor = Redactor()
    redactor.learn_environment({"DB_PASS": "open sesame", "SSH_AUTH_SOCK": "/run/user/agent", "HOME": "/home/anna"})
    assert redactor.text("it said open sesame at /run/user/agent in /home/anna") == (
        f"it said {MARK} at /run/user/agent in /home/anna"
    )


def test_an_anonymous_text_names_nobody_and_tells_clients_apart() -> None:
    redactor = Redactor(stand_ins(["anna"], ["vision-pc", "vision-pc.plant"]))
    told = redactor.text("anna@vision-pc and ben@hmi2 on Vision-PC.plant in /home/anna; again ben@hmi2; annatto")
    assert told == "client-1 and client-2 on host-2 in /home/user-1; again client-2; annatto"

"""`ofa-agent pki` at the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.cli import exits
from agent.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    assert main(["pki", "init", "plant-ca", "--plant", "plant"]) == exits.DONE
    assert main(["pki", "server", "plant-ca", "--host", "line-1.example", "--host", "10.0.0.5"]) == exits.DONE
    assert main(["pki", "client", "plant-ca", "plc-3"]) == exits.DONE
    return "plant-ca"


def _json(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capfd.readouterr()
    assert main(["pki", *arguments, "--json"]) == exits.DONE
    return json.loads(capfd.readouterr().out)


def test_what_is_to_be_done_next_is_told_with_the_lines_for_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (("init", "plant-ca", "--plant", "plant"), ("server", "plant-ca", "--host", "a.example")):
        assert main(["pki", *command]) == exits.DONE
    assert main(["pki", "client", "plant-ca", "plc-3"]) == exits.DONE
    told = capfd.readouterr().out
    assert "pki server plant-ca --host" in told
    assert "copy plant-ca/clients/plc-3/*.pem to the client" in told
    lines = told.splitlines()
    begin = lines.index("  api:")
    shown = yaml.safe_load("\n".join(line[2:] for line in lines[begin : begin + 9]))
    assert set(shown["api"]["tcp"]["tls"]) == {"cert", "key", "client_ca", "revoked"}
    assert shown["api"]["tcp"]["roles"] == {"spiffe://plant/NAME": "control"}
    assert '  "spiffe://plant/plc-3": control' in lines


def test_the_list_fits_a_terminal_and_says_what_is_due(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["pki", "client", folder, "x" * 64, "--days", "20"]) == exits.DONE
    assert main(["pki", "revoke", folder, "plc-3", "--reason", "key-compromise"]) == exits.DONE
    capfd.readouterr()
    assert main(["pki", "list", folder]) == exits.DONE
    lines = capfd.readouterr().out.splitlines()
    table = [line for line in lines if line.startswith(("kind", "client", "server"))]
    assert max(map(len, table)) <= 80
    assert [line.split()[-2] for line in table] == ["state", "valid", "revoked", "valid"]
    assert lines[-1].endswith(f"ofa-agent pki renew plant-ca {'x' * 64}")
    (Path(folder) / "revoked.pem").unlink()
    assert main(["pki", "list", folder]) == exits.DONE
    assert "revoked.pem is missing or behind: ofa-agent pki crl plant-ca" in capfd.readouterr().out


def test_every_command_has_json(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    made = _json(capfd, "init", "other", "--plant", "other", "--days", "100")
    assert (made["folder"], made["plant"]) == ("other", "other")
    assert _json(capfd, "server", "other", "--host", "a.example")["names"] == ["a.example"]
    first = _json(capfd, "client", "other", "laptop")
    renewed = _json(capfd, "renew", "other", "laptop", "--days", "30")
    assert (first["names"], first["state"]) == (["spiffe://other/laptop"], "valid")
    assert renewed["serial"] != first["serial"]
    assert (Path(renewed["folder"]) / "cert.pem").is_file()
    (revoked,) = _json(capfd, "revoke", "other", first["serial"].upper())
    assert (revoked["state"], revoked["reason"]) == ("revoked", "unspecified")
    assert set(_json(capfd, "crl", "other", "--next-update", "3")) == {"crl", "next_update"}
    listed = _json(capfd, "list", "other")
    assert [one["state"] for one in listed["issued"]] == ["valid", "revoked", "valid"]
    assert listed["ca"]["plant"] == "other"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("init", "plant-ca", "--plant", "plant"), "never overwritten"),
        (("client", "plant-ca", "plc-3"), "renew it: `ofa-agent pki renew plant-ca plc-3`"),
        (("client", "nothing", "plc-3"), "make one with `ofa-agent pki init nothing --plant NAME`"),
        (("revoke", "plant-ca", "plc-9"), "was not issued here"),
        (("revoke", "plant-ca", "plc-3", "--next-update", "0"), "--next-update: 0 days are not within"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    folder: str, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    capfd.readouterr()
    assert main(["pki", *arguments]) == exits.BAD_INPUT
    out, err = capfd.readouterr()
    assert (out, err.count("\n"), said in err) == ("", 1, True)


def test_a_key_that_others_can_read_is_told(folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    (Path(folder) / "ca-key.pem").chmod(0o644)
    capfd.readouterr()
    assert main(["pki", "list", folder]) == exits.DONE
    assert "ca-key.pem: can be read by others; chmod 600" in capfd.readouterr().err


def test_a_ca_whose_key_is_kept_elsewhere_can_be_looked_at_and_issues_nothing(
    folder: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (Path(folder) / "ca-key.pem").unlink()
    capfd.readouterr()
    assert main(["pki", "list", folder]) == exits.DONE
    assert "plc-3" in capfd.readouterr().out
    assert main(["pki", "client", folder, "plc-4"]) == exits.BAD_INPUT
    assert "without the CA's key nothing can be signed" in capfd.readouterr().err

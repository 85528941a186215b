"""Where a command looks for the daemon: its socket, or an address with the files of mutual TLS."""

from __future__ import annotations

import socket
from datetime import datetime, timezone
from pathlib import Path

import click
import pytest

from agent.cli import exits
from agent.cli.connection import DEFAULT_SOCKET, Connection, TlsPaths, connected
from agent.cli.main import main
from agent.pki import Authority

FILES = ("--ca", "a", "--cert", "b", "--key", "c")
TLS = TlsPaths(Path("a"), Path("b"), Path("c"), None)
NAMES = ("SOCKET", "ADDRESS", "CA", "CERT", "KEY", "SERVER_NAME")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"OFA_AGENT_{name}", raising=False)


def told(*words: str) -> Connection:
    """What a command gets that was typed so."""
    found: list[Connection] = []

    @click.command()
    @connected
    def command(connection: Connection) -> None:
        found.append(connection)

    command.main(list(words), standalone_mode=False)
    return found[0]


def test_the_socket_is_the_way_where_no_address_is_given() -> None:
    assert told() == Connection(f"unix:{DEFAULT_SOCKET}", None)
    assert told("--socket", "/x", "--client-name", "eng") == Connection("unix:/x", "eng")


@pytest.mark.parametrize("option", ["--address", "--target"])
@pytest.mark.parametrize("place", ["line-1:7443", "10.0.0.5:7443", "[fe80::1]:7443", "dns:///line-1:7443"])
def test_an_address_goes_with_its_files(option: str, place: str) -> None:
    assert told(option, place, *FILES) == Connection(place, None, TLS)
    named = told(option, place, *FILES, "--server-name", "line-2")
    assert named.tls == TlsPaths(TLS.ca, TLS.cert, TLS.key, "line-2")


def test_the_environment_says_it_for_all_commands_and_what_is_typed_outdoes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(NAMES, ("/s", "line-1:7443", "a", "b", "c", ""), strict=True):
        monkeypatch.setenv(f"OFA_AGENT_{name}", value)
    monkeypatch.delenv("OFA_AGENT_SERVER_NAME")
    assert told() == Connection("line-1:7443", None, TLS)
    assert told("--address", "line-2:7443").target == "line-2:7443"
    assert told("--socket", "/x") == Connection("unix:/x", None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--address", "line-1:7443"), "--ca: is missing; over TCP the agent takes mutual TLS only"),
        (("--address", "line-1:7443", "--ca", "a", "--cert", "b"), "--key: is missing"),
        (("--address", "line-1", *FILES), "--address: 'line-1' has no port"),
        (("--address", "line-1:7443", *FILES, "--socket", "/x"), "is instead of --socket"),
        (("--cert", "b"), "--cert: is for --address HOST:PORT"),
        (("--server-name", "x"), "--server-name: is for --address HOST:PORT"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(
    words: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", *words]) == exits.BAD_INPUT
    err = capfd.readouterr().err
    assert (err.count("\n"), said in err) == (1, True), err


def test_a_group_hands_its_address_to_the_command_below(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    plant = Authority.create(tmp_path / "ca", "plant", now)
    plant.issue_client("eng", now)
    own = plant.folder / "clients" / "eng"
    files = ("--ca", f"{plant.folder}/ca.pem", "--cert", f"{own}/cert.pem", "--key", f"{own}/key.pem")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["alarms", "--address", place, *files, "ack", "3"]) == exits.UNREACHABLE
        assert f"{place}: no answer from the agent" in capfd.readouterr().err
        broken = (*files[:-1], str(tmp_path / "none"))
        assert main(["alarms", "--address", place, *broken, "ack", "3"]) == exits.BAD_INPUT
    assert capfd.readouterr().err == f"key: {tmp_path}/none cannot be read: No such file or directory\n"

"""What a command says when it cannot: one line that names what failed and what to do, and the exit code for it."""

from __future__ import annotations

import errno
import socket
from datetime import datetime, timezone
from pathlib import Path

import click
import pytest

from agent.cli import exits
from agent.cli.exits import one_line
from agent.cli.main import main
from agent.client.absence import why_absent
from agent.pki import Authority

TRACE = "t_s,parts_per_minute\n0,60\n1,60\n"


def said(words: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the only line."""
    code = main(words)
    out, err = capfd.readouterr()
    assert (out, err.count("\n"), err.endswith("\n")) == ("", 1, True), err
    return code, err.rstrip()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("statsu", "ofa-agent: no such command 'statsu'; did you mean 'status'?; see `ofa-agent --help`"),
        ("library bild", "ofa-agent library: no such command 'bild'"),
        ("status --scoket x", "ofa-agent status: no such option '--scoket'"),
        ("sim serve", "ofa-agent sim serve: missing option '--socket'; see `ofa-agent sim serve --help`"),
        ("swaps --limit 0", "ofa-agent swaps: invalid value for '--limit': 0 is not in the range 1<=x<=1000; see"),
        ("completion ksh", "'ksh' is not one of 'bash', 'zsh', 'fish'; see `ofa-agent completion --help`"),
        ("budget set", "budget: give --parts-per-minute or --max-latency-ms, or both"),
        ("capture --label a/b --count 1 --out x", "label: 'a/b' has '/' in it; it becomes a folder: use letters"),
        ("run --config none.yaml", "none.yaml:1: file: cannot be read: No such file or directory"),
        ("check --config bad.yaml", "bad.yaml:1: version: this version of the agent reads version 1 only"),
        ("library show none", "none: no library here (manifest.json is missing); build or copy one"),
        ("library inspect none", "none: missing; copy the file or the whole library again"),
        ("library build --supernet none --images none --out l", "none: cannot be read: No such file or directory"),
        ("library sign none --key none", "none: not a usable private key: "),
        ("replay --trace t.csv --library none", "name a library folder or a profile"),
        ("replay --library none", "--trace: give either a trace, or a journal with --from-journal"),
        ("audit verify none", "none: cannot be read: No such file or directory"),
        ("camera diff none none", "none: cannot be read: No such file or directory"),
        ("status --address line-1", "--address: 'line-1' has no port; it is HOST:PORT"),
        ("status --address line-1:7443", "--ca: is missing; over TCP the agent takes mutual TLS only: --ca, --cert"),
    ],
)
def test_bad_usage_and_bad_input_are_told_in_one_line_that_says_what_to_do(
    words: str, line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("version: 2\n")
    Path("t.csv").write_text(TRACE)
    code, err = said(words.split(), capfd)
    assert code == exits.BAD_INPUT
    assert line in err


def test_a_group_without_a_command_shows_what_there_is(capfd: pytest.CaptureFixture[str]) -> None:
    main(["swap"])
    shown = "".join(capfd.readouterr())
    assert all(word in shown for word in ("inhibit", "permit"))


def _no_socket(folder: Path) -> Path:
    return folder / "api.sock"


def _plain_file(folder: Path) -> Path:
    (folder / "api.sock").touch()
    return folder / "api.sock"


def _left_behind(folder: Path) -> Path:
    """The socket of a daemon that was killed."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "api.sock"))
    return folder / "api.sock"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (
            _no_socket,
            "there is no such socket; is it running? Start it (systemctl start ofa-agent), or name its socket",
        ),
        (_plain_file, "nobody listens at its socket; is it running? See systemctl status ofa-agent"),
        (_left_behind, "nobody listens at its socket; is it running? See systemctl status ofa-agent"),
    ],
)
def test_a_daemon_that_is_not_there_says_how_to_get_it(
    place: object, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert callable(place)
    path = place(tmp_path)
    code, err = said(["status", "--socket", str(path)], capfd)
    assert code == exits.UNREACHABLE
    assert err.startswith(f"unix:{path}: no answer from the agent: {words}")


def test_a_port_at_which_nobody_listens_names_the_key_of_the_config(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plant = Authority.create(tmp_path / "ca", "plant", now := datetime.now(timezone.utc).replace(microsecond=0))
    plant.issue_client("eng", now)
    own = plant.folder / "clients" / "eng"
    files = ["--ca", f"{plant.folder}/ca.pem", "--cert", f"{own}/cert.pem", "--key", f"{own}/key.pem"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        code, err = said(["status", "--address", place, *files], capfd)
    assert (code, err) == (
        exits.UNREACHABLE,
        f"{place}: no answer from the agent: the connection is refused; is it running, and does api.tcp.listen of its"
        " config name this port?",
    )


@pytest.mark.parametrize(
    ("message", "target", "words"),
    [
        ("connect failed: error: Permission denied", "unix:/s", "become a member of its group"),
        ("DNS resolution failed for x", "x:1", "the name is not known"),
        ("connect: Connection timed out (110)", "x:1", "look at the address and the firewalls".capitalize()),
        ("No route to host", "x:1", "there is no route to it"),
        ("something else", "x:1", "(something else); is it running?"),
        ("Connection refused", "unix:/s", "systemctl status ofa-agent"),
    ],
)
def test_every_cause_of_an_absence_has_its_words(message: str, target: str, words: str) -> None:
    assert words in why_absent(message, target)


def test_an_error_of_the_system_names_the_file() -> None:
    assert one_line(OSError(errno.ENOSPC, "No space left on device", "/x/y")) == "/x/y: No space left on device"
    assert one_line(OSError("plain")) == "plain"


def test_an_error_without_a_command_is_shown_as_click_has_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise click.FileError("x", "y")

    monkeypatch.setattr("agent.cli.main.root.main", refused)
    assert main([]) == 1
    assert "y" in capfd.readouterr().err

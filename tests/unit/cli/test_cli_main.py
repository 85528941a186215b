"""Exit codes, one-line errors and the commands that need no daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import exits
from agent.cli.exits import CallFailed, exit_code, one_line
from agent.cli.main import main
from agent.errors import (
    BadInput,
    BuildError,
    CameraTimeout,
    ConfigError,
    DaemonUnreachable,
    Infeasible,
    JournalError,
    ManifestInvalid,
    Refused,
)

READ_COMMANDS = ("status", "watch", "results", "subnets", "explain", "swaps", "alarms")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("a:1: b: c"), 2),
        (BadInput("x", "y"), 2),
        (BuildError("x"), 2),
        (ManifestInvalid("x"), 2),
        (DaemonUnreachable("x"), 3),
        (Refused("x"), 4),
        (Infeasible("x"), 5),
        (CameraTimeout("x"), 6),
        (TimeoutError(), 6),
        (JournalError("x"), 1),
        (OSError("x"), 1),
        (CallFailed("x", "INVALID_ARGUMENT", ""), 2),
        (CallFailed("x", "FAILED_PRECONDITION", "INHIBITED"), 4),
        (CallFailed("x", "FAILED_PRECONDITION", "INFEASIBLE_BUDGET"), 5),
        (CallFailed("x", "DEADLINE_EXCEEDED", ""), 6),
        (CallFailed("x", "DATA_LOSS", ""), 1),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code(error) == code


def test_an_error_is_shown_on_one_line() -> None:
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(TimeoutError()) == "TimeoutError"


def test_help_names_every_command_and_imports_no_heavy_room() -> None:
    script = (
        "import sys; from agent.cli.main import main; code = main(['--help']);"
        "heavy = {'grpc', 'numpy', 'yaml', 'rich', 'openvino', 'msgspec'} & set(sys.modules);"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    for name in ("run", "demo", "check", "status", "budget", "library", "sim"):
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", READ_COMMANDS)
def test_every_read_command_says_when_there_is_no_daemon(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--json", "--socket", str(tmp_path / "none.sock")]) == exits.UNREACHABLE
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "no answer from the agent" in err


def test_a_group_hands_its_socket_to_the_command_below(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["alarms", "--socket", str(tmp_path / "a.sock"), "ack", "3"]) == exits.UNREACHABLE
    assert "a.sock" in capfd.readouterr().err
    assert main(["alarms", "ack", "3", "--socket", str(tmp_path / "b.sock")]) == exits.UNREACHABLE
    assert "b.sock" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["statsu"],
        ["status", "--nope"],
        ["run"],
        ["budget", "set"],
        ["budget", "set", "--parts-per-minute", "fast"],
        ["budget", "set", "--parts-per-minute", "100", "--in", "5", "--line-waits"],
        ["budget", "set", "--parts-per-minute", "100", "--group", "line-1", "--camera", "station-1"],
        ["budget", "set", "--parts-per-minute", "100", "--in", "5", "--override"],
        ["budget", "set", "--parts-per-minute", "100", "--in", "5", "--wait"],
        ["mode", "automatic"],
        ["mode", "auto", "--group", "line-1", "--camera", "station-1"],
        ["pin"],
        ["swap"],
        ["swap", "inhibit", "--ttl", "soon"],
        ["operations", "wait", "4d9f01ab", "--timeout", "0"],
        ["line", "halted"],
        ["run", "--config", "/none.yaml"],
        ["library", "show", "/none"],
        ["library", "inspect", "/none"],
    ],
    ids=" ".join,
)
def test_bad_usage_and_bad_input_end_with_two(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == exits.BAD_INPUT
    out, err = capfd.readouterr()
    assert (out, "Traceback" in err) == ("", False)
    assert err


def test_a_mistyped_command_gets_a_hint(capfd: pytest.CaptureFixture[str]) -> None:
    main(["statsu"])
    assert "did you mean 'status'?" in capfd.readouterr().err


def test_verify_reports_a_missing_library_as_json_and_as_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["library", "verify", str(tmp_path), "--json"]) == exits.BAD_INPUT
    assert json.loads(capfd.readouterr().out)["ok"] is False
    assert main(["library", "verify", str(tmp_path)]) == exits.BAD_INPUT
    assert "no library here" in capfd.readouterr().err

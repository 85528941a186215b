"""`ofa-agent check`: what it finds without a camera."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent.cli.main import main

CAMERA = "cameras: [{name: a, sdk: spinnaker}]\n"


def config(folder: Path, more: str = "") -> str:
    text = f"version: 1\nstate_dir: {folder}/state\napi: {{unix_socket: {folder}/a.sock}}\n{CAMERA}{more}"
    (folder / "agent.yaml").write_text(text)
    return str(folder / "agent.yaml")


def test_a_sound_config_without_a_library_passes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", config(tmp_path)]) == 0
    assert "the cameras will stay IDLE" in capfd.readouterr().out


def test_a_config_error_is_one_line_with_its_place(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, "telemetry: {journal_days: ten}\n")
    assert main(["check", "--config", path]) == 2
    assert capfd.readouterr().err == f"{path}:5: telemetry.journal_days: 'ten' is not a number of days\n"


def test_the_effective_config_is_printed_and_is_a_config(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--print-effective", "--config", config(tmp_path)]) == 0
    text = capfd.readouterr().out
    (tmp_path / "again.yaml").write_text(text)
    assert main(["check", "--print-effective", "--config", str(tmp_path / "again.yaml")]) == 0
    assert capfd.readouterr().out == text


def test_a_missing_library_is_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, f"library: {{path: {tmp_path}/none}}\n")
    assert main(["check", "--json", "--config", path]) == 2
    told = json.loads(capfd.readouterr().out)
    assert told["ok"] is False
    assert "no library here" in told["problems"][0]


def test_places_that_cannot_be_used_are_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").mkdir()
    os.chmod(tmp_path / "state", 0o777)
    assert main(["check", "--config", config(tmp_path)]) == 2
    assert "state: writable by everybody" in capfd.readouterr().err
    (tmp_path / "state").rmdir()
    (tmp_path / "state").write_text("")
    assert main(["check", "--config", config(tmp_path)]) == 2
    assert "is not a folder" in capfd.readouterr().err


def test_a_simulation_that_cannot_be_is_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    camera = "{name: a, sdk: simulated, simulation: {spec: {vpu: {jitter: 1}}}}"
    (tmp_path / "agent.yaml").write_text(
        f"version: 1\nstate_dir: state\napi: {{unix_socket: a.sock}}\ncameras: [{camera}]\n"
    )
    assert main(["check", "--config", str(tmp_path / "agent.yaml")]) == 2
    assert "vpu.jitter: is unknown" in capfd.readouterr().err

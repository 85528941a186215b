"""The man page: current, whole, and sound roff."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.cli import exits
from tests.unit.test_generated_pages import loaded

PAGE = Path(__file__).parents[2] / "deploy" / "man" / "ofa-agent.1"


def test_the_page_is_as_the_commands_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert loaded("man_page").main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_that_differs_is_told_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = loaded("man_page")
    monkeypatch.setattr(tool, "PAGE", tmp_path / "man" / "ofa-agent.1")
    assert tool.main(["--check"]) == 1
    assert "run tools/man_page.py" in capsys.readouterr().err
    assert (tool.main([]), tool.main(["--check"])) == (0, 0)


def test_every_command_option_variable_and_exit_code_is_on_it() -> None:
    tool = loaded("man_page")
    page = PAGE.read_text(encoding="utf-8").replace("\\-", "-")
    for path, command in tool.commands():
        assert f"\\fB{path}\\fR" in page, path
        for parameter in command.params:
            assert {name for name in parameter.opts if name.startswith("-") and f"\\fB{name}\\fR" not in page} == set()
            variable = getattr(parameter, "envvar", None)
            assert variable is None or f"\\fB{variable}\\fR" in page
    codes = range(exits.TIMED_OUT + 1)
    assert [int(code) for code in re.findall(r"^\.TP\n(\d)$", page, re.MULTILINE)] == list(codes)


def test_roff_has_nothing_to_say_about_it() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", str(PAGE)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SYNOPSIS" in re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)


def test_no_word_of_a_help_text_is_taken_for_a_request_of_roff() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    known = {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".I", ".nf", ".fi", '.\\"'}
    assert {line.split()[0] for line in lines if line.startswith((".", "'"))} == known

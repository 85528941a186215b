"""What a command says where an optional package is missing."""

from __future__ import annotations

import click
import pytest

from agent.cli import main as program
from agent.cli.extras import how_to_install


@pytest.mark.parametrize(("name", "extra"), [("openvino.runtime", "demo"), ("sklearn", "build"), ("torch", "train")])
def test_a_missing_package_of_an_extra_is_named_with_the_way_to_install_it(name: str, extra: str) -> None:
    line = how_to_install(ModuleNotFoundError(f"No module named {name!r}", name=name))
    assert line is not None
    assert line.startswith(
        f"this needs {name.partition('.')[0]}, which is not installed: pip install 'ofa-agent[{extra}]'"
    )
    assert ("ofa-agent-simulation" in line) == (extra == "demo")


def test_a_module_of_the_agent_itself_that_is_missing_is_a_fault_and_shown_as_one() -> None:
    assert how_to_install(ModuleNotFoundError("No module named 'agent.nothing'", name="agent.nothing")) is None


def test_the_command_ends_in_that_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    @click.command("status")
    def lacking() -> None:
        raise ModuleNotFoundError("No module named 'genicam'", name="genicam")

    monkeypatch.setattr(program._LazyGroup, "get_command", lambda *_: lacking)
    assert program.main(["status"]) == 1
    assert capfd.readouterr().err == (
        "this needs genicam, which is not installed: pip install 'ofa-agent[demo]', "
        "or the Debian package ofa-agent-simulation\n"
    )

"""Reference pages that tools make from the sources: current, and a tool that can tell when they are not."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from agent.camera.vendor_errors import CODES

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
TOOLS = ("command_page", "api_page", "manifest_page")


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", TOOLS)
def test_the_page_is_as_its_sources_have_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert loaded(name).main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", TOOLS)
def test_a_page_that_differs_is_told_and_mended(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = loaded(name)
    page = tool.PAGE
    monkeypatch.setattr(tool, "PAGE", tmp_path / page.name)
    assert tool.main(["--check"]) == 1
    tool.PAGE.write_text(page.read_text(encoding="utf-8") + "more\n", encoding="utf-8")
    assert tool.main(["--check"]) == 1
    assert capsys.readouterr().err.count(f"docs/reference/{page.name}: not as") == 2
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0


def test_every_command_and_each_of_its_own_options_is_on_the_page() -> None:
    tool = loaded("command_page")
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    for path, command in tool.commands():
        section = re.split(r"^#+ ", page.split(f"# {path}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
        own = {one.opts[-1] for one in command.params if not tool.is_connection(command, one) and one.opts[0][0] == "-"}
        assert {option for option in own if f"`{option}`" not in section} == set(), path


def test_every_call_of_the_protos_is_on_the_page() -> None:
    page = (REFERENCE / "api.md").read_text(encoding="utf-8")
    calls = [
        call
        for proto in (ROOT / "proto").rglob("*.proto")
        for call in re.findall(r"^  rpc (\w+)\(", proto.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(calls) > 20
    assert [call for call in calls if f"### {call}\n" not in page] == []


def test_every_number_of_the_vendor_is_on_its_page() -> None:
    page = (REFERENCE / "vendor-errors.md").read_text(encoding="utf-8")
    assert {int(number) for number in re.findall(r"^\| `(-\d+)` \|", page, re.MULTILINE)} == set(CODES)

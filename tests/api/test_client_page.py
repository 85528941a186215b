"""The page on the Python client lists the methods that there are, with their first words."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("client_page", ROOT / "tools" / "client_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_the_client_has_it(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_that_differs_is_said_to_and_mended(tool: ModuleType) -> None:
    text = tool.PAGE.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines(keepends=True) if line.startswith("| `set_mode("))
    assert tool.page(text.replace(row, "| `set_mode()` | Dance. |\n")) == text
    assert tool.page(text.replace(row, "")) == text


def test_every_method_of_the_client_says_what_it_does_in_a_sentence(tool: ModuleType) -> None:
    for name, method in tool.methods():
        words = (method.__doc__ or "").strip()
        assert words[:1].isupper(), name
        assert words.endswith((".", ")")), name

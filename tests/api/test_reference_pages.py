"""The reference of errors and alarms: current, and complete both ways."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import grpc
import pytest

from agent.api.errors import Rejected, to_status
from agent.api.reasons import MEANINGS, REJECTIONS, RejectionReason
from agent.cli.exits import CallFailed, exit_code, exit_code_of
from agent.client.errors import ANSWERS
from agent.domain.alarms import ALARMS
from agent.errors import AgentError, BadInput, tree

ROOT = Path(__file__).parents[2]
API = ROOT / "agent" / "api"
ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_pages", ROOT / "tools" / "reference_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def calls(*names: str) -> Iterator[tuple[Path, ast.Call]]:
    """Every call of these functions in the transport."""
    for path in sorted(API.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = getattr(node, "func", None)
            if isinstance(node, ast.Call) and getattr(called, "id", getattr(called, "attr", "")) in names:
                yield path, node


def test_the_pages_are_as_the_tables_say(pages: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert pages.main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_that_differs_is_told_and_left_alone(
    pages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "PAGES", tmp_path)
    assert pages.main(["--check"]) == 1
    assert "errors.md" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert pages.main([]) == 0
    assert pages.main(["--check"]) == 0


def test_every_reason_that_the_daemon_can_give_is_on_the_page_and_no_other(pages: ModuleType) -> None:
    """In a process of its own, where no test has made up errors: all that is imported with the daemon."""
    script = (
        "import agent.app; from agent.errors import AgentError\n"
        "def below(k):\n    yield k\n    for c in k.__subclasses__(): yield from below(c)\n"
        "print(*{k.reason for k in below(AgentError)})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    told = set(ROW.findall(pages.errors_page()))
    assert set(done.stdout.split()) | set(REJECTIONS) == told


def test_a_reason_means_one_thing() -> None:
    reasons = [kind.reason for kind in tree()] + list(REJECTIONS)
    assert len(set(reasons)) == len(reasons)
    assert set(get_args(RejectionReason)) == set(REJECTIONS)


def test_no_reason_of_the_transport_is_left_over() -> None:
    """That each is one of the table is for the type checker: RejectionReason."""
    used = {
        node.value
        for path in API.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if path.name != "reasons.py" and isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(REJECTIONS) <= used


def test_only_one_place_makes_the_details_of_a_status() -> None:
    assert {path.name for path, _ in calls("ErrorInfo", "PreconditionFailure", "RetryInfo")} == {"errors.py"}


@pytest.mark.parametrize("kind", tuple(tree()), ids=lambda kind: kind.__name__)
def test_a_command_ends_the_same_whether_the_error_is_its_own_or_the_daemons(kind: type[AgentError]) -> None:
    error = kind("field", "wrong") if issubclass(kind, BadInput) else kind("wrong")
    code = MEANINGS[kind].code.name
    assert exit_code(CallFailed("wrong", code, kind.reason)) == exit_code(error) == exit_code_of(code, kind.reason)


def test_every_class_of_the_tree_has_its_answer_in_the_client() -> None:
    assert set(ANSWERS) == {kind.reason for kind in tree()}
    for kind in tree():
        assert issubclass(ANSWERS[kind.reason], kind)
        with pytest.raises(kind):
            raise ANSWERS[kind.reason](MEANINGS[kind].code.name, "as told", kind.reason)


@pytest.mark.parametrize("reason", get_args(RejectionReason))
def test_a_rejection_has_the_code_of_its_row(reason: RejectionReason) -> None:
    status = to_status(Rejected(reason, "no"), {})
    names = {detail.type_url.rpartition(".")[2] for detail in status.details}
    assert status.code == REJECTIONS[reason].code.value[0]
    assert ("RetryInfo" in names) == REJECTIONS[reason].retry_may_help


def test_a_request_that_is_too_large_is_so_the_next_time_too() -> None:
    assert REJECTIONS["MESSAGE_TOO_LARGE"].code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not REJECTIONS["MESSAGE_TOO_LARGE"].retry_may_help


def test_every_alarm_is_on_its_page_by_its_number(pages: ModuleType) -> None:
    told = re.findall(r"^### (\d+) (.+)$", pages.alarms_page(), re.MULTILINE)
    assert told == [(str(kind.number), kind.title) for kind in sorted(ALARMS.values(), key=lambda kind: kind.number)]

"""The documentation says what is so: its commands are run as they stand, on a real daemon with a simulated camera.

A block that cannot be run in a test says so right above it in the page, `<!-- not run: reason -->`, and is listed here.
What takes minutes is only checked for being known, and run by test_docs_soak.py.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config import parse_config
from tests.support.forks import Forks
from tests.support.page_shell import PageShell, agent_words, check_known
from tests.support.page_stage import STAGES, config, stage, stand_in
from tests.support.pages import ROOT, Block, blocks, inline_commands, pages, statements
from tests.system.station import Station

pytestmark = pytest.mark.timeout(300)

NOT_RUN = {
    ("docs/how-to/ask-for-help.md", "needs a camera"): 1,
    ("docs/how-to/commission-a-camera.md", "needs a camera"): 5,
    ("docs/how-to/compile-for-the-camera.md", "needs the NCSDK"): 1,
    ("docs/how-to/install-and-upgrade.md", "needs the vendor's SDK"): 1,
}
# Blocks that another test runs: (page, language) -> that test.
ELSEWHERE = {
    ("deploy/clients/node/README.md", "sh"): "tests/system/test_node_gateway.py",
    ("docs/how-to/add-a-supernet-family.md", "sh"): "tests/unit/builder/test_family_page.py",
    ("docs/how-to/add-a-supernet-family.md", "python"): "tests/unit/builder/test_family_page.py",
    ("docs/how-to/install-and-upgrade.md", "sh"): "tests/package/test_page.py",
    ("docs/how-to/secure-it.md", "sh"): "tests/system/test_secure.py",
    ("docs/how-to/watch-with-prometheus.md", "sh"): "tests/unit/telemetry/test_metrics_deploy.py",
    ("docs/how-to/write-a-gateway.md", "js"): "tests/system/test_node_gateway.py",
    ("docs/reference/audit.md", "python"): "tests/faults/test_audit_attacks.py",
    ("docs/reference/python-client.md", "python"): "tests/system/test_python_client_page.py",
    ("docs/reference/lineshift.md", "python"): "tests/unit/replay/test_benchmark.py",
}
LANGUAGES = {"", "sh", "yaml", "json", "python", "js", "csv"}
# How a program that a page shows is run, and a word that it prints then.
PROGRAMS = {
    "docs/how-to/write-a-gateway.md": ("python program.py", "ready: "),
    "docs/tutorial/from-images-to-a-camera.md": ("ofa-agent sim exec program.py ok 3", ""),
}
# Minutes of work, a change of the machine, or (`run`) what docs/tutorial/first-swap.md shows as well.
SLOW = re.compile(
    r"library (build|compile)|^make |^pip install|^python3 -m venv|tests\.bench\.policy"
    r"|agent\.(builder\.train|sim\.parts)|^ofa-agent profile$"
    r"|trial/agent\.yaml$|trial/library --parts|run --config agent\.yaml"
)
TWO_CAMERAS = "docs/how-to/run-several-cameras.md"
LEAST_SHARE = 0.6  # of the words of an example that the same command has to write here


@pytest.fixture(scope="module")
def station(ladder: Path, forks: Forks) -> Iterator[Station]:
    with Station(ladder, forks=forks) as running:
        yield running


def opened(folder: Path, ladder: Path, station: Station) -> PageShell:
    """A folder with all that pages take as given, beside the running daemon."""
    stage(folder, ladder)
    places = {
        "/var/lib/ofa-agent/library": str(ladder),
        "/var/lib/ofa-agent": str(station.folder / "state"),
        "/run/ofa-agent/api.sock": str(station.api_socket),
        "/etc/ofa-agent": str(folder),
        "/tmp/": f"{folder}/",
    }
    return PageShell(folder, {"OFA_AGENT_SOCKET": str(station.api_socket)}, places)


def with_commands() -> list[str]:
    return [page for page in pages() if page != TWO_CAMERAS and any(one.language == "sh" for one in blocks(page))]


def test_blocks_that_are_not_run_are_these_and_no_others() -> None:
    marked = [(block.page, block.mark) for page in pages() for block in blocks(page) if block.mark]
    assert {mark: marked.count(mark) for mark in marked} == NOT_RUN


def test_blocks_are_of_a_language_that_is_looked_at() -> None:
    unknown = [block.place for page in pages() for block in blocks(page) if block.language not in LANGUAGES]
    assert unknown == []


def test_blocks_that_another_test_runs_are_there_and_so_is_the_test() -> None:
    for (page, language), test in ELSEWHERE.items():
        assert language in {block.language for block in blocks(page)}
        named = (ROOT / test).read_text(encoding="utf-8")
        assert Path(page).name in named or Path(page).parent.name in named


@pytest.mark.parametrize("page", with_commands())
def test_every_command_of_the_page_does_what_the_page_says(
    page: str, tmp_path: Path, ladder: Path, station: Station
) -> None:
    with opened(tmp_path, ladder, station) as shell:
        for prepare in STAGES.get(page, ()):
            prepare(shell.folder)
        if "ofa-agent alarms ack 3\n" in "".join(block.text for block in blocks(page)):
            shell.places["alarms ack 3"] = f"alarms ack {an_alarm(station)}"
        run_page(page, shell, ladder)
        shell.env["OFA_AGENT_SOCKET"] = str(station.api_socket)
        for command in ("budget release", "unpin", "mode auto", "swap permit", "line running --ttl 0.5"):
            assert shell.run(f"ofa-agent {command}").code == 0


@pytest.mark.soak
def test_every_command_of_the_page_on_several_cameras_does_what_it_says(tmp_path: Path, ladder: Path) -> None:
    with (
        Station(ladder, cameras=("station-1", "station-2")) as two,
        opened(tmp_path, ladder, two) as shell,
    ):
        run_page(TWO_CAMERAS, shell, ladder)


@pytest.mark.parametrize("page", PROGRAMS)
def test_the_program_of_the_page_runs(page: str, tmp_path: Path, ladder: Path, station: Station) -> None:
    (shown,) = [block.text for block in blocks(page) if block.language == "python"]
    command, told = PROGRAMS[page]
    with opened(tmp_path, ladder, station) as shell:
        (tmp_path / "program.py").write_text(shown, encoding="utf-8")
        done = shell.run(command)
        assert (done.code, told in done.output) == (0, True), done.output


def test_every_program_that_a_page_shows_is_run() -> None:
    shown = {(block.page, block.language) for page in pages() for block in blocks(page)}
    programs = {(page, language) for page, language in shown if language in {"python", "js"}}
    assert programs == {(page, "python") for page in PROGRAMS} | {one for one in ELSEWHERE if one[1] != "sh"}


def run_page(page: str, shell: PageShell, ladder: Path) -> None:
    """Its blocks in their order; output that is shown right below commands is compared with what they wrote."""
    before: Block | None = None
    written: list[str | None] = []
    for block in blocks(page):
        if block.language == "sh" and not block.mark:
            known_only = (page, "sh") in ELSEWHERE
            written = [run(shell, block, one, ladder, known_only) for one in statements(block.text)]
        elif block.language == "" and block.follows(before) and None not in written:
            assert_alike(block, "".join(filter(None, written)))
        before = block if block.language == "sh" and not block.mark else None


def run(shell: PageShell, block: Block, statement: str, ladder: Path, known_only: bool) -> str | None:
    """One statement, which has to end well; what it wrote, None where it was not run."""
    if known_only or SLOW.search(statement):
        know(statement, shell.folder, ladder)
        return None
    done = shell.run(statement)
    assert done.code == 0, f"{block.place}: {statement!r} ended with {done.code}: {done.output}"
    return done.output


def know(statement: str, folder: Path, ladder: Path) -> None:
    """The command exists and takes these arguments; what it would leave is put in its place."""
    words = agent_words(statement)
    if words is not None:
        check_known(words)
        stand_in(words, folder, ladder)
    if statement.startswith("make "):
        target = statement.split()[1]
        assert subprocess.run(("make", "-n", target), cwd=ROOT, capture_output=True, check=False).returncode == 0


def an_alarm(station: Station) -> int:
    """The id of an alarm: that of a lease which ran out."""
    station.json("budget", "set", "--parts-per-minute", "600", "--ttl", "0.5", "--client-name", "gone")
    station.wait(lambda: station.json("alarms"), "an alarm")
    return int(station.json("alarms")[0]["id"])


def assert_alike(block: Block, output: str) -> None:
    """Figures and names differ; most of the words do not."""
    words = set(re.findall(r"(?<![\w.-])[a-z]{3,}(?![\w.-])", block.text))
    missing = {word for word in words if word not in output}
    share = 1 - len(missing) / max(len(words), 1)
    assert share >= LEAST_SHARE, f"{block.place}: the command does not write {sorted(missing)}, but: {output}"


def test_commands_within_the_text_are_known() -> None:
    for page in pages():
        for command in inline_commands(page):
            alone = re.split(r" [|>] ", command)[0].rstrip(".:")
            words = agent_words(re.sub(r"\bID\b", "1", alone))
            assert words is not None, f"{page}: {command}"
            if "--help" not in words:
                check_known(words, whole=False)


def test_configs_of_the_pages_are_taken(tmp_path: Path) -> None:
    found = 0
    for page in pages():
        for block in blocks(page):
            if block.language == "yaml":
                parse_config(tmp_path / "agent.yaml", completed(block.text).encode())
                found += 1
    assert found > 0


def completed(text: str) -> str:
    """A whole config out of a part of one: what the part does not say is as in a small config."""
    part = yaml.safe_load(text)
    return yaml.safe_dump(part if "version" in part else merged(yaml.safe_load(config("library")), part))


def merged(whole: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    deeper = {
        key: merged(whole[key], value)
        for key, value in part.items()
        if isinstance(value, dict) and isinstance(whole.get(key), dict)
    }
    return {**whole, **part, **deeper}


def test_json_of_the_pages_is_json() -> None:
    found = [json.loads(block.text) for page in pages() for block in blocks(page) if block.language == "json"]
    assert found

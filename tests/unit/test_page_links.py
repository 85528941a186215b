"""Pages lead somewhere: links, anchors and names of pages are right, none stands alone, no quoted text is made up."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator

import pytest

from agent.domain.alarms import ALARMS
from agent.domain.decision import Reason
from agent.domain.states import CameraState, Degraded
from tests.support.pages import ROOT, pages

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_NAMED = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.md)`")
_FENCES = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
TROUBLESHOOT = "docs/how-to/troubleshoot.md"
START = "docs/README.md"
BESIDE = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "systemd").glob("*.md"))
# What is no page of the documentation for somebody who reads it: decisions are listed as a folder.
ALONE = ("docs/adr/",)


@functools.cache
def prose(page: str) -> str:
    return _FENCES.sub("", (ROOT / page).read_text(encoding="utf-8"))


@functools.cache
def anchors(page: str) -> frozenset[str]:
    """As the usual renderers make them of headings; a heading that comes twice gets a number."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+?)\s*$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return frozenset(slug if not number else f"{slug}-{number}" for slug, n in found.items() for number in range(n + 1))


def links(page: str) -> Iterator[str]:
    for text, image in _LINK.findall(prose(page)):
        yield text or image


def inside(page: str) -> Iterator[tuple[str, str, str]]:
    """Each link to a file of the repository: as it stands, the file, its anchor."""
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        yield link, str(target.resolve().relative_to(ROOT)), anchor


@pytest.mark.parametrize("page", [*pages(), "SECURITY.md", *BESIDE])
def test_every_link_leads_to_a_file_and_to_a_heading_that_is_there(page: str) -> None:
    wrong = [
        link
        for link, target, anchor in inside(page)
        if not (ROOT / target).exists() or (anchor and anchor not in anchors(target))
    ]
    assert wrong == []


@pytest.mark.parametrize("page", pages())
def test_every_page_that_is_named_is_there(page: str) -> None:
    places = ((ROOT / page).parent, ROOT, ROOT / "docs")
    wrong = [name for name in _NAMED.findall(prose(page)) if not any((place / name).is_file() for place in places)]
    assert wrong == []


def test_every_page_is_found_from_the_map_of_the_documentation() -> None:
    seen, next_up = {START}, [START]
    while next_up:
        targets = {target for _, target, _ in inside(next_up.pop()) if target.endswith(".md")} - seen
        seen |= targets
        next_up += targets
    alone = {page for page in pages() if page.startswith("docs/") and not page.startswith(ALONE)} - seen
    assert alone == set()


def test_the_map_names_every_how_to_tutorial_and_explanation_itself() -> None:
    told = {target for _, target, _ in inside(START)}
    kinds = ("docs/how-to/", "docs/tutorial/", "docs/explanation/", "docs/reference/")
    assert [page for page in pages() if page.startswith(kinds) and page not in told] == []


def said() -> Iterator[str]:
    """Texts of the agent that the page on symptoms quotes: the code in the columns that say what is seen."""
    columns = 0
    for line in prose(TROUBLESHOOT).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            columns = 0
        elif columns == 0:
            columns = 1 if "says" in cells[0] else -1
        elif columns == 1:
            yield from (code for code in _CODE.findall(cells[0]) if " " in code)


def of_the_sources() -> str:
    """Every text in the agent's sources."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "agent").rglob("*.py")))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


def test_what_the_page_on_symptoms_quotes_is_what_the_agent_says() -> None:
    quoted, texts = list(said()), of_the_sources()
    pieces = {piece.strip() for text in quoted for piece in text.split("...")}
    assert len(quoted) > 40
    assert {piece for piece in pieces if piece not in texts} == set()


def test_every_state_and_every_reason_has_its_place_on_the_page_on_symptoms() -> None:
    told = set(_CODE.findall(prose(TROUBLESHOOT)))
    wanted = [*CameraState, *Degraded, *Reason]
    assert {one.value for one in wanted if one.value not in told} == set()


def test_every_word_of_the_status_page_is_among_those_to_look_up_first() -> None:
    source = (ROOT / "agent" / "web" / "state.py").read_text(encoding="utf-8")
    words = set(re.findall(r'StateWord\(\s*"([A-Z -]+)"', source))
    look_first = prose(TROUBLESHOOT).split("## Look first", 1)[1].split("\n## ", 1)[0]
    assert len(words) > 10
    assert {word for word in words if word not in look_first} == set()


def test_the_alarms_that_wait_for_a_person_are_those_that_the_page_on_alarms_names() -> None:
    (sentence,) = re.findall(r"Alarms ([\d, and]+) clear by acknowledgement", prose("docs/how-to/read-an-alarm.md"))
    waiting = {kind.number for kind in ALARMS.values() if kind.clears == "by acknowledgement"}
    assert {int(number) for number in re.findall(r"\d+", sentence)} == waiting


def test_every_alarm_is_on_the_page_on_symptoms() -> None:
    told = {int(number) for number in re.findall(r"\b[1-4]\d\d\b", prose(TROUBLESHOOT))}
    assert {kind.number for kind in ALARMS.values()} - told == set()

"""The threat table is whole, the page is made of it, and a row that is not true is found out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import import_module

import pytest

from tests.security.judge import REPOSITORY, all_judged, judged
from tests.security.removals import REMOVALS, threat_of
from tests.security.threat import REACH, Attacker, Entry
from tests.security.threats import THREATS
from tools import threat_page

QUICK = "flipped-bit"


def test_every_row_has_one_removal_and_every_removal_a_row() -> None:
    assert Counter(threat.id for threat in THREATS) == Counter([*REMOVALS])


def test_every_control_and_every_test_is_there() -> None:
    for threat in THREATS:
        module, _, path = threat.control.partition(":")
        holder = import_module(module)
        for name in path.split("."):
            assert name in vars(holder), threat.control
            holder = getattr(holder, name)
        file, _, test = threat.test.partition("::")
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        assert f"def {test.partition('[')[0]}(" in text, threat.test


def test_every_way_in_and_every_attacker_has_a_row() -> None:
    assert {threat.entry for threat in THREATS} == set(Entry)
    assert {threat.attacker for threat in THREATS} == set(Attacker) == set(REACH)


def test_the_page_is_made_of_the_rows() -> None:
    page = threat_page.PAGE.read_text(encoding="utf-8")
    assert threat_page.filled(page) == page
    assert page.count("\n| ") > len(THREATS)
    assert all(f"| {threat.id} |" in page for threat in THREATS)


def test_a_control_that_is_taken_away_is_missed_by_its_test_and_by_no_other() -> None:
    threat = threat_of(QUICK)
    assert judged(threat, with_control=True).holds
    other = replace(threat, test="tests/unit/library/test_library_store.py::test_show_lists_the_fastest_first")
    verdict = judged(other, with_control=True)
    assert not verdict.holds
    assert "no test of the control" in verdict.alone


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_every_row_is_true() -> None:
    assert {threat.id: str(verdict) for threat, verdict in all_judged(THREATS) if not verdict.holds} == {}

"""The page of what the harnesses found names what is there, and leaves nothing out that is kept."""

from __future__ import annotations

import re

from tests.fuzz.play import FOUND as CASES
from tests.fuzz.play import found_cases
from tests.reliability.catalogue import ITEMS
from tests.reliability.proofs import REPOSITORY
from tests.reliability.test_catalogue import named
from tests.stateful.found import FOUND as PROGRAMS

PAGE = (REPOSITORY / "tests" / "faults" / "README.md").read_text(encoding="utf-8")


def test_every_kept_case_and_program_is_on_the_page() -> None:
    kept = {path.relative_to(CASES).as_posix() for path in found_cases()}
    played = set(re.findall(r"tests/fuzz/found/(\S+?)`", PAGE))
    assert kept - played <= {"crl/issuer-in-another-encoding"}, "which is played by its seed and number"
    assert played <= kept
    assert set(re.findall(r"keeps_it\[(.+?)\]", PAGE)) == set(PROGRAMS)


def test_every_command_of_the_page_plays_something_that_is_there() -> None:
    tests = re.findall(r'python -m pytest "?(tests/[^\s"\[`]+)', PAGE)
    assert len(tests) > 20
    for test in tests:
        assert named(test), test
    assert set(re.findall(r"make soak ITEMS=(\w+)", PAGE)) <= {item.key for item in ITEMS}
    for path in re.findall(r"\(`(\S+/\S+?)`", PAGE):
        assert (REPOSITORY / path).exists() or (REPOSITORY / "tests" / "faults" / path).exists(), path

"""What fuzzing found stays mended, each target is played a little, and the engine finds what is planted."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.fuzz import children
from tests.fuzz.play import TARGETS, case_of, checked, found_cases, play, repeat, target_of
from tests.fuzz.target import Broken, Plain, Target

SEED = 20_26
SHORT = {
    "protobuf": 1500, "wire": 40, "config": 60, "manifest": 3000, "blob": 2000, "golden": 300, "trace": 2000,
    "audit": 1500, "crl": 2000, "pem": 1500,
}  # fmt: skip


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    made = target_of(request.param)
    yield made
    made.close()


def test_sound_cases_and_those_that_once_failed_are_read_as_they_should_be(target: Target) -> None:
    found = [path for path in found_cases() if path.parent.name == target.name]
    wrong = {path.name: checked(target, path.read_bytes()) for path in found}
    assert [f"{name}: {words}" for name, words in wrong.items() if words] == []
    for sound in target.seeds():
        target.check(sound)


def test_a_short_seeded_run_finds_nothing(target: Target) -> None:
    played = play(target, SEED, range(SHORT[target.name]))
    assert [f"{words}; {repeat(target.name, SEED, number)}" for number, words in played.failures.items()] == []
    assert played.cases == SHORT[target.name]


def test_every_target_has_what_was_found_and_nothing_belongs_to_none() -> None:
    assert {path.parent.name for path in found_cases()} <= set(TARGETS)
    assert set(SHORT) == set(TARGETS)


# -- the engine ----------------------------------------------------------------------------------------------------


class Planted(Plain):
    """Reads everything but what begins with a bad letter: it raises, hangs, or takes its process with it."""

    name = "planted"

    def seeds(self) -> Sequence[bytes]:
        return [b"sound"]

    def make(self, chance: random.Random) -> bytes:
        return chance.choice((b"sound",) * 20 + (b"raises", b"hangs"))

    def check(self, case: bytes) -> None:
        if case == b"raises":
            raise Broken("as planted")
        while case == b"hangs":
            pass


class Deadly(Planted):
    """Its process dies of the cases 3 and 5 of a share."""

    def make(self, chance: random.Random) -> bytes:
        return chance.choice((b"sound", b"sound", b"dies"))

    def check(self, case: bytes) -> None:
        if case == b"dies":
            os._exit(9)


def test_an_error_and_a_hang_are_found_and_their_numbers_repeat_them() -> None:
    planted = Planted()
    expected = {number: case_of(planted, SEED, number) for number in range(60)}
    played = play(planted, SEED, range(60), case_s=0.01)
    assert {n for n, case in expected.items() if case != b"sound"} == set(played.failures)
    for number, words in played.failures.items():
        assert ("as planted" in words) == (expected[number] == b"raises")
        assert ("not read within" in words) == (expected[number] == b"hangs")


def test_a_process_that_dies_of_a_case_fails_that_case_alone() -> None:
    name = f"{__name__}:Deadly"
    deadly = {number for number in range(6) if case_of(Deadly(), 2, number) == b"dies"}
    told: list[str] = []
    outcome = children.run(name, 2, 6, jobs=1, told=told.append)
    assert set(outcome.failures) == deadly
    assert outcome.cases == 6
    assert deadly
    assert all("ended with 9" in words for words in outcome.failures.values())
    assert len(told) == len(deadly)


def test_a_case_that_is_kept_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = target_of("blob"), target_of("blob")
    assert [case_of(first, 7, n) for n in range(50)] == [case_of(second, 7, n) for n in range(50)]

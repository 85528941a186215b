"""The catalogue of the reliability list is whole: each item has what plays it at length and, seeded, in `make test`."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache

import pytest

from tests.fuzz.play import TARGETS
from tests.reliability.catalogue import FLAVOURS, ITEMS, PROOFS, SLOW_TARGETS
from tests.reliability.item import Item
from tests.reliability.proofs import OTHERS, REPOSITORY

LISTED = [str(number) for number in range(1, 16)]
LONG = [test for proof in PROOFS for test in proof.tests]


@cache
def known_in(file: str) -> dict[str, bool]:
    """The tests of that file, and whether each is kept for long runs."""
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    tree = ast.parse(text)
    whole = any(isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node.targets[0]) and _soak(node.value)
                for node in tree.body)  # fmt: skip
    return {
        node.name: whole or any(_soak(decorator) for decorator in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _soak(node: ast.expr) -> bool:
    return "pytest.mark.soak" in ast.unparse(node)


def named(test: str) -> dict[str, bool]:
    """The tests that a node id of the catalogue means: one, or all of a file."""
    file, _, name = test.partition("::")
    known = known_in(file)
    assert not name or name in known, f"{test} is not there"
    return {name: known[name]} if name else known


def test_every_item_of_the_list_is_there_in_its_order() -> None:
    assert [item.key for item in ITEMS] == [*LISTED, OTHERS]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.key)
def test_an_item_has_proofs_that_count_for_it_and_a_short_version(item: Item) -> None:
    known = {proof.name: proof for proof in PROOFS}
    assert item.proofs
    for name in item.proofs:
        assert item.key in known[name].items
    if item.key == OTHERS:
        return
    assert item.goal
    assert min(item.goal.values()) > 0
    assert item.short
    for test in item.short:
        assert not all(named(test).values()), f"{test} is not in make test"
        assert "::" not in test or not any(named(test).values()), f"{test} is not in make test"


def test_every_proof_is_of_items_that_name_it_and_no_name_comes_twice() -> None:
    assert max(Counter(proof.name for proof in PROOFS).values()) == 1
    of = {item.key: item.proofs for item in ITEMS}
    for proof in PROOFS:
        assert all(proof.name in of[key] for key in proof.items), proof.name


def test_every_test_of_the_catalogue_is_there_and_every_long_test_is_in_the_catalogue() -> None:
    covered = {(test.partition("::")[0], name) for test in LONG for name in named(test)}
    there = {
        (file, name)
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        if "mark.soak" in path.read_text(encoding="utf-8")
        for file in [str(path.relative_to(REPOSITORY))]
        for name, long in known_in(file).items()
        if long
    }
    assert there - covered == set()


def test_every_target_of_make_fuzz_is_in_the_ninth_item() -> None:
    assert set(FLAVOURS) == set(TARGETS) >= set(SLOW_TARGETS)

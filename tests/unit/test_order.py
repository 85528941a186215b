"""Files that take long are the first that processes of the suite are given."""

from __future__ import annotations

from typing import cast

import pytest

from tests.conftest import REPOSITORY
from tests.support.order import LONGEST, longest_first


class _Named:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def test_every_file_that_is_said_to_take_long_is_there_and_named_once() -> None:
    assert [file for file in LONGEST if not (REPOSITORY / file).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_long_files_come_first_and_everything_else_keeps_its_order() -> None:
    names = ["tests/a.py::b", f"{LONGEST[1]}::one[x::y]", "tests/a.py::a", f"{LONGEST[1]}::another", f"{LONGEST[0]}::c"]
    items = [_Named(name) for name in names]
    longest_first(cast(list[pytest.Item], items))
    assert [item.nodeid for item in items] == [names[4], names[1], names[3], names[0], names[2]]

"""The programs of the page on the Python client, run as they stand against a real daemon."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forks import Forks
from tests.system.station import Station

pytestmark = pytest.mark.timeout(300)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "python-client.md"
NOBODY = "/nowhere/api.sock"


@pytest.fixture(scope="module")
def station(ladder: Path, forks: Forks) -> Iterator[Station]:
    with Station(ladder, forks=forks) as running:
        yield running


def programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def told(program: str, socket: str) -> str:
    """What it prints; it must end well and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "OFA_AGENT_SOCKET": socket},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_program_of_the_page_does_what_the_page_says(station: Station) -> None:
    budget, lease, etag = (told(program, str(station.api_socket)) for program in programs())
    assert budget.startswith("decided: swap ")
    assert "\nnow runs: " in budget
    assert len(lease.splitlines()) == 3
    assert all(line.endswith(" 0") for line in lease.splitlines()), "nothing dropped"
    first, second = etag.splitlines()
    assert first.startswith("mode manual, etag ")
    assert second.startswith("look again first: ")
    status = station.status()
    assert (status["claims"], status["orders"]["mode"]) == ([], "AUTO")


def test_a_program_says_so_where_there_is_no_agent() -> None:
    assert told(programs()[0], NOBODY).startswith("start the agent first: ")

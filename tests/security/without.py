"""Runs tests without one control: `pytest -p tests.security.without --without ID NODE`."""

from __future__ import annotations

import pytest

from tests.security.removals import remove, threat_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without", default="", metavar="ID", help="take the control of that threat away")


def pytest_configure(config: pytest.Config) -> None:
    threat_id = config.getoption("--without")
    if threat_id:
        remove(threat_of(threat_id))

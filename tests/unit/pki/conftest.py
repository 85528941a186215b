"""A CA with one server and one client."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent.pki import Authority

HOST = "line-1.example"


@pytest.fixture(scope="session")
def now() -> datetime:
    """TLS goes by the machine's clock, so certificates that are shown to it have to be of today."""
    return datetime.now(timezone.utc).replace(microsecond=0)


@pytest.fixture
def authority(tmp_path: Path, now: datetime) -> Authority:
    made = Authority.create(tmp_path / "ca", "plant", now)
    made.issue_server([HOST, "10.0.0.5"], now)
    made.issue_client("plc-3", now)
    return made

"""`support-bundle`: complete where it can be, silent about secrets, and never failing for a part."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import hashlib
import io
import json
import os
import sqlite3
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from agent.cli.support.pack import FOLDER, Bundle
from agent.cli.support.redact import Redactor
from agent.clock import SystemClock
from agent.domain.journal import Alarm, SwapOutcome, SwapRecord
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.api.harness import serving

SEED = "pl4nted"
CONFIG = f"""\
version: 1
state_dir: state
api: {{unix_socket: api.sock}}   # password {SEED}-comment
telemetry: {{journal_days: 30}}
cameras:
  - {{name: station-1, sdk: simulated, simulation: {{seed: 1}}}}
"""
BROKEN = CONFIG + f"api_token: {SEED}-config\nuplink: http://agent:{SEED}-url@plant/x\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, a state directory with a journal, and secrets in all of them."""
    monkeypatch.setenv("PLANT_PASSWORD", f"{SEED} environment")
    monkeypatch.setenv("OFA_AGENT_UPLINK", f"http://x:{SEED}-variable@plant")
    (tmp_path / "agent.yaml").write_text(CONFIG)
    state = tmp_path / "state"
    state.mkdir()
    (state / "config.last-good.yaml").write_text(CONFIG + f"old_password: {SEED}-last-good\n")
    (state / "notes.txt").write_text(f"{SEED}-file")
    asyncio.run(_history(state / "journal.sqlite3"))
    return tmp_path


async def _history(path: Path) -> None:
    journal = SqliteJournal(path, SystemClock(), SeededIds(1))
    await journal.open()
    swap = SwapRecord("s-1", "station-1", None, "large", "initial", "b-1", 17)
    await journal.begin_swap(swap)
    journal.note_step("s-1", "upload", 1.5, f"refused: token={SEED}-step")
    await journal.finish_swap(dataclasses.replace(swap, outcome=SwapOutcome.FAULTED, error=f"Bearer {SEED}-swap"), None)
    told = f"camera_lost at rtsp://u:{SEED}-alarm@10.0.0.4, it said {SEED} environment and {SEED}-last-good"
    await journal.put_alarms([Alarm(0, "station-1", "camera_lost", told, 17)])
    await journal.close()


def bundle(site: Path, *options: str) -> dict[str, bytes]:
    """Runs the command; every member by its name below the archive's folder."""
    out = site / "out.tar.gz"
    assert main(["support-bundle", "--out", str(out), *options]) == 0
    return members(out)


def members(out: Path) -> dict[str, bytes]:
    with tarfile.open(out, "r:gz") as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            found[member.name.removeprefix(f"{FOLDER}/")] = file.read()
        return found


def parsed(parts: dict[str, bytes], name: str) -> Any:
    return json.loads(parts[name])


def without_daemon(site: Path) -> dict[str, bytes]:
    return bundle(site, "--config", str(site / "agent.yaml"))


def test_without_a_daemon_the_bundle_is_made_of_the_config_and_the_state_directory(site: Path) -> None:
    parts = without_daemon(site)
    assert parsed(parts, "versions.json")["agent"]
    assert b"station-1" in parts["config/file.yaml"]
    assert b"journal_days" in parts["config/effective.yaml"]
    journal = parsed(parts, "journal/integrity.json")
    assert journal["check"] == ["ok"]
    assert (journal["tables"]["swaps"], journal["tables"]["steps"], journal["tables"]["alarms"]) == (1, 1, 1)
    assert "journal/rows.json" not in parts
    assert parsed(parts, "journal/swaps.json")[0]["outcome"] == "faulted"
    assert parsed(parts, "journal/steps.json")[0]["step"] == "upload"
    assert parsed(parts, "journal/alarms.json")[0]["key"] == "camera_lost"
    assert "DaemonUnreachable" in parsed(parts, "daemon/status.json")["error"]
    assert parsed(parts, "space.json")[str(site / "state")]["free_bytes"] > 0


@pytest.mark.parametrize("config", [CONFIG, BROKEN], ids=["sound", "broken"])
def test_no_planted_secret_is_in_any_byte_of_the_bundle(
    site: Path, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (site / "agent.yaml").write_text(config)
    parts = without_daemon(site)
    raw = (site / "out.tar.gz").read_bytes()
    told = "".join(capfd.readouterr())
    for seen in (*parts.values(), *(name.encode() for name in parts), raw, gzip.decompress(raw), told.encode()):
        assert SEED.encode() not in seen
    assert parsed(parts, "manifest.json")["redacted"] > 5
    assert b"station-1" in parts["config/file.yaml"]
    assert parsed(parts, "journal/integrity.json")["check"] == ["ok"]  # found though the config cannot be used


def test_the_manifest_names_every_part_with_its_digest(site: Path) -> None:
    parts = without_daemon(site)
    listed = {part["name"]: part for part in parsed(parts, "manifest.json")["parts"]}
    assert set(listed) == set(parts) - {"manifest.json"}
    for name, part in listed.items():
        assert (part["size_bytes"], part["sha256"]) == (len(parts[name]), hashlib.sha256(parts[name]).hexdigest())
    assert "camera dump" in listed["camera/node-map.txt"]["error"]


def test_the_bundle_is_its_owners_only_and_leaves_nothing_beside_it(site: Path) -> None:
    before = set(site.iterdir())
    without_daemon(site)
    without_daemon(site)  # again over the one before
    out = site / "out.tar.gz"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert set(site.iterdir()) - before == {out}


def test_a_corrupt_journal_is_told_and_the_rest_is_there(site: Path) -> None:
    path = site / "state" / "journal.sqlite3"
    path.write_bytes(b"SQLite format 3\0" + os.urandom(8192))
    parts = without_daemon(site)
    assert "DatabaseError" in parsed(parts, "journal/integrity.json")["error"]
    assert parsed(parts, "journal/integrity.json")["sizes_bytes"]["journal.sqlite3"] == 8208
    assert "error" in parsed(parts, "journal/rows.json")
    assert parsed(parts, "versions.json")["agent"]


def test_a_table_that_is_damaged_costs_itself_only(site: Path) -> None:
    path = site / "state" / "journal.sqlite3"
    db = sqlite3.connect(path)
    (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'swaps'").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(data)
    parts = without_daemon(site)
    assert "error" in parsed(parts, "journal/swaps.json")
    assert parsed(parts, "journal/alarms.json")[0]["key"] == "camera_lost"
    assert parsed(parts, "journal/integrity.json")["check"] != ["ok"]


def test_without_a_config_there_is_still_a_bundle(tmp_path: Path) -> None:
    parts = bundle(tmp_path, "--socket", str(tmp_path / "none.sock"))
    assert "--config" in parts["config/file.yaml"].decode()
    assert parsed(parts, "versions.json")["python"]


def test_an_anonymous_bundle_does_not_name_the_host(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "vision-pc-17")
    monkeypatch.setenv("SUDO_USER", "anna-maria")
    monkeypatch.setenv("OFA_AGENT_NOTE", "anna-maria on vision-pc-17")
    parts = bundle(site, "--config", str(site / "agent.yaml"), "--anonymize")
    assert parsed(parts, "environment.json")["OFA_AGENT_NOTE"].startswith("user-")
    assert not [name for name, data in parts.items() if b"vision-pc-17" in data or b"anna-maria" in data]


def test_a_running_daemon_tells_its_status_alarms_and_swaps(site: Path) -> None:
    async def scenario() -> dict[str, bytes]:
        async with serving(site) as rig:
            raised = Alarm(0, "station-1", "swap_failed", f"upload failed: password={SEED}", 17)
            await rig.journal.put_alarms([raised])
            return await asyncio.to_thread(without_daemon, site)

    parts = asyncio.run(scenario())
    assert parsed(parts, "daemon/status.json")["cameras"][0]["camera"] == "station-1"
    (alarm,) = parsed(parts, "daemon/alarms.json")["alarms"]
    assert (alarm["number"], alarm["text"]) == (201, "upload failed: password=[redacted]")
    assert "swaps" in parsed(parts, "daemon/swaps.json")
    assert "subnets" in parsed(parts, "daemon/station-1/subnets.json")


def test_a_part_that_takes_too_long_or_is_too_large_is_left_out(tmp_path: Path) -> None:
    now = iter([0.0, 1.0, 61.0, 2.0])
    made = Bundle(4000, lambda: next(now), 60.0)
    made.add("a.json", lambda: {"x": "y"})
    made.add("late.json", lambda: {"x": "never"})
    made.add("large.txt", lambda: "z" * 5000)
    made.write(tmp_path / "b.tar.gz", Redactor(), {})
    parts = members(tmp_path / "b.tar.gz")
    assert parsed(parts, "a.json") == {"x": "y"}
    assert "time" in parsed(parts, "late.json")["error"]
    assert b"larger" in parts["large.txt"]


def test_a_camera_of_any_name_makes_no_path_out_of_the_archive(tmp_path: Path) -> None:
    made = Bundle(4000, lambda: 0.0, 60.0)
    made.add("daemon/../../etc/x\n.json", dict)
    made.write(tmp_path / "b.tar.gz", Redactor(), {})
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "b.tar.gz").read_bytes())) as archive:
        assert archive.getnames() == [f"{FOLDER}/daemon/_/_/etc/x_.json", f"{FOLDER}/manifest.json"]


def test_an_archive_that_cannot_be_written_leaves_the_old_one(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["support-bundle", "--out", str(site / "none" / "out.tar.gz")]) == 2
    assert "not a folder" in capfd.readouterr().err

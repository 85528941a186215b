"""The files that systemd reads: checked by systemd itself, and each line explained on their page."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "systemd"
UNIT = FILES / "ofa-agent.service"
DROP_IN = FILES / "simulated-camera.conf"
MOST_EXPOSURE = 2.0


def content(file: Path) -> list[str]:
    """The lines that say something."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return [line for line in lines if line and not line.startswith(("#", "["))]


def explained(file: Path) -> dict[str, str]:
    """Lines and their reasons, by the table under the file's heading."""
    _, found, rest = (FILES / "README.md").read_text("utf-8").partition(f"\n## {file.name}\n")
    assert found, f"README.md has no heading {file.name}"
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", rest.partition("\n## ")[0], re.MULTILINE)
    return dict(rows)


def named(unit: Path, name: str) -> list[str]:
    return [line.split("=", 1)[1] for line in content(unit) if line.startswith(f"{name}=")]


@pytest.fixture(scope="module")
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine (apt install systemd)")
    version = subprocess.run((program, "--version"), capture_output=True, text=True, check=True).stdout.split()[1]
    if int(version) < 252:
        pytest.skip(f"systemd-analyze {version} cannot judge a unit that is not installed; 252 can")
    return program


@pytest.fixture(params=["alone", "with the drop-in"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """As it would be installed; what it runs is one that is on this machine."""
    text = UNIT.read_text("utf-8").replace("/usr/bin/ofa-agent", sys.executable)
    if request.param != "alone":
        text = text.replace("[Install]", f"{DROP_IN.read_text('utf-8')}\n[Install]")
    installed = tmp_path / UNIT.name
    installed.write_text(text, "utf-8")
    return installed


@pytest.mark.parametrize("file", sorted(FILES.glob("[!R]*")), ids=lambda file: file.name)
def test_every_line_has_its_reason_on_the_page_and_the_page_no_other(file: Path) -> None:
    reasons = explained(file)
    assert list(reasons) == content(file)
    assert all(len(reason) > 3 for reason in reasons.values())


def test_systemd_finds_nothing_wrong_with_the_unit(analyze: str, unit: Path) -> None:
    done = subprocess.run((analyze, "verify", "--man=no", str(unit)), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_what_is_wrong_with_a_unit(analyze: str, unit: Path) -> None:
    unit.write_text(unit.read_text("utf-8").replace("WatchdogSec=", "WatchDogSec="), "utf-8")
    done = subprocess.run((analyze, "verify", "--man=no", str(unit)), capture_output=True, text=True, check=False)
    assert "WatchDogSec" in done.stderr


def test_the_service_is_exposed_to_no_more_than_it_needs(analyze: str, unit: Path) -> None:
    command = (analyze, "security", "--offline=true", "--no-pager", str(unit))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    exposure = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", done.stdout)
    assert exposure is not None, done.stderr
    assert float(exposure[1]) <= MOST_EXPOSURE


def test_traps_of_the_unit_are_avoided() -> None:
    assert named(UNIT, "Type") == ["notify"]  # notify-reload: systemd 253
    assert named(UNIT, "ExecReload")
    assert "ProcSubset=pid" not in content(UNIT)  # psutil reads /proc/stat
    assert not any("@resources" in line for line in named(UNIT, "SystemCallFilter"))  # sched_setaffinity
    assert named(UNIT, "DevicePolicy") == ["closed"]
    assert named(UNIT, "DeviceAllow") == ["char-usb_device rw"]
    assert "AF_NETLINK" in named(UNIT, "RestrictAddressFamilies")[0].split()
    assert named(UNIT, "MemoryDenyWriteExecute") == ["yes"]
    assert named(DROP_IN, "MemoryDenyWriteExecute") == ["no"]  # OpenVINO's JIT


def test_the_unit_gives_a_stop_and_the_watchdog_the_time_that_the_daemon_takes() -> None:
    from agent.service import LOOK_S, STOP_S

    assert float(named(UNIT, "TimeoutStopSec")[0]) >= STOP_S
    assert float(named(UNIT, "WatchdogSec")[0]) >= 10 * LOOK_S


def test_the_user_of_the_unit_is_the_one_that_is_made_and_that_may_open_cameras() -> None:
    (user,) = named(UNIT, "User")
    assert content(FILES / "ofa-agent.sysusers")[0].startswith(f"u {user} ")
    rules = [line for line in content(FILES / "70-ofa-agent.rules") if "idVendor" in line]
    assert [re.findall(r'idVendor}=="(\w+)"', rule) for rule in rules] == [["1e10"], ["03e7"]]
    assert all(f'GROUP="{user}"' in rule for rule in rules)

"""What is in the packages, before anybody installs them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.package.conftest import Debs
from tests.package.trees import ROOT


def out(*command: str | Path) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def test_the_same_sources_give_the_same_bytes(debs: Debs) -> None:
    assert debs.agent.read_bytes() == debs.again.read_bytes()


def test_lintian_finds_nothing_wrong(debs: Debs) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("lintian is missing")
    command = ("lintian", "--allow-root", "--fail-on", "error,warning", str(debs.agent), str(debs.simulation))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.findall(r"^[EW]: .*$", done.stdout, re.MULTILINE)
    # The page of the command is made by a build of its own; a package without it is complete but for that.
    page = (ROOT / "deploy/man/ofa-agent.1").exists()
    assert [line for line in found if page or "no-manual-page [usr/bin/ofa-agent]" not in line] == []


def test_every_file_is_roots_and_nobody_elses_to_write(debs: Debs) -> None:
    for deb in (debs.agent, debs.simulation):
        rows = out("dpkg-deb", "--contents", deb).splitlines()
        assert len(rows) > 100
        strange = [
            row for row in rows if row.split()[1] != "root/root" or not re.match(r"[-dl]([r-][w-][x-]){3} ", row)
        ]
        writable = [row for row in rows if not row.startswith("l") and "w" in row[4:10]]
        assert (strange, writable) == ([], [])


def test_the_package_depends_on_the_python_that_its_environment_is_of(debs: Debs) -> None:
    depends = out("dpkg-deb", "--field", debs.agent, "Depends")
    major, minor = (int(number) for number in out("/usr/bin/python3", "--version").split()[1].split(".")[:2])
    assert f"python3 (>= {major}.{minor}~), python3 (<< {major}.{minor + 1})" in depends
    assert re.search(r"libc6 \(>= [\d.]+\)", depends)


def test_the_simulation_belongs_to_its_very_agent(debs: Debs) -> None:
    version = out("dpkg-deb", "--field", debs.agent, "Version").strip()
    assert f"ofa-agent (= {version})" in out("dpkg-deb", "--field", debs.simulation, "Depends")


def test_the_packages_share_no_file(debs: Debs) -> None:
    first, second = (
        {row.split()[5] for row in out("dpkg-deb", "--contents", deb).splitlines() if not row.startswith("d")}
        for deb in (debs.agent, debs.simulation)
    )
    assert first & second == set()
    assert any("/openvino/" in name for name in second)
    assert not any("/openvino/" in name or "/genicam/" in name for name in first)


def test_without_the_service_there_is_no_package_and_the_reason_names_the_file(tmp_path: Path, debian: None) -> None:
    for name in ("deploy", "CHANGELOG.md", "pyproject.toml"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    command = ("/usr/bin/python3", "-I", str(tmp_path / "deploy/deb/build.py"), "--out", str(tmp_path / "out"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("make deb: systemd/ lacks ofa-agent.service, ")
    assert len(done.stderr.splitlines()) == 1


def test_another_python_than_the_releases_is_refused_in_one_line(debian: None, tmp_path: Path) -> None:
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists() or out(python, "-c", "import sys; print(sys.base_prefix)").strip() == "/usr":
        pytest.skip("there is no other Python here")
    command = (str(python), "-I", str(ROOT / "deploy/deb/build.py"), "--out", str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"make deb: \S+ is not the release's Python: run /usr/bin/python3 \S+\n", done.stderr)

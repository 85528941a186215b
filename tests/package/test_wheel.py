"""The wheel and the sdist, installed where there is no source tree."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.package.conftest import SYSTEM_PYTHON, Debs
from tests.package.trees import ROOT

# What runs without the source tree: the files of every kind that modules read beside themselves.
DATA = """\
import json, sys
from importlib import metadata, resources
from agent.cli.demo.session import GATEWAY
from agent.cli.demo.supply import SUPERNET
import agent
print(json.dumps({
    "version": metadata.version("ofa-agent"),
    "package": agent.__file__,
    "supernet": [str(SUPERNET), SUPERNET.stat().st_size],
    "gateway": [str(GATEWAY), GATEWAY.stat().st_size],
    "descriptors": len(resources.files("agent.pb").joinpath("ofa_agent.binpb").read_bytes()),
    "page": sorted(one.name for one in resources.files("agent.web").joinpath("static").iterdir()),
}))
"""


@pytest.fixture(scope="module")
def dist(debs: Debs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make wheel` makes, by the tools that the packages were made with."""
    out = tmp_path_factory.mktemp("dist")
    python = ROOT / "build/deb/tools/bin/python"
    done = subprocess.run([python, ROOT / "deploy/wheel.py", "--out", out], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel and its locked dependencies, installed without an index."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", venv], check=True)
    pip = (venv / "bin/pip", "--disable-pip-version-check", "--quiet", "install", "--no-index", "--no-compile")
    wheels = ("--find-links", ROOT / "build/deb/wheelhouse", "--require-hashes")
    subprocess.run([*pip, *wheels, "-r", ROOT / "deploy/lock/agent.lock"], check=True)
    subprocess.run([*pip, next(dist.glob("*.whl"))], check=True)
    return venv


def tracked() -> set[str]:
    git = ("git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "agent")
    listed = subprocess.run(git, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def test_the_wheel_has_every_file_of_the_package(dist: Path) -> None:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        assert tracked() - set(wheel.namelist()) == set()


def test_the_sdist_has_all_that_the_wheel_is_made_of(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked() - names == set()
    assert {"pyproject.toml", "setup.py", "LICENSE", "deploy/demo/supernet.safetensors"} <= names


def test_the_installed_command_runs_without_the_sources(installed: Path, tmp_path: Path) -> None:
    env = {"PATH": f"{installed}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    command = ("ofa-agent", "--version")
    told = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
    assert told.startswith("ofa-agent, version ")
    config = ROOT / "deploy/deb/files/agent.yaml"
    check = ("ofa-agent", "check", "--config", str(config))
    told = subprocess.run(check, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
    assert "1 camera(s)" in told


def test_what_modules_read_beside_themselves_came_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    command = (installed / "bin/python", "-I", "-c", DATA)
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert str(ROOT) not in told["package"] + told["supernet"][0] + told["gateway"][0]
    assert told["supernet"][1] == (ROOT / "deploy/demo/supernet.safetensors").stat().st_size
    assert told["gateway"][1] > 1000
    assert told["descriptors"] > 100_000
    assert "index.html" in told["page"]

"""The packages as a user gets them: built, and installed for real into a tree of the release (`make package-check`).

Needs root, Debian's tools and, the first time, the network. Not of `make test`: it takes minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from tests.package.trees import BASE, ROOT, Tree, make_base, mounted

_PROGRAMS = ("mmdebstrap", "dpkg-deb", "dpkg-shlibdeps", "unshare", "chroot", "tar")
SYSTEM_PYTHON = Path("/usr/bin/python3")
NEXT = "9.0.0"  # an upgrade of whatever version the sources are


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only where they are named: `make test` collects everything below tests/."""
    here = Path(__file__).parent
    named = [(config.invocation_params.dir / word.split("::")[0]).resolve() for word in config.args]
    if any(path == here or here in path.parents for path in named):
        return
    mine = [item for item in items if here in item.path.parents]
    items[:] = [item for item in items if here not in item.path.parents]
    config.hook.pytest_deselected(items=mine)


@dataclass(frozen=True, slots=True)
class Debs:
    """The built packages; `again` is `agent` from a second build."""

    agent: Path
    simulation: Path
    again: Path
    upgrade: Path


@pytest.fixture(scope="session")
def debian() -> None:
    """This machine can build packages and install them into a tree; skips with the reason."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing or not SYSTEM_PYTHON.exists():
        pytest.skip(f"packages cannot be made and tried here: {', '.join(missing or [str(SYSTEM_PYTHON)])} is missing")
    if os.geteuid() != 0:
        pytest.skip("packages are installed into a tree, which needs root")


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for what is large, removed in the end; pytest keeps its own. In memory where there is enough."""
    BASE.parent.mkdir(parents=True, exist_ok=True)
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4e9 and psutil.virtual_memory().available > 8e9
    with TemporaryDirectory(prefix="ofa-packages-", dir=memory if roomy else BASE.parent) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def stick(scratch: Path) -> Path:
    """What the trees see at /media."""
    folder = scratch / "stick"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def debs(debian: None, scratch: Path, stick: Path) -> Debs:
    sources = scratch / "sources"  # all of one moment, whatever is edited meanwhile
    export = "import sys; sys.path.insert(0, 'deploy'); from export import *; export(Path(), Path(sys.argv[1]))"
    subprocess.run([SYSTEM_PYTHON, "-c", export, sources], cwd=ROOT, check=True)
    first = _build(sources, stick / "first")
    again = _build(sources, stick / "again", "--only", "ofa-agent")
    upgrade = _build(sources, stick / "upgrade", "--version", NEXT)
    return Debs(first["ofa-agent"], first["ofa-agent-simulation"], again["ofa-agent"], upgrade["ofa-agent"])


def _build(sources: Path, out: Path, *options: str) -> dict[str, Path]:
    """The packages by their names, of the wheels that `make deb` fetches and keeps."""
    command = (str(SYSTEM_PYTHON), "-I", str(sources / "deploy/deb/build.py"), "--out", str(out))
    settings = ("--cache", str(ROOT / "build/deb"), "--compress", "fast")
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1790000000"}
    done = subprocess.run([*command, *settings, *options], capture_output=True, text=True, env=env, check=False)
    if "is a package index reachable?" in done.stderr and not (ROOT / "build/deb/wheelhouse/made-of").exists():
        pytest.skip(f"the wheels were never fetched and cannot be: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stderr
    return {path.name.split("_")[0]: path for path in out.glob("*.deb")}


@pytest.fixture(scope="session")
def fresh(debian: None, scratch: Path) -> Path:
    """A tree of the release without the package; read it, never write to it."""
    if not BASE.exists():
        make_base()
    tree = scratch / "fresh"
    tree.mkdir()
    subprocess.run(["tar", "--extract", "--file", str(BASE), "--directory", str(tree), "--numeric-owner"], check=True)
    # The tree is thrown away: nothing has to reach the disk.
    (tree / "etc/dpkg/dpkg.cfg.d/tests").write_text("force-unsafe-io\n", encoding="utf-8")
    return tree


@pytest.fixture(scope="session")
def installed(fresh: Path, debs: Debs, scratch: Path, stick: Path) -> Iterator[Tree]:
    """A tree with the package; read it, never write to it. `tree` is a copy for one test."""
    with mounted(fresh, scratch / "installed", stick) as tree:
        tree.told = tree.install(debs.agent)
        yield tree


@pytest.fixture
def tree(installed: Tree, scratch: Path, stick: Path) -> Iterator[Tree]:
    """The package is installed, for this test alone."""
    with mounted(installed.root, scratch / "one-test", stick) as tree:
        yield tree


@pytest.fixture
def bare(fresh: Path, scratch: Path, stick: Path) -> Iterator[Tree]:
    """The release without the package, for this test alone."""
    with mounted(fresh, scratch / "one-test", stick) as tree:
        yield tree

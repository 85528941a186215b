"""The vendor's wheel beside the package: taken when it fits, refused in one line when it does not."""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import zipfile
from pathlib import Path

import pytest

from tests.package.conftest import Debs
from tests.package.trees import Tree

SDK = """\
class _Version:
    major, minor, type, build = 4, 4, 0, 246
class System:
    @staticmethod
    def GetInstance():
        return System()
    def GetLibraryVersion(self):
        return _Version()
    def ReleaseInstance(self):
        pass
class SpinnakerException(Exception):
    pass
"""
VERSION = "4.4.0.246"


@pytest.fixture
def tag(tree: Tree) -> str:
    return tree.ok("/opt/ofa-agent/bin/python3", "-c", "import sys; print('cp%d%d' % sys.version_info[:2])").strip()


def wheel(folder: Path, tag: str, module: str = SDK, name: str = "spinnaker_python", break_it: bool = False) -> str:
    """A wheel as the vendor's, in the tree's /srv; its name there."""
    info = f"{name}-{VERSION}.dist-info"
    files = {
        "PySpin.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n",
    }
    rows = []
    for file, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{file},sha256={digest},{len(text)}\n")
    file = f"{name}-{VERSION}-{tag}-{tag}-linux_{platform.machine()}.whl"
    with zipfile.ZipFile(folder / "srv" / file, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text + ("# other\n" if break_it and inside == "PySpin.py" else ""))
        archive.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")
    return f"/srv/{file}"


def refused(tree: Tree, file: str) -> str:
    done = tree.run("ofa-agent-pyspin", "install", file)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("ofa-agent-pyspin: ")
    folders = tree.path("/opt/ofa-agent/vendor")
    assert [path.name for path in folders.glob("*") if ".new" in path.name] == []
    return done.stdout


def test_before_it_is_installed_the_status_says_what_is_missing(tree: Tree) -> None:
    done = tree.run("ofa-agent-pyspin", "status")
    assert done.returncode == 1
    assert "PySpin is not installed: install the Spinnaker SDK" in done.stdout


def test_a_wheel_that_fits_is_found_by_the_agent_and_survives_an_upgrade(tree: Tree, debs: Debs, tag: str) -> None:
    said = tree.ok("ofa-agent-pyspin", "install", wheel(tree.root, tag))
    assert said.startswith(f"PySpin {VERSION} for Python 3.")
    assert "systemctl restart ofa-agent" in said
    tree.install(debs.upgrade)
    assert f"PySpin {VERSION}" in tree.ok("ofa-agent-pyspin", "status")
    assert "is there" in tree.ok("setpriv", "--reuid", "ofa-agent", "--clear-groups", "ofa-agent-pyspin", "status")


def test_with_it_the_installation_does_not_ask_for_it_any_more(tree: Tree, debs: Debs, tag: str) -> None:
    tree.ok("ofa-agent-pyspin", "install", wheel(tree.root, tag))
    assert "not started yet" not in tree.install(debs.upgrade)


def test_a_wheel_for_another_python_is_refused_by_its_name(tree: Tree) -> None:
    said = refused(tree, wheel(tree.root, "cp38"))
    assert re.search(r"made for cp38, this agent runs on Python 3\.\d+ \(cp3\d+\); take the SDK's wheel for cp3", said)


def test_the_terminal_spinner_is_not_taken_for_the_sdk(tree: Tree, tag: str) -> None:
    assert "a wheel of pyspin, not of spinnaker_python" in refused(tree, wheel(tree.root, tag, name="pyspin"))
    assert "terminal spinner" in refused(tree, wheel(tree.root, tag, module="def make_spin(): ...\n"))


def test_a_damaged_wheel_is_refused(tree: Tree, tag: str) -> None:
    assert "PySpin.py is damaged; copy the wheel again" in refused(tree, wheel(tree.root, tag, break_it=True))
    tree.write(f"/srv/spinnaker_python-1-{tag}-{tag}-linux_{platform.machine()}.whl", "no zip")
    assert "damaged (File is not a zip file)" in refused(
        tree, f"/srv/spinnaker_python-1-{tag}-{tag}-linux_{platform.machine()}.whl"
    )


def test_a_wheel_that_does_not_load_leaves_the_one_before(tree: Tree, tag: str) -> None:
    tree.ok("ofa-agent-pyspin", "install", wheel(tree.root, tag))
    broken = "raise ImportError('libSpinnaker.so.4: cannot open shared object file')\n"
    assert "its native library does not load" in refused(tree, wheel(tree.root, tag, module=broken))
    assert f"PySpin {VERSION}" in tree.ok("ofa-agent-pyspin", "status")


def test_it_is_removed_by_the_same_command(tree: Tree, tag: str) -> None:
    tree.ok("ofa-agent-pyspin", "install", wheel(tree.root, tag))
    tree.ok("ofa-agent-pyspin", "remove")
    assert tree.run("ofa-agent-pyspin", "status").returncode == 1
    assert "is not installed there" in tree.run("ofa-agent-pyspin", "remove").stdout


def test_only_root_may_install_it(tree: Tree, tag: str) -> None:
    file = wheel(tree.root, tag)
    done = tree.run("setpriv", "--reuid", "ofa-agent", "--clear-groups", "ofa-agent-pyspin", "install", file)
    assert done.returncode == 1
    assert "run it with sudo" in done.stdout

"""Trees of a Debian release in which packages are installed for real, each test in a layer of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "build" / "package" / "base.tar"
# Of what a machine has that runs services; with the trees' own dpkg nothing else is needed.
# The simulated camera's GenICam needs the interpreter as a library.
_INCLUDED = "systemd,systemd-sysv,udev,python3,dbus,ca-certificates,libpython{version}"
_PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
VERSION = re.findall(r'^version = "(.+)"$', _PROJECT, re.MULTILINE)[0]
CONFIG = "/etc/ofa-agent/agent.yaml"
STATE = "/var/lib/ofa-agent"
# /run and /proc are the command's own, the network is not there, and what it starts ends with it.
_ENTER = """
mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/run" && mount -t tmpfs tmpfs "$0/tmp" || exit 99
mount --bind "$STICK" "$0/media" || exit 99
[ ! -d "$0/before" ] || cp -a "$0/before/." "$0/run/"
exec chroot "$0" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive HOME=/root "$@"
"""


class Tree:
    """A root of a file system, with the folder `stick` at /media. `told` is what the installation said."""

    def __init__(self, root: Path, stick: Path) -> None:
        self.root = root
        self.stick = stick
        self.told = ""

    def run(self, *command: str, feed: str = "") -> subprocess.CompletedProcess[str]:
        """A command in the tree, as root and without a network, to its end; both streams are in `stdout`."""
        enter = ("unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child", "sh", "-c", _ENTER)
        return subprocess.run(
            [*enter, str(self.root), *command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "STICK": str(self.stick)},
            input=feed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    def ok(self, *command: str, feed: str = "") -> str:
        """What a command said that must end well."""
        done = self.run(*command, feed=feed)
        assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def sh(self, script: str) -> str:
        return self.ok("sh", "-ec", script)

    def install(self, *debs: Path, options: Sequence[str] = ()) -> str:
        """`dpkg --install` of the files, which must end well; what it said."""
        done = self.dpkg("--install", *debs, options=options)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def dpkg(self, action: str, *debs: Path, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        return self.run("dpkg", *options, action, *(f"/media/{deb.relative_to(self.stick)}" for deb in debs))

    def path(self, name: str) -> Path:
        """A file of the tree, by its name inside."""
        return self.root / name.lstrip("/")

    def write(self, name: str, text: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text, encoding="utf-8")

    def version(self) -> str:
        return self.ok("ofa-agent", "--version").split()[-1]


@contextmanager
def mounted(lower: Path, scratch: Path, stick: Path) -> Iterator[Tree]:
    """A tree that begins as `lower` and leaves it as it is; what it took is removed."""
    root, upper, work = scratch / "root", scratch / "upper", scratch / "work"
    for folder in (root, upper, work):
        folder.mkdir(parents=True)
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    done = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", layers, str(root)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"trees are laid over each other, which this machine cannot: {done.stderr.strip()}")
    try:
        yield Tree(root, stick)
    finally:
        subprocess.run(["umount", str(root)], check=True)
        shutil.rmtree(scratch)


def make_base() -> None:
    """The tree of this machine's release, fetched once; skips where its archive cannot be reached."""
    BASE.parent.mkdir(parents=True, exist_ok=True)
    codename = next(
        line.partition("=")[2].strip()
        for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
        if line.startswith("VERSION_CODENAME=")
    )
    told = subprocess.run(["/usr/bin/python3", "--version"], capture_output=True, text=True, check=True).stdout
    included = _INCLUDED.format(version=".".join(told.split()[1].split(".")[:2]))
    partly = BASE.with_suffix(".part.tar")
    command = ("mmdebstrap", "--quiet", "--variant=minbase", f"--include={included}", codename, str(partly))
    done = subprocess.run(command, capture_output=True, text=True, timeout=540, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command[:2])} cannot make a tree of {codename}: {done.stderr.strip()[-300:]}")
    partly.rename(BASE)

"""What the pages take as given (a config, a library, a supernet, a program), made in a folder of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from agent.cli.main import main
from tests.support.libraries import SUPERNET
from tests.support.network_files import ncsdk2, openvino
from tests.support.pages import ROOT, blocks

ARCH = '{"ks": 3, "e": 4, "d": [2, 1, 3], "r": 56}'
CLASS_COUNT = 4  # of the graphs
PROGRAM = """\
import argparse
import PySpin

options = argparse.ArgumentParser()
options.add_argument("--frames", type=int)
frames = options.parse_args().frames
system = PySpin.System.GetInstance()
cameras = system.GetCameras()
camera = cameras[0]
camera.Init()
camera.BeginAcquisition()
for _ in range(frames):
    camera.GetNextImage(2000).Release()
camera.EndAcquisition()
camera.DeInit()
del camera
cameras.Clear()
system.ReleaseInstance()
"""

Stage = Callable[[Path], None]


def config(library: str, socket: str = "state/camera.sock") -> str:
    """A config of a simulated camera, as the pages call `agent.yaml`."""
    text = (ROOT / "deploy" / "config" / "simulated.yaml").read_text(encoding="utf-8")
    return text.replace("path: library", f"path: {json.dumps(library)}").replace("state/camera.sock", socket)


def stage(folder: Path, ladder: Path) -> None:
    """What any page may name."""
    (folder / "state").mkdir()
    (folder / "library").symlink_to(ladder)
    (folder / "agent.yaml").write_text(config("library"), encoding="utf-8")
    for name in ("net.safetensors", "supernet.safetensors"):
        (folder / name).symlink_to(SUPERNET)
    for name in ("deploy", "tests", "Makefile", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "arch.json").write_text(ARCH, encoding="utf-8")


def replay(folder: Path) -> None:
    """The trace and the ladder that the page on replays shows are those that its commands name."""
    shown = {block.language: block.text for block in blocks("docs/how-to/replay-a-trace.md") if block.language}
    (folder / "shift.csv").write_text(shown["csv"], encoding="utf-8")
    (folder / "ladder.json").write_text(shown["json"], encoding="utf-8")


def own_library(folder: Path) -> None:
    """A library that may be written to, instead of the one that all pages share."""
    shared = (folder / "library").resolve()
    (folder / "library").unlink()
    shutil.copytree(shared, folder / "library")


def graphs(folder: Path) -> None:
    """Compiled networks of other tools, with their labels; and no library yet."""
    (folder / "library").unlink()
    for name, width in (("network", 8), ("mobilenet_0.25", 8), ("mobilenet_0.5", 16)):
        (folder / f"{name}.graph").write_bytes(ncsdk2(side=width, channels=3)[0])
    (folder / "labels.txt").write_text("".join(f"{number}\n" for number in range(CLASS_COUNT)), encoding="utf-8")


def new_version(folder: Path) -> None:
    """A library to sign, and a newer one beside it."""
    own_library(folder)
    shutil.copytree(folder / "library", folder / "new-library")


def program(folder: Path) -> None:
    """A program written for the vendor's SDK."""
    (folder / "acquire.py").write_text(PROGRAM, encoding="utf-8")


def keys(folder: Path) -> None:
    """The pair that builds are signed with."""
    assert main(["library", "keygen", str(folder / "line.pem")]) == 0


def environment(folder: Path) -> None:
    """The virtual environment of the repository."""
    (folder / ".venv").symlink_to(ROOT / ".venv")


def demo_library(folder: Path) -> None:
    """What `make demo` leaves."""
    environment(folder)
    (folder / ".demo").mkdir()
    (folder / ".demo" / "library").symlink_to((folder / "library").resolve())


def stand_in(words: list[str], folder: Path, ladder: Path) -> None:
    """Leaves what a command of minutes would leave, so that those after it can be run."""
    options = dict(pairwise(words))
    if "--out" not in options:
        return
    out = folder / options["--out"]
    if words[:2] == ["library", "compile"] and options["--target"] != "ncsdk":
        out.write_bytes(openvino())
    if words[:2] == ["library", "build"]:
        if out.is_symlink():
            out.unlink()
        shutil.copytree(ladder, out, dirs_exist_ok=True)
        if "--sign-key" in options:
            assert main(["library", "sign", str(out), "--key", str(folder / options["--sign-key"])]) == 0


STAGES: dict[str, tuple[Stage, ...]] = {
    "docs/how-to/replay-a-trace.md": (replay,),
    "docs/how-to/inspect-a-network-file.md": (graphs,),
    "docs/how-to/sign-a-library.md": (new_version,),
    "docs/how-to/run-a-pyspin-program.md": (program,),
    "docs/how-to/build-a-library.md": (keys,),
    "docs/tutorial/first-swap.md": (demo_library,),
    "docs/tutorial/from-images-to-a-camera.md": (environment,),
}

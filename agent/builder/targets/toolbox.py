"""The Myriad compiler as files on this machine: pinned wheels, of which only the needed members are kept.

It is the last OpenVINO with both Myriad 2 and Myriad X, 2021.4.2 (facts/myriad-blobs.md 1 and 2 A). Wheels and members
are checked against digests written here, so that what runs is what was tested, wherever pip got it from.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from agent.builder.targets.base import Progress
from agent.builder.targets.errors import ToolsMissing

TOOLS_VARIABLE = "OFA_AGENT_TOOLS"
SETUP_COMMAND = "ofa-agent library compile --setup"
# One generation of tools, one folder: another choice of wheels never finds the files of this one.
GENERATION = "openvino-2021.4.2"
PLUGINS_NAME = "plugins.xml"
_FETCH_DEADLINE_S = 900
_SHOWN_ERRORS = 3

# The wheel's own list names plugins that are not kept.
_PLUGINS = b'<ie>\n<plugins>\n<plugin name="MYRIAD" location="libmyriadPlugin.so"></plugin>\n</plugins>\n</ie>\n'


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned wheel. `members` are its files by the name that they get here; `tags` are pip's platform and Python."""

    project: str
    version: str
    sha256: str
    size_bytes: int
    tags: tuple[str, ...]
    members: tuple[tuple[str, str], ...]


_COMPILER = Wheel(
    "opencv-python-inference-engine",
    "2022.1.5",
    "cc4081c86e958abf38d37c3d410cdc31aa14f42d746acfccb1deadd72ba861e7",
    41_256_320,
    ("--python-version", "3.8", "--platform", "manylinux1_x86_64"),
    tuple(
        (name, f"cv2/{name}")
        for name in (
            "libinference_engine.so",
            "libinference_engine_c_api.so",
            "libinference_engine_ir_reader.so",
            "libinference_engine_legacy.so",
            "libinference_engine_transformations.so",
            "libmyriadPlugin.so",
            "libngraph.so",
            "libtbb.so.2",
        )
    ),
)
# The plugin looks for a device even where it only compiles, so it does not load without this.
_USB = Wheel(
    "libusb-package",
    "1.0.30.0",
    "f502ad5a0527b8c0431de817662325c88a1bba2cc334173665b04ad168d7b6d3",
    76_159,
    ("--python-version", "3.11", "--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"),
    (("libusb-1.0.so.0", "libusb_package/libusb-1.0.so"),),
)
WHEELS = (_COMPILER, _USB)
# Of all members and the list of plugins, as `_digest` takes it.
_TREE_SHA256 = "2b95fc05d4a2437277541a0fbb72d8a90f8e416321fc2c978040221fd6c215e6"


def toolbox_folder(root: Path | None = None) -> Path:
    """Where the compiler's files are kept: under `root`, $OFA_AGENT_TOOLS, or the user's cache."""
    if root is None:
        chosen = os.environ.get(TOOLS_VARIABLE)
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        root = Path(chosen) if chosen else Path(cache, "ofa-agent", "myriad")
    return root.expanduser().absolute() / GENERATION


def check_toolbox(folder: Path) -> None:
    """Raises ToolsMissing where the files are missing or damaged, or this machine cannot run them."""
    _check_machine()
    if not folder.is_dir():
        raise ToolsMissing(f"Myriad compiler: not in {folder.parent}; fetch it once with: {SETUP_COMMAND}")
    if _stamped_digest(folder, _stamp(folder)) != _TREE_SHA256:
        raise ToolsMissing(f"Myriad compiler: {folder} is damaged; fetch it again with: {SETUP_COMMAND}")


def fetch_toolbox(folder: Path, progress: Progress) -> None:
    """Make `folder` whole: nothing where it is, else fetch with pip, check, and put it in place in one step.

    Takes what index pip is configured for. Blocks, for 41 MB. Raises ToolsMissing; an unfinished try leaves nothing.
    """
    _check_machine()
    if _digest(folder) == _TREE_SHA256:
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder.parent) as scratch:
            made = Path(scratch, "made")
            made.mkdir()
            (made / PLUGINS_NAME).write_bytes(_PLUGINS)
            for wheel in WHEELS:
                progress(f"fetching {wheel.project} {wheel.version}, {wheel.size_bytes / 1e6:.1f} MB")
                _unpack(_download(wheel, Path(scratch, wheel.project), folder), wheel, made)
            if _digest(made) != _TREE_SHA256:
                raise ToolsMissing(f"Myriad compiler: unpacked into {made}, but not what was tested; report this")
            _put_in_place(made, folder, Path(scratch, "old"))
    except OSError as exc:
        raise ToolsMissing(f"Myriad compiler: {folder.parent} cannot be written: {exc.strerror or exc}") from exc
    progress(f"Myriad compiler is in {folder}")


def _check_machine() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise ToolsMissing(
            f"Myriad compiler: runs on Linux on x86-64 only, this is {sys.platform} on {platform.machine()};"
            " build the library there and copy it"
        )


def _download(wheel: Wheel, into: Path, folder: Path) -> Path:
    """The wheel's file, its digest checked."""
    pinned = f"{wheel.project}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(into), *wheel.tags, pinned]
    advice = (
        f"with a package index that pip can reach run: {SETUP_COMMAND}; without one copy {folder} from a machine"
        f" that has it, and name its parent with --tools or {TOOLS_VARIABLE}"
    )
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_DEADLINE_S, check=False)
    except subprocess.TimeoutExpired as exc:
        raise ToolsMissing(f"{pinned}: pip did not end within {_FETCH_DEADLINE_S} s; {advice}") from exc
    if done.returncode:
        raise ToolsMissing(f"{pinned}: pip could not fetch it: {_last_errors(done.stderr)}; {advice}")
    files = sorted(into.glob("*.whl"))
    actual = hashlib.sha256(files[0].read_bytes()).hexdigest() if len(files) == 1 else f"of {len(files)} files"
    if actual != wheel.sha256:
        raise ToolsMissing(
            f"{pinned}: sha256 {actual}, expected {wheel.sha256}; the index holds another file under this name"
        )
    return files[0]


def _last_errors(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return " ".join(errors[:_SHOWN_ERRORS] or lines[-1:] or ["no reason given"])


def _unpack(file: Path, wheel: Wheel, folder: Path) -> None:
    """Write the wanted members under names of ours; no name in the archive decides where something goes."""
    with zipfile.ZipFile(file) as archive:
        for name, member in wheel.members:
            try:
                (folder / name).write_bytes(archive.read(member))
            except (KeyError, zipfile.BadZipFile) as exc:
                raise ToolsMissing(f"{file.name}: {member} cannot be read: {exc}") from exc


def _put_in_place(made: Path, folder: Path, old: Path) -> None:
    """Swap a damaged folder for the new one; where another process was faster with a whole one, keep that."""
    if folder.exists():
        if _digest(folder) == _TREE_SHA256:
            return
        os.rename(folder, old)
    try:
        os.rename(made, folder)
    except OSError:
        if _digest(folder) != _TREE_SHA256:
            raise
    shutil.rmtree(old, ignore_errors=True)


def _names() -> list[str]:
    return sorted([PLUGINS_NAME, *(name for wheel in WHEELS for name, _ in wheel.members)])


def _digest(folder: Path) -> str | None:
    """Of the names and contents of all files that belong there; None where one is missing."""
    total = hashlib.sha256()
    for name in _names():
        try:
            content = hashlib.sha256((folder / name).read_bytes())
        except OSError:
            return None
        total.update(f"{name}\0{content.hexdigest()}\n".encode())
    return total.hexdigest()


def _stamp(folder: Path) -> tuple[tuple[int, int, int], ...]:
    """What changes when a file does: the digest is taken once, not before each of a ladder's compilations."""
    found = []
    for name in _names():
        try:
            stat = (folder / name).stat()
        except OSError:
            return ()
        found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


@functools.lru_cache(maxsize=8)
def _stamped_digest(folder: Path, stamp: tuple[tuple[int, int, int], ...]) -> str | None:  # noqa: ARG001
    return _digest(folder)

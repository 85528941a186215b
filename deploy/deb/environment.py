"""The virtual environment of a package: made in a staging folder as it will lie at /opt/ofa-agent."""

from __future__ import annotations

import csv
import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from steps import PREFIX, PYTHON, SITE_PACKAGES, BuildFailed, run
from wheelhouse import LOCKS, install

# Isolated: a PYTHONPATH of the user's shell (ROS sets one) must not put other packages before the agent's own.
_LAUNCHER = """\
#!/{prefix}/bin/python3 -I
import sys

from agent.cli.main import main

sys.exit(main())
"""
# PySpin is the vendor's and is put there by ofa-agent-pyspin, for this Python only; upgrades keep it.
_VENDOR = f"/{PREFIX}/vendor/{PYTHON}\n"
# Plugins of OpenVINO that need libraries of other hardware, and the cache of one of them; 60 MB.
_NOT_FOR_THE_CPU = ("libopenvino_intel_gpu_plugin*", "libopenvino_intel_npu_*", "cache.json")


def make(stage: Path, tools: Path, wheels: Path, agent_wheel: Path) -> None:
    """The agent's environment below `stage`."""
    prefix = stage / PREFIX
    run(sys.executable, "-m", "venv", "--without-pip", "--symlinks", prefix)
    python = prefix / "bin" / "python3"
    install(tools, python, wheels, "--require-hashes", "-r", LOCKS / "agent.lock")
    version = agent_wheel.name.split("-")[1]
    install(tools, python, agent_wheel.parent, f"ofa-agent=={version}")
    (stage / SITE_PACKAGES / "ofa-agent-vendor.pth").write_text(_VENDOR, encoding="utf-8")
    _clean(stage)


def make_simulation(stage: Path, agent: Path, tools: Path, wheels: Path) -> None:
    """What simulation.lock has beyond the agent's environment at `agent`, below `stage` and nowhere else."""
    whole = stage.with_name(stage.name + ".whole")
    shutil.copytree(agent / PREFIX, whole / PREFIX, symlinks=True)
    before = set(_files(whole))
    names = set(_locked("simulation.lock")) - set(_locked("agent.lock"))
    extra = whole / "extra.lock"
    extra.write_text("".join(_locked("simulation.lock")[name] for name in sorted(names)), encoding="utf-8")
    install(tools, whole / PREFIX / "bin" / "python3", wheels, "--require-hashes", "-r", extra)
    extra.unlink()
    site_packages = SITE_PACKAGES
    for name in _files(whole) - before:
        if site_packages in name.parents:
            target = stage / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(whole / name, target)
    shutil.rmtree(whole)
    _clean(stage)


def _locked(lock: str) -> dict[str, str]:
    """The requirement lines of a lock with their digests, by name and marker."""
    found: dict[str, str] = {}
    name = ""
    for line in (LOCKS / lock).read_text(encoding="utf-8").splitlines(keepends=True):
        if line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            name = line.split("\\")[0].strip()
        found[name] = found.get(name, "") + line
    return found


def _clean(stage: Path) -> None:
    """Nothing may tell where it was built, run anything but the agent, or be built by the first who runs it."""
    _clean_programs(stage)
    _drop_unused(stage / SITE_PACKAGES)
    for record in (stage / SITE_PACKAGES).glob("*.dist-info/RECORD"):
        _clean_record(record)
    _compile(stage)
    for path in _paths(stage):
        if not path.is_symlink():
            path.chmod(_mode(path))
    _refuse_build_paths(stage)


def _clean_programs(stage: Path) -> None:
    programs = stage / PREFIX / "bin"
    if not programs.is_dir():
        return
    shutil.rmtree(programs)
    shutil.rmtree(stage / PREFIX / "include", ignore_errors=True)
    (stage / PREFIX / "lib64").unlink(missing_ok=True)
    programs.mkdir()
    (programs / PYTHON).symlink_to(f"/usr/bin/{PYTHON}")
    (programs / "python3").symlink_to(PYTHON)
    launcher = programs / "ofa-agent"
    launcher.write_text(_LAUNCHER.format(prefix=PREFIX), encoding="utf-8")
    launcher.chmod(0o755)
    settings = stage / PREFIX / "pyvenv.cfg"
    kept = [line for line in settings.read_text(encoding="utf-8").splitlines() if not line.startswith("command")]
    settings.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _drop_unused(site_packages: Path) -> None:
    """numpy's own tests are a quarter of it; the simulated camera computes on the CPU alone."""
    for folder in [path for path in (site_packages / "numpy").rglob("tests") if path.is_dir()]:
        shutil.rmtree(folder)
    for pattern in _NOT_FOR_THE_CPU:
        for path in (site_packages / "openvino" / "libs").glob(pattern):
            path.unlink()


def _clean_record(record: Path) -> None:
    """The list of an installed wheel's files names only what is there."""
    rows = list(csv.reader(io.StringIO(record.read_text(encoding="utf-8"))))
    out = io.StringIO()
    site_packages = record.parents[1]
    there = [row for row in rows if row[0] and not row[0].startswith("..") and (site_packages / row[0]).exists()]
    csv.writer(out, lineterminator="\n").writerows(sorted(there))
    record.write_text(out.getvalue(), encoding="utf-8")


def _compile(stage: Path) -> None:
    """Bytecode that is taken unchecked: it belongs to the package, and root's first call leaves no files behind."""
    for cache in [path for path in stage.rglob("__pycache__") if path.is_dir()]:
        shutil.rmtree(cache)
    options = ("--invalidation-mode", "unchecked-hash", "-s", stage, "-p", "/", "-j", "1")
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    run(sys.executable, "-m", "compileall", "-qq", *options, stage / PREFIX / "lib", env=env)


def _mode(path: Path) -> int:
    if path.is_dir():
        return 0o755
    program = path.parent.name == "bin" and path.parents[1].name == PREFIX.name
    return 0o755 if program else 0o644


def _refuse_build_paths(stage: Path) -> None:
    needle = os.fsencode(stage)
    guilty = [path for path in _paths(stage) if path.is_file() and needle in path.read_bytes()]
    if guilty:
        raise BuildFailed(f"{guilty[0]} and {len(guilty) - 1} more tell the folder that they were built in")


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in _paths(folder) if path.is_symlink() or not path.is_dir()}


def _paths(folder: Path) -> Iterator[Path]:
    return folder.rglob("*")

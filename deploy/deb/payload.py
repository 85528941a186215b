"""What the packages hold beside the environment: service, config, pages, completion."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

from steps import PREFIX, SITE_PACKAGES, BuildFailed

FILES = Path(__file__).with_name("files")
DOC = Path("usr/share/doc")
CONFFILES = ("/etc/default/ofa-agent", "/etc/ofa-agent/agent.yaml")
# Of the source: where it lies on an installed machine.
_SYSTEMD = {
    "ofa-agent.service": "usr/lib/systemd/system/ofa-agent.service",
    "ofa-agent.sysusers": "usr/lib/sysusers.d/ofa-agent.conf",
    "ofa-agent.tmpfiles": "usr/lib/tmpfiles.d/ofa-agent.conf",
}
_SIMULATION = "systemd/simulated-camera.conf"
_COMPLETION = {
    "bash": "usr/share/bash-completion/completions/ofa-agent",
    "zsh": "usr/share/zsh/vendor-completions/_ofa-agent",
    "fish": "usr/share/fish/vendor_completions.d/ofa-agent.fish",
}


def fill(stage: Path, source: Path, epoch: int) -> None:
    """All files of the package ofa-agent but its environment and the papers about the package itself."""
    _systemd(stage, source / "systemd")
    _copy(FILES / "agent.yaml", stage / "etc/ofa-agent/agent.yaml")
    _copy(FILES / "default", stage / "etc/default/ofa-agent")
    _copy(FILES / "ofa-agent-pyspin", stage / "usr/sbin/ofa-agent-pyspin", 0o755)
    (stage / "usr/bin").mkdir(parents=True)
    (stage / "usr/bin/ofa-agent").symlink_to(f"/{PREFIX}/bin/ofa-agent")
    pages = {FILES / "ofa-agent-pyspin.8": 8, source / "deploy/man/ofa-agent.1": 1}
    for page, section in pages.items():
        if page.is_file():
            compress(page.read_bytes(), stage / f"usr/share/man/man{section}/{page.name}.gz", epoch)
    _completion(stage)
    _docs(stage / DOC / "ofa-agent", source)


def fill_simulation(stage: Path, source: Path) -> None:
    """The service beside the simulated camera: what runs networks on the CPU compiles them in memory."""
    _copy(source / _SIMULATION, stage / "usr/lib/systemd/system/ofa-agent.service.d/simulated-camera.conf")


def compress(content: bytes, target: Path, epoch: int) -> None:
    """A gzip file of which only the content tells anything."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, 9, mtime=epoch))
    target.chmod(0o644)


def check_service(source: Path) -> None:
    """BuildFailed where there is no service to package."""
    folder = source / "systemd"
    missing = [name for name in _SYSTEMD if not (folder / name).is_file()]
    if not (source / _SIMULATION).is_file():
        missing.append(Path(_SIMULATION).name)
    if not any(folder.glob("*.rules")):
        missing.append("*.rules")
    if missing:
        raise BuildFailed(f"systemd/ lacks {', '.join(missing)}: the service cannot be packaged without")


def _systemd(stage: Path, folder: Path) -> None:
    for name, target in _SYSTEMD.items():
        _copy(folder / name, stage / target)
    for rule in sorted(folder.glob("*.rules")):
        _copy(rule, stage / "usr/lib/udev/rules.d" / rule.name)


def _completion(stage: Path) -> None:
    """What the packaged command itself prints, run in the stage."""
    for shell, target in _COMPLETION.items():
        script = agent(stage, "completion", shell)
        if script is not None:
            (stage / target).parent.mkdir(parents=True, exist_ok=True)
            (stage / target).write_text(script, encoding="utf-8")


def agent(stage: Path, *words: str) -> str | None:
    """Standard output of the staged `ofa-agent`; None where it has no such command."""
    python = stage / PREFIX / "bin" / "python3"
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from agent.cli.main import main; sys.exit(main())"
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), "-I", "-B", "-c", program, str(stage / SITE_PACKAGES), *words],
        capture_output=True, text=True, env=env, check=False,
    )  # fmt: skip
    if done.returncode == 2 and "no such command" in done.stderr:
        return None
    if done.returncode:
        raise BuildFailed(f"ofa-agent {' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def _docs(folder: Path, source: Path) -> None:
    for name in ("README.md", "SECURITY.md", "docs/reference/config.md", "docs/how-to/install-and-upgrade.md"):
        if (source / name).is_file():
            _copy(source / name, folder / Path(name).name)
    _copy(source / "systemd/README.md", folder / "service.md")
    for config in sorted((source / "deploy/config").glob("*.yaml")):
        _copy(config, folder / "examples" / config.name)
    for kind in ("prometheus", "grafana"):
        for path in sorted((source / "deploy" / kind).glob("*")):
            if path.is_file():
                _copy(path, folder / "examples" / kind / path.name)


def _copy(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)

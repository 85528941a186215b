"""What Debian wants to know of a package: control file, dependencies, changelog, copyright, digests."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from email.utils import formatdate
from pathlib import Path

from payload import CONFFILES, DOC, FILES, compress
from steps import PREFIX, PYTHON, ROOT, SITE_PACKAGES, BuildFailed, release, run

_SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
_DESCRIPTION = {
    "ofa-agent": """\
Description: hot-swaps once-for-all sub-nets on a FLIR Firefly DL camera
 A service that keeps the most accurate sub-net that meets the latency budget on
 a smart camera: it swaps networks when the line's speed changes, verifies every
 swap, rolls back what fails and tells every part what it was judged by.
 .
 The camera's own PySpin is the vendor's and cannot be part of a package:
 ofa-agent-pyspin takes the wheel of the Spinnaker SDK.
""",
    "ofa-agent-simulation": """\
Description: simulated camera for ofa-agent
 What the simulated Firefly DL of ofa-agent runs on: the GenICam reference
 implementation and OpenVINO. For trying a line out, for the demo and for
 building libraries; a machine with a real camera does not need it.
""",
}


@dataclass(frozen=True, slots=True)
class Package:
    """A binary package in the making: its tree and what its papers say."""

    name: str
    version: str  # of the package, with the release that it is for
    tree: Path
    epoch: int

    @property
    def file(self) -> str:
        return f"{self.name}_{self.version}_{architecture()}.deb"


def architecture() -> str:
    return run("dpkg", "--print-architecture").strip()


def write(package: Package, source: Path) -> None:
    """DEBIAN/ and /usr/share/doc/PACKAGE of a filled tree."""
    _copyright(package)
    _changelogs(package, source)
    overrides = package.tree / "usr/share/lintian/overrides" / package.name
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_bytes((FILES / f"{package.name}.lintian-overrides").read_bytes())
    debian = package.tree / "DEBIAN"
    debian.mkdir()
    if package.name == "ofa-agent":
        (debian / "conffiles").write_text("".join(f"{name}\n" for name in CONFFILES), encoding="utf-8")
        _scripts(package, debian, source)
    (debian / "md5sums").write_text(_digests(package.tree), encoding="utf-8")
    (debian / "control").write_text(_control(package), encoding="utf-8")


def _scripts(package: Package, debian: Path, source: Path) -> None:
    values = {
        "JOURNAL_VERSION": _journal_version(source),
        "VERSION": package.version.rsplit("-", 1)[0],
        "PACKAGE_VERSION": package.version,
        "WHEEL_TAG": f"cp{sys.version_info.major}{sys.version_info.minor}",
    }
    for name in _SCRIPTS:
        script = debian / name
        script.write_text(_filled((FILES / name).read_text(encoding="utf-8"), values), encoding="utf-8")
        script.chmod(0o755)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], text)


def _journal_version(source: Path) -> str:
    """The newest tables that this version reads, for preinst, which runs before anything of it is there."""
    text = (source / "agent/telemetry/schema.py").read_text(encoding="utf-8")
    found = re.search(r"^VERSION = (\d+)$", text, re.MULTILINE)
    if found is None:
        raise BuildFailed(
            "agent/telemetry/schema.py: there is no line VERSION = N, which preinst compares a journal with"
        )
    return found[1]


def _control(package: Package) -> str:
    size_kib = sum((path.lstat().st_size + 1023) // 1024 if path.is_file() else 1 for path in package.tree.rglob("*"))
    fields = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": architecture(),
        "Maintainer": _maintainer(),
        "Installed-Size": str(size_kib),
        "Depends": ", ".join(_depends(package)),
        "Section": "science" if package.name.endswith("simulation") else "net",
        "Priority": "optional",
    }
    if package.name == "ofa-agent":
        fields["Suggests"] = "ofa-agent-simulation"
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + _DESCRIPTION[package.name]


def _depends(package: Package) -> list[str]:
    libraries = _shared_libraries(package.tree)
    if package.name == "ofa-agent-simulation":
        return [f"ofa-agent (= {package.version})", *libraries]
    major, minor = sys.version_info[:2]
    python = [f"python3 (>= {major}.{minor}~)", f"python3 (<< {major}.{minor + 1})"]
    # deb-systemd-helper; sysusers and tmpfiles; udevadm
    return [*python, *libraries, "init-system-helpers (>= 1.54~)", "systemd", "udev"]


def _shared_libraries(tree: Path) -> list[str]:
    """What the wheels' binaries need of the system, as dpkg-shlibdeps finds it."""
    binaries = sorted(path for path in (tree / PREFIX).rglob("*.so*") if path.is_file() and not path.is_symlink())
    if not binaries:
        return []
    work = tree.with_name(tree.name + ".shlibs")
    (work / "debian").mkdir(parents=True)
    (work / "debian/control").write_text(
        "Source: ofa-agent\n\nPackage: ofa-agent\nArchitecture: any\n", encoding="utf-8"
    )
    folders = sorted({path.parent for path in binaries})
    found = run(
        *("dpkg-shlibdeps", "-O", "--ignore-missing-info", "--warnings=0"),
        *(f"-l{folder}" for folder in folders),
        *binaries,
        cwd=work,
    )
    return [one.strip() for one in found.partition("=")[2].split(",") if one.strip()]


def _maintainer() -> str:
    """As Debian's own tools take it, else who made the last commit."""
    name, mail = os.environ.get("DEBFULLNAME"), os.environ.get("DEBEMAIL")
    if name and mail:
        return f"{name} <{mail}>"
    try:
        return run("git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "log", "-1", "--format=%an <%ae>").strip()
    except (BuildFailed, FileNotFoundError):
        return "ofa-agent maintainers <maintainers@ofa-agent.invalid>"


def _changelogs(package: Package, source: Path) -> None:
    folder = package.tree / DOC / package.name
    compress((source / "CHANGELOG.md").read_bytes(), folder / "changelog.gz", package.epoch)
    entry = (
        f"{package.name} ({package.version}) stable; urgency=medium\n\n"
        f"  * For {release()} and {PYTHON}.\n  * What is new: changelog.gz beside this file.\n\n"
        f" -- {_maintainer()}  {formatdate(package.epoch)}\n"
    )
    compress(entry.encode(), folder / "changelog.Debian.gz", package.epoch)


def _copyright(package: Package) -> None:
    site_packages = package.tree / SITE_PACKAGES
    rows = [_licence(metadata) for metadata in sorted(site_packages.glob("*.dist-info/METADATA"))]
    head = (FILES / "copyright").read_text(encoding="utf-8")
    target = package.tree / DOC / package.name / "copyright"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(head + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def _licence(metadata: Path) -> str:
    told = HeaderParser().parsestr(metadata.read_text(encoding="utf-8"))
    classified = [
        line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License ::")
    ]
    short = told["License"] if told["License"] and len(told["License"]) < 60 else None
    licence = told["License-Expression"] or short or ", ".join(classified) or "see the folder"
    return f"{told['Name']} {told['Version']}: {licence}\n  /{metadata.parent.relative_to(metadata.parents[5])}"


def _digests(tree: Path) -> str:
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    kept = [path for path in files if "DEBIAN" not in path.relative_to(tree).parts[:1]]
    return "".join(f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in kept)

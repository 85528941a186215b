"""`make deb`: the packages ofa-agent and ofa-agent-simulation for the release and the machine that this runs on.

Run by the release's own interpreter, which the packages then run on. The same sources, locks and SOURCE_DATE_EPOCH give
the same bytes. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]  # `python3 -I` knows no folder of its own

import environment  # noqa: E402
import papers  # noqa: E402
import payload  # noqa: E402
import wheelhouse  # noqa: E402
from export import export  # noqa: E402
from papers import Package  # noqa: E402
from steps import ROOT, BuildFailed, check_machine, release, run, source_date_epoch  # noqa: E402

_COMPRESSION = {"small": ("-Zxz", "-z3"), "fast": ("-Zgzip", "-z1")}
BOTH = ("ofa-agent", "ofa-agent-simulation")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the packages")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "deb", help="folder of what is fetched for them")
    parser.add_argument("--version", help="instead of the version in pyproject.toml")
    parser.add_argument("--revision", default="1", help="of the package, where the version stays the same")
    parser.add_argument("--compress", choices=_COMPRESSION, default="small", help="fast: larger, and made sooner")
    parser.add_argument("--only", choices=BOTH, help="one package instead of both")
    chosen = parser.parse_args()
    try:
        check_machine()
        build(chosen)
    except BuildFailed as exc:
        print(f"make deb: {exc}", file=sys.stderr)
        return 1
    return 0


def build(chosen: argparse.Namespace) -> None:
    """The wanted packages, told on standard output."""
    out, cache = chosen.out.resolve(), chosen.cache.resolve()
    wanted = (chosen.only,) if chosen.only else BOTH
    out.mkdir(parents=True, exist_ok=True)
    epoch = source_date_epoch()
    os.umask(0o022)
    payload.check_service(ROOT)
    tools = wheelhouse.tools(cache / "tools")
    wheels = wheelhouse.fetch(tools, cache / "wheelhouse")
    with TemporaryDirectory(prefix="ofa-deb-") as folder:
        scratch = Path(folder)
        source = scratch / "source"
        version = f"{export(ROOT, source, chosen.version)}-{chosen.revision}+{release()}"
        wheel = _agent_wheel(tools, source, scratch / "wheel", epoch)
        trees = {name: scratch / name for name in BOTH}
        environment.make(trees["ofa-agent"], tools, wheels, wheel)
        if "ofa-agent-simulation" in wanted:
            environment.make_simulation(trees["ofa-agent-simulation"], trees["ofa-agent"], tools, wheels)
        payload.fill(trees["ofa-agent"], source, epoch)
        payload.fill_simulation(trees["ofa-agent-simulation"], source)
        for name in wanted:
            package = Package(name, version, trees[name], epoch)
            papers.write(package, source)
            _pack(package, out, chosen.compress)
        names = [Package(name, version, trees[name], epoch).file for name in wanted]
        digests = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}
        (out / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))


def _agent_wheel(tools: Path, source: Path, out: Path, epoch: int) -> Path:
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PIP_NO_INDEX": "1"}
    out.mkdir()
    run(tools, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source, env=env)
    return next(out.glob("ofa_agent-*.whl"))


def _pack(package: Package, out: Path, compress: str) -> None:
    """The tree as one file: every time is the source's, every owner root, one thread, so that bytes are the same."""
    begun = time.monotonic()
    for path in sorted(package.tree.rglob("*"), reverse=True):
        os.utime(path, (package.epoch, package.epoch), follow_symlinks=False)
    os.utime(package.tree, (package.epoch, package.epoch))
    target = out / package.file
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(package.epoch), "DPKG_DEB_THREADS_MAX": "1"}
    run("dpkg-deb", "--root-owner-group", *_COMPRESSION[compress], "--build", package.tree, target, env=env)
    size_mb = target.stat().st_size / 1e6
    shown = target.relative_to(ROOT) if target.is_relative_to(ROOT) else target
    print(f"{shown}  {size_mb:.1f} MB  packed in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    sys.exit(main())

"""`make wheel`: the sdist and, from it, the wheel. Run by an interpreter that has deploy/lock/tools.lock installed."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from export import export

ROOT = Path(__file__).resolve().parents[1]


def build(source: Path, out: Path, epoch: int | None = None) -> list[Path]:
    """The sdist and the wheel made of it, in `out`; without the network. RuntimeError says why that failed."""
    env = {**os.environ, "PIP_NO_INDEX": "1"}
    if epoch is not None:
        env["SOURCE_DATE_EPOCH"] = str(epoch)
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source))
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the wheel of {source} could not be built: {(done.stdout + done.stderr).strip()[-2000:]}")
    return sorted(out.glob("ofa_agent-*"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sdist and the wheel")
    parser.add_argument("--version", help="instead of the version in pyproject.toml")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="ofa-wheel-") as scratch:
        version = export(ROOT, Path(scratch), chosen.version)
        for old in chosen.out.glob("ofa_agent-*"):
            old.unlink()
        try:
            made = build(Path(scratch), chosen.out.resolve())
        except RuntimeError as exc:
            print(f"make wheel: {exc}", file=sys.stderr)
            return 1
    for path in made:
        print(f"{path.name}  {path.stat().st_size / 1e6:.2f} MB  version {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

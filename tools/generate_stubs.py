"""Makes agent/pb from proto/; with --check it changes nothing and fails where they differ.

protoc writes absolute imports (`from ofa_agent.v1 import …`); they are rewritten to the stubs' place in the package, so
that no second top-level package is installed. `agent/pb/ofa_agent.binpb` is the descriptor set with source comments,
which reflection serves. Needs grpcio-tools in the version that pyproject.toml pins, so that the bytes are the same
everywhere.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
GOOGLE = ROOT / "third_party" / "googleapis"
STUBS = ROOT / "agent" / "pb"
PACKAGES = {
    "ofa_agent": "Stubs of the agent's own protocol, one package a version.",
    "ofa_agent/v1": "Stubs of package ofa_agent.v1.",
}
DESCRIPTORS = "ofa_agent.binpb"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the stubs, or with --check say which differ; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the stubs differ")
    check = parser.parse_args(argv).check
    made = generate()
    differing = sorted(name for name in made.keys() | present() if made.get(name) != read(name))
    if check:
        for name in differing:
            sys.stderr.write(f"agent/pb/{name}: not as generated from proto/; run tools/generate_stubs.py\n")
        return 1 if differing else 0
    for name in differing:
        write(name, made.get(name))
    return 0


def generate() -> dict[str, bytes]:
    """All generated files by their path below agent/pb; raises SystemExit where protoc refuses a file."""
    from grpc_tools import protoc

    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        arguments = ["protoc", f"--proto_path={PROTO}", f"--proto_path={GOOGLE}", f"--proto_path={_well_known()}"]
        arguments += [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
        arguments += [f"--descriptor_set_out={out / DESCRIPTORS}", "--include_imports", "--include_source_info"]
        if protoc.main([*arguments, *sources]) != 0:
            raise SystemExit("protoc failed; its messages are above")
        made = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    made = {name: _rewrite_imports(body) if name.endswith((".py", ".pyi")) else body for name, body in made.items()}
    made = {name: body for name, body in made.items() if not name.endswith("_grpc.py") or b"\nclass " in body}
    return made | {f"{package}/__init__.py": f'"""{doc}"""\n'.encode() for package, doc in PACKAGES.items()}


def present() -> set[str]:
    """The generated files that are there now."""
    below = (path for path in (STUBS / "ofa_agent").rglob("*") if path.suffix in {".py", ".pyi"})
    return {str(path.relative_to(STUBS)) for path in below} | {DESCRIPTORS}


def read(name: str) -> bytes | None:
    path = STUBS / name
    return path.read_bytes() if path.is_file() else None


def write(name: str, body: bytes | None) -> None:
    path = STUBS / name
    if body is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def _well_known() -> Path:
    import grpc_tools

    return Path(grpc_tools.__file__).parent / "_proto"


def _rewrite_imports(body: bytes) -> bytes:
    return re.sub(rb"^from ofa_agent\.", b"from agent.pb.ofa_agent.", body, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())

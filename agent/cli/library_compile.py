"""`library compile`: one IR to the file that a processor runs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.connection import JSON
from agent.cli.exits import DONE, FAILED
from agent.cli.output import print_json, size
from agent.cli.progress import working

if TYPE_CHECKING:
    from agent.builder.targets.firefly import FireflyTarget
    from agent.builder.targets.myriad import MyriadTarget

_FILE = click.Path(path_type=Path)
_MAX_DEADLINE_S = 24 * 3600


@click.command(name="compile")
@click.argument("file", required=False, type=_FILE)
@click.option("--target", "target_name", type=click.Choice(["myriad2", "myriadx", "ncsdk"]), help="Processor or tool.")
@click.option("--out", type=_FILE, help="The file to write: .blob, or .graph for ncsdk.")
@click.option("--shaves", type=click.IntRange(1, 16), help="By default 12; 8 for myriadx.")
@click.option(
    "--input",
    "input_type",
    type=click.Choice(["u8", "fp16"]),
    default="u8",
    show_default=True,
    help="Input of a Myriad blob: u8 for raw pixels (FILE made with --fold-input), fp16 for normalised ones.",
)
@click.option("--setup", is_flag=True, help="Fetch the Myriad compiler first; without FILE, only that.")
@click.option("--tools", type=_FILE, help="Folder for the Myriad compiler; else $OFA_AGENT_TOOLS or the user's cache.")
@click.option("--timeout", "deadline_s", type=click.IntRange(1, _MAX_DEADLINE_S), help="Seconds for the compiler.")
@JSON
def compile_command(
    file: Path | None,
    target_name: str | None,
    out: Path | None,
    shaves: int | None,
    input_type: str,
    setup: bool,
    tools: Path | None,
    deadline_s: int | None,
    as_json: bool,
) -> int:
    """Compile one IR for a Myriad 2, a Myriad X, or with the NCSDK for the camera.

    Exit code 1 where the compiler is not here and cannot be fetched; --target ncsdk then leaves the TensorFlow graph
    for it and a text with the command beside --out. 6 where it did not end in time.
    """
    if setup:
        _setup(tools, as_json and file is None)
        if file is None:
            return DONE
    if file is None or target_name is None or out is None:
        raise click.UsageError("FILE, --target and --out are needed (or --setup alone)")
    if out.resolve() == file.resolve():
        raise click.UsageError("--out is FILE itself, which would be lost")
    if not out.absolute().parent.is_dir():  # said before the wait
        raise click.UsageError(f"--out: {out.absolute().parent} is not a folder")
    if target_name == "ncsdk":
        return _with_ncsdk(_firefly(shaves, deadline_s), file, out, as_json)
    return _with_myriad(_myriad(target_name, shaves, input_type, tools, deadline_s), file, out, as_json)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _setup(tools: Path | None, as_json: bool) -> None:
    from agent.builder.targets.toolbox import check_toolbox, fetch_toolbox, toolbox_folder

    folder = toolbox_folder(tools)
    fetch_toolbox(folder, _say)
    check_toolbox(folder)
    if as_json:
        print_json({"tools": folder})
    else:
        _say(f"Myriad compiler: {folder}")


def _myriad(name: str, shaves: int | None, input_type: str, tools: Path | None, deadline_s: int | None) -> MyriadTarget:
    from agent.builder.targets.myriad import DEADLINE_S, PROCESSORS, MyriadTarget

    return MyriadTarget(PROCESSORS[name], shaves, input_type == "u8", tools, deadline_s or DEADLINE_S)


def _firefly(shaves: int | None, deadline_s: int | None) -> FireflyTarget:
    from agent.builder.targets.firefly import DEADLINE_S, FireflyTarget
    from agent.library.blob import MYRIAD2_SHAVES

    return FireflyTarget(shaves or MYRIAD2_SHAVES, deadline_s or DEADLINE_S)


def _with_myriad(target: MyriadTarget, file: Path, out: Path, as_json: bool) -> int:
    from agent.builder.targets.myriad import BLOB_FORMAT
    from agent.builder.targets.pixels import takes_pixels

    ir = _read(file)
    if target.u8 and not takes_pixels(ir):
        _say(
            f"note: {file} starts with a convolution, so it takes normalised values, but the blob will take raw 0..255"
            " pixels; extract with --fold-input, or compile with --input fp16"
        )
    target.prepare(_say)
    with working(f"compiling {file.name} for {target.name}", target.deadline_s, quiet=as_json) as say:
        data = target.compile_ir(ir, say)
    return _finish(data, ir, (BLOB_FORMAT, target.name, target.used_shaves), out, as_json)


def _with_ncsdk(target: FireflyTarget, file: Path, out: Path, as_json: bool) -> int:
    from agent.builder.targets.errors import ToolsMissing
    from agent.builder.targets.firefly import GRAPH_FORMAT, hand_over

    ir = _read(file)
    try:
        with working(f"compiling {file.name} with the NCSDK", target.deadline_s, quiet=as_json) as say:
            data = target.compile_ir(ir, say)
    except ToolsMissing:
        left = hand_over(target, ir, out)
        if as_json:
            print_json({"out": None, "frozen_graph": left.frozen, "notes": left.notes, "command": left.command})
        _say(f"mvNCCompile is not on the PATH: wrote {left.frozen}; where the NCSDK 2 is installed run: {left.command}")
        return FAILED
    return _finish(data, ir, (GRAPH_FORMAT, target.name, target.shaves), out, as_json)


def _read(file: Path) -> bytes:
    """A sound IR. Raises BlobInvalid, BlobMissing."""
    from agent.library.blob import MAX_BLOB_BYTES
    from agent.library.files import read_regular
    from agent.library.formats import inspect_blob

    data = read_regular(file.resolve(), MAX_BLOB_BYTES)
    inspect_blob(data, str(file), "openvino-ir-10")
    return data


def _finish(data: bytes, ir: bytes, what: tuple[str, str, int], out: Path, as_json: bool) -> int:
    from agent.builder.targets.output import write_whole

    write_whole(out, data)
    digest, twin = (hashlib.sha256(content).hexdigest() for content in (data, ir))
    if as_json:
        kind, target, shaves = what
        facts = {"format": kind, "target": target, "shaves": shaves, "size_bytes": len(data), "sha256": digest}
        print_json({"out": out, **facts, "twin_sha256": twin})
        return DONE
    kind, target, shaves = what
    click.echo(f"{out}: {kind} for {target} with {shaves} SHAVEs, {size(len(data))}, sha256 {digest}")
    return DONE

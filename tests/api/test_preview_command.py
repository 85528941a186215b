"""`ofa-agent preview`: the file that it writes, what it says of it, and what it leaves where it cannot."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.cli.exits import BAD_INPUT, DONE
from agent.cli.preview import words
from agent.errors import CameraGone
from agent.pb.ofa_agent.v1 import status_pb2
from tests.api.harness import Rig, run, serving


@dataclass(frozen=True)
class Said:
    code: int | None
    out: str
    err: str


async def preview(rig: Rig, *arguments: str) -> Said:
    command = (sys.executable, "-m", "agent", "preview", "--socket", str(rig.path), *arguments)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return Said(process.returncode, out.decode(), err.decode())


def test_the_picture_replaces_the_file_and_its_result_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "now.jpg"
        file.write_bytes(b"the one before")
        async with serving(tmp_path) as rig:
            plainly = await preview(rig, "--out", str(file), "--max-width", "64")
            as_json = await preview(rig, "--out", str(file), "--json")
        assert (plainly.code, plainly.err) == (DONE, "")
        assert plainly.out == f"{file}: 64 x 48, frame 17, part 7 of 22:13:20 UTC, w1-big: bad 0.90\n"
        told = json.loads(as_json.out)
        assert (told["file"], told["width"], told["frame_id"], told["result"]["label"]) == (str(file), 720, 17, "bad")
        assert "data" not in told
        assert file.read_bytes() == b"jpeg"

    run(main())
    assert [one.name for one in tmp_path.glob("*now*")] == ["now.jpg"]


def test_where_there_is_no_picture_or_no_place_one_line_says_so_and_nothing_is_left(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            nowhere = await preview(rig, "--out", str(tmp_path / "none" / "now.jpg"))
            rig.control.error = CameraGone("camera station-1 is DISCONNECTED: unplugged")
            gone = await preview(rig, "--out", str(tmp_path / "now.jpg"))
        assert nowhere.code == BAD_INPUT
        assert nowhere.err == f"--out: {tmp_path}/none/now.jpg cannot be written: No such file or directory\n"
        assert gone.code not in (DONE, BAD_INPUT)
        assert gone.err.count("\n") == 1
        assert "station-1 is DISCONNECTED: unplugged" in gone.err

    run(main())
    assert not list(tmp_path.glob("*now*"))


def test_what_is_not_known_of_a_picture_is_not_said() -> None:
    bare = status_pb2.GetPreviewResponse(width=720, height=540, frame_id=3)
    assert words(bare, Path("a.jpg")) == "a.jpg: 720 x 540, frame 3 of 00:00:00 UTC, no network"
    bare.subnet_id = "net-1"
    assert words(bare, Path("a.jpg")).endswith("UTC, net-1: no result")
    bare.result.class_id = 4
    assert words(bare, Path("a.jpg")).endswith("UTC, net-1: class 4 0.00")

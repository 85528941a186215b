"""`ofa-agent capture` as a program of its own against a real daemon without a library, and what the builder sees."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.api import ApiServer
from agent.app import Agent
from agent.builder.images import load_images
from agent.cli.image_folder import METADATA
from agent.cli.main import main
from agent.clock import SystemClock
from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.states import CameraState
from agent.telemetry.ids import SeededIds

PATIENCE_S = 60.0
CAMERA = "station-1"


@dataclass
class Plant:
    """A daemon in this process, whose camera has no library and runs freely, and the command beside it."""

    folder: Path

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agent", "capture"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "OFA_AGENT_SOCKET": str(self.folder / "api.sock")},
        )

    async def run(self, *arguments: str) -> tuple[int | None, str, str]:
        """Exit code, stdout and stderr."""
        process = await self.start(*arguments)
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def plant(folder: Path) -> AsyncIterator[Plant]:
    simulated = cfg.Camera(
        name=CAMERA,
        sdk="simulated",
        serial="20000001",
        accepted_formats=("openvino-ir-10",),
        acquisition=cfg.Acquisition(roi=(400, 340, 320, 200), exposure_us=2000.0),
        simulation=cfg.Simulation(seed=7, spec={"scene": {"distinct": 64}}),
    )
    config = AgentConfig(source=folder / "agent.yaml", cameras=(simulated,), state_dir=folder)
    agent = Agent(config, SystemClock(), SeededIds(1))
    async with agent.running(), ApiServer(agent.services(), folder / "api.sock"):
        while agent.supervisors[CAMERA].snapshot().state is not CameraState.IDLE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield Plant(folder)


def play(folder: Path, script: Callable[[Plant], Awaitable[None]]) -> None:
    async def body() -> None:
        async with plant(folder) as made:
            await script(made)

    asyncio.run(asyncio.wait_for(body(), PATIENCE_S))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "s"
    folder.mkdir()
    return folder


def test_classes_are_folders_that_the_builder_reads(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"

    async def script(made: Plant) -> None:
        asked = ("--count", "4", "--every", "0.05", "--out", str(out))
        plain, bare = await asyncio.gather(
            made.run("--label", "ok", *asked), made.run("--label", "bad", *asked, "--json")
        )
        assert (plain[0], plain[2]) == (0, "")
        *lines, summary = plain[1].splitlines()
        assert [line.partition("  ")[0] for line in lines] == [f"{number} of 4" for number in (1, 2, 3, 4)]
        assert summary == f"4 of 4 images in {out / 'ok'}"
        assert (bare[0], bare[2]) == (0, "")
        told = json.loads(bare[1])
        assert told.pop("operation").startswith("operations/")
        assert told == {
            "label": "bad",
            "wanted": 4,
            "taken": 4,
            "missed": 0,
            "folder": str(out / "bad"),
            "metadata": str(out / METADATA),
        }

    play(state, script)
    images = load_images(out)
    assert (images.classes, images.images.shape) == (("bad", "ok"), (8, 200, 320))
    assert images.labels.tolist() == [0] * 4 + [1] * 4
    lines = [json.loads(line) for line in (out / METADATA).read_text().splitlines()]
    assert sorted(line["file"] for line in lines) == sorted(str(path.relative_to(out)) for path in out.glob("*/*.png"))
    for line in lines:
        assert (line["camera"], line["serial"], line["pixel_format"]) == (CAMERA, "20000001", "Mono8")
        assert (line["width"], line["height"], line["offset_x"], line["offset_y"]) == (320, 200, 400, 340)
        assert line["exposure_us"] == pytest.approx(2000, rel=0.01)
        assert (line["subnet_id"], line["result"], line["part"]) == (None, None, None)
        assert "data" not in line
        assert line["file"].split("/")[1][:8] == line["captured_at"][:10].replace("-", "")


def test_ctrl_c_keeps_what_is_there(state: Path, tmp_path: Path) -> None:
    async def script(made: Plant) -> None:
        process = await made.start(
            "--label", "ok", "--count", "1000", "--every", "0.05", "--out", str(tmp_path / "parts")
        )
        assert process.stdout is not None
        first = await process.stdout.readline()
        assert first.startswith(b"1 of 1000  ")
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        assert process.returncode == 1
        kept = len(list((tmp_path / "parts" / "ok").iterdir()))
        assert out.decode().splitlines()[-1] == f"{kept} of 1000 images in {tmp_path / 'parts' / 'ok'}"
        assert err.decode().strip() == "stopped"
        assert len((tmp_path / "parts" / METADATA).read_text().splitlines()) == kept

    play(state, script)


def test_the_time_is_over(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"

    async def script(made: Plant) -> None:
        code, told, error = await made.run(
            "--label", "ok", "--count", "9", "--every", "30", "--timeout", "1", "--out", str(out)
        )
        assert code == 6
        assert told.splitlines()[-1] == f"1 of 9 images in {out / 'ok'}"
        assert error == (
            "camera station-1: 1 of 9 images within 1 s, one in 30 s at most; "
            "give it more time, or look whether frames come\n"
        )

    play(state, script)


def test_a_label_that_is_no_folder_is_refused_before_anybody_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", "--label", "a/b", "--count", "9", "--out", str(tmp_path / "parts")]) == 2
    assert capsys.readouterr().err.startswith("label: 'a/b' has '/' in it; ")
    assert not (tmp_path / "parts").exists()

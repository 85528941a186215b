"""Makes docs/images: the page of a real daemon on simulated cameras, in each state that has to be seen at once.

Needs Chromium. The pictures are of a real run, so that no two runs give the same bytes.
"""

from __future__ import annotations

import asyncio
import io
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.browser import Browser, Tab, browser_path, browsing  # noqa: E402
from tests.support.libraries import build_ladder  # noqa: E402
from tests.web.station import PageStation  # noqa: E402

IMAGES = ROOT / "docs" / "images"
UPRIGHT, ACROSS, HALL = (768, 1024), (1024, 768), (1920, 1080)
COLOURS = 256
HISTORY_S = 150  # so that the chart has something to show
CAMERAS = ("station-1", "station-2", "station-3")


def main(argv: Sequence[str]) -> int:
    """Write the pictures of the folder that is named, else of docs/images; returns the exit code."""
    if browser_path() is None:
        sys.stderr.write("no Chromium is here: apt-get install chromium\n")
        return 1
    folder = Path(argv[0]) if argv else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        build_ladder(Path(work))
        asyncio.run(_one_camera(Path(work) / "library", folder))
        asyncio.run(_several(Path(work) / "library", folder))
    return 0


async def _one_camera(library: Path, folder: Path) -> None:
    """Each state, upright in light and across in dark."""
    station = PageStation(library)
    with station:
        async with browsing() as browser:
            tabs = await _tabs(station.url, browser)
            await asyncio.sleep(HISTORY_S)
            await _both(tabs, "RUNNING", folder / "page-running")
            await station.ask_fast()
            await _both(tabs, "SWAPPING", folder / "page-swapping", settle_s=0.6)
            await _word(tabs[0], "RUNNING")
            await asyncio.sleep(12)
            await station.ask_the_impossible()
            await asyncio.sleep(6)
            await _both(tabs, "OVER BUDGET", folder / "page-over-budget")
            await station.lose_a_lease()
            await _both(tabs, "FAIL-SAFE", folder / "page-fail-safe", settle_s=4.0)
            await station.ask_nothing()
            await _word(tabs[0], "RUNNING")
            with station.plant() as plant:
                plant.unplug()
                await _both(tabs, "DISCONNECTED", folder / "page-disconnected", settle_s=3.0)
                plant.replug()


async def _several(library: Path, folder: Path) -> None:
    """A line of three, and the page when the agent is gone."""
    station = PageStation(library, CAMERAS)
    with station:
        async with browsing() as browser:
            tab = await browser.open(f"{station.url}#station-1", *HALL)
            await asyncio.sleep(15)
            await station.lose_a_lease("station-2")
            await asyncio.sleep(2)
            with station.plant("station-3") as plant:
                plant.unplug()
                await asyncio.sleep(4)
                await _word(tab, "RUNNING")
                _keep(await tab.screenshot(), folder / "page-three-cameras.png")
            await tab.resize(*UPRIGHT)
            station.stop("daemon", signal.SIGTERM)
            await _word(tab, "NO DATA")
            await asyncio.sleep(3)
            _keep(await tab.screenshot(), folder / "page-no-connection.png")


async def _tabs(url: str, browser: Browser) -> tuple[Tab, Tab]:
    return await browser.open(url, *UPRIGHT), await browser.open(url, *ACROSS, dark=True)


async def _both(tabs: tuple[Tab, Tab], word: str, path: Path, settle_s: float = 1.0) -> None:
    for tab in tabs:
        await _word(tab, word)
    await asyncio.sleep(settle_s)
    for tab, kind in zip(tabs, ("light", "dark"), strict=True):
        await tab.call("Page.bringToFront")
        _keep(await tab.screenshot(), path.with_name(f"{path.name}-{kind}.png"))


async def _word(tab: Tab, word: str) -> None:
    await tab.until(f"document.querySelector('.word')?.innerText === {word!r}")


def _keep(png: bytes, path: Path) -> None:
    """With few colours: a page is flat, and a repository keeps every version of a file."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(
        COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    ).save(path, optimize=True)
    sys.stdout.write(f"{path.name} {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

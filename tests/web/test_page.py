"""The page in a real browser, of a real daemon: what goes wrong with a camera is seen from across the hall.

One daemon and one browser for all of them, in the order in which they are written.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.browser import Tab, browser_path, browsing
from tests.support.forks import Forks
from tests.web.station import GATEWAY, PageStation

pytestmark = pytest.mark.skipif(browser_path() is None, reason="no Chromium is here")
T = TypeVar("T")
TABLET = (768, 1024)
LEAST_PX = 48  # of the big word, on a tablet at arm's length and beyond
BAD, WARN, BUSY = "bad", "warn", "busy"

# What a person sees of the big word: its text, size, place on the screen, tone and the sentence below it.
SEEN = """(() => {
  const word = document.querySelector(".word"), box = word.getBoundingClientRect();
  return {word: word.innerText, px: parseFloat(getComputedStyle(word).fontSize), top: box.top, left: box.left,
          right: box.right, bottom: box.bottom, tone: word.closest("[data-tone]").dataset.tone,
          why: document.querySelector(".why").innerText, title: document.title,
          shape: document.querySelector(".band use").getAttribute("href"), wide: document.documentElement.scrollWidth};
})()"""


@dataclass
class Stage:
    """The daemon, the tab that shows it, and the loop that both are driven on."""

    station: PageStation
    tab: Tab
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60.0))

    async def word(self, word: str, why: str = "") -> dict[str, Any]:
        """What is seen once that is the word, and `why` in the sentence below it."""
        await self.tab.until(f"document.querySelector('.word')?.innerText === {word!r}")
        await self.tab.until(f"document.querySelector('.why').innerText.includes({why!r})")
        seen: dict[str, Any] = await self.tab.evaluate(SEEN)
        return seen


@pytest.fixture(scope="module")
def stage(ladder: Path, forks: Forks) -> Iterator[Stage]:
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    station = PageStation(ladder, forks=forks)
    with station:
        try:
            browser = loop.run_until_complete(stack.enter_async_context(browsing()))
            tab = loop.run_until_complete(browser.open(station.url, *TABLET))
            yield Stage(station, tab, loop)
        finally:
            loop.run_until_complete(stack.aclose())
            loop.close()


def test_a_camera_that_runs_is_seen_to_run(stage: Stage) -> None:
    async def main() -> None:
        seen = await stage.word("RUNNING")
        assert_seen(seen, "good", ["inspects", "600 parts/min"])
        assert await stage.tab.evaluate("document.querySelectorAll('.rungs [data-is=runs]').length") == 1
        await stage.tab.until("document.querySelector('.frame img').naturalWidth > 100")
        await stage.tab.until("!document.querySelector('.result').innerText.includes('No result')")
        assert "not known" not in await stage.tab.evaluate("document.querySelector('.chart-head').innerText")

    stage.run(main())


def test_a_swap_is_seen_while_it_runs_and_its_gap_afterwards(stage: Stage) -> None:
    async def main() -> None:
        swaps = await stage.tab.evaluate("document.querySelectorAll('.swaps tbody tr').length")
        await stage.station.ask_fast()
        below = await stage.tab.evaluate(BELOW)
        seen = await stage.word("SWAPPING", "no results until it is done")
        assert await stage.tab.evaluate(BELOW) == below  # nothing has jumped
        assert_seen(seen, BUSY, ["takes about"])
        assert await stage.tab.evaluate("document.querySelector('.stages [data-is=now]').innerText")
        await stage.word("RUNNING")
        await stage.tab.until(f"document.querySelectorAll('.swaps tbody tr').length === {swaps + 1}")
        gap = "document.querySelector('.swaps tbody td:last-child').innerText"
        await stage.tab.until(f"/^[0-9]+\\.[0-9]{{2}} s$/.test({gap})")
        assert 2.0 < float((await stage.tab.evaluate(gap)).split()[0]) < 20.0

    stage.run(main())


def test_a_budget_that_nothing_keeps_is_seen_with_what_is_possible(stage: Stage) -> None:
    async def main() -> None:
        await stage.station.ask_the_impossible()
        seen = await stage.word("OVER BUDGET")
        assert_seen(seen, WARN, ["at most 5 ms", "the fastest takes"])
        await stage.tab.until("document.querySelector('.verdict').dataset.kept === 'no'")
        await stage.tab.until("document.querySelector('main .alarm-panel').innerText.includes('301 no sub-net meets')")
        rungs = "[...document.querySelectorAll('.rungs li')].every((one) => one.innerText.includes('too slow'))"
        await stage.tab.until(rungs)

    stage.run(main())


def test_a_lost_lease_is_seen_with_whose_it_was(stage: Stage) -> None:
    async def main() -> None:
        await stage.station.lose_a_lease()
        seen = await stage.word("FAIL-SAFE")
        assert_seen(seen, BAD, [GATEWAY, "its lease ran out", "at most 40 ms"])
        await stage.tab.until("document.querySelector('main .alarm-panel').innerText.includes('302 lease expired')")
        await stage.station.ask_nothing()
        await stage.word("RUNNING")

    stage.run(main())


def test_a_camera_that_is_unplugged_is_seen_to_be_gone(stage: Stage) -> None:
    async def main() -> None:
        with stage.station.plant() as plant:
            plant.unplug()
            seen = await stage.word("DISCONNECTED")
            assert_seen(seen, BAD, ["nothing is inspected"])
            figures = await stage.tab.evaluate("document.querySelector('.figures').innerText")
            assert "not known" in figures
            assert stage.station.get("healthz")[0] == 503
            plant.replug()
        await stage.word("RUNNING")

    stage.run(main())


def test_a_page_that_has_lost_the_agent_says_so_and_finds_it_again(stage: Stage) -> None:
    async def main() -> None:
        stage.station.stop("daemon", signal.SIGTERM)
        seen = await stage.word("NO DATA")
        assert_seen(seen, "off", ["No connection to the agent", "It was"])
        lost = await stage.tab.until(
            "!document.querySelector('#lost').hidden && document.querySelector('#lost').innerText"
        )
        assert "is old" in lost
        assert float(await stage.tab.evaluate("getComputedStyle(document.querySelector('.panels')).opacity")) < 0.6
        stage.station.start_daemon()
        await stage.word("RUNNING")
        assert await stage.tab.evaluate("document.querySelector('#lost').hidden")

    stage.run(main())


def test_the_page_complained_of_nothing_and_asked_nobody_else(stage: Stage) -> None:
    """But for its own connection, while there was no agent."""
    stage.run(asyncio.sleep(0))
    complaints = [one for one in stage.tab.complaints if "ERR_CONNECTION_REFUSED" not in one]
    complaints = [one for one in complaints if "ERR_INCOMPLETE_CHUNKED_ENCODING" not in one]
    assert [one for one in complaints if "503" not in one] == []
    assert stage.tab.requests
    assert [url for url in stage.tab.requests if not url.startswith(stage.station.url)] == []


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_written_can_be_read(stage: Stage, dark: bool) -> None:
    """Contrast of every text with what is behind it, as WCAG counts it; 3 where the text is large."""

    async def main() -> None:
        await stage.tab.resize(*TABLET, dark)
        await stage.word("RUNNING")
        poor = await stage.tab.evaluate(CONTRAST)
        assert poor == []

    stage.run(main())


@pytest.mark.parametrize("size", [(768, 1024), (1024, 768), (1920, 1080), (390, 844)])
def test_the_page_fits_the_screen(stage: Stage, size: tuple[int, int]) -> None:
    async def main() -> None:
        await stage.tab.resize(*size)
        seen = await stage.word("RUNNING")
        assert seen["wide"] <= size[0]
        assert await stage.tab.evaluate(CUT_OFF) == []

    stage.run(main())


def assert_seen(seen: dict[str, Any], tone: str, words: list[str]) -> None:
    """Big, on the screen without scrolling, in its tone and its shape, with a reason."""
    width, height = TABLET
    assert seen["px"] >= LEAST_PX
    assert 0 <= seen["left"] <= seen["right"] <= width
    assert 0 <= seen["top"] <= seen["bottom"] <= height / 3
    assert (seen["tone"], seen["shape"]) == (tone, f"#shape-{tone}")
    for word in words:
        assert word in seen["why"]


BELOW = "document.querySelector('.panels').getBoundingClientRect().top"
CUT_OFF = """[...document.querySelectorAll("main *")].filter((one) => one.scrollWidth > one.clientWidth + 1 &&
  getComputedStyle(one).display !== "inline" && !one.closest("svg") && one.clientWidth).map((one) => one.className)"""
CONTRAST = """(() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(at).backgroundColor);
      if (a > 0.5) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || node.closest("svg, [hidden], noscript, script") || !node.getClientRects().length) continue;
    const style = getComputedStyle(node), px = parseFloat(style.fontSize);
    const large = px >= 24 || (px >= 18.66 && Number(style.fontWeight) >= 700);
    const [a, b] = [light(numbers(style.color)), light(behind(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${text.data.trim()} ${ratio.toFixed(2)}`);
  }
  return poor;
})()"""

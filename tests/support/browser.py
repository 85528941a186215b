"""A real browser without a window, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

PATIENCE_S = 30.0
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--metrics-recording-only",
    "--remote-debugging-port=0",
    "about:blank",
)


def browser_path() -> str | None:
    """The browser of this machine, None where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name)) is not None), None)


@dataclass
class Tab:
    """One page in the browser; what it complained of and what it asked for."""

    _browser: Browser
    _session: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        return await self._browser.call(method, session=self._session, **params)

    async def resize(self, width: int, height: int, dark: bool = False) -> None:
        """The size of the screen, a tablet's or another's, and what it prefers."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)

    async def go(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    async def until(self, script: str, timeout_s: float = PATIENCE_S) -> Any:
        """Look again until the expression is true in the page; its value."""
        end_s = asyncio.get_running_loop().time() + timeout_s
        while True:
            with contextlib.suppress(AssertionError):  # a page that is not there yet
                value = await self.evaluate(script)
                if value:
                    return value
            if asyncio.get_running_loop().time() > end_s:
                shown = await self.evaluate("document.body.innerText")
                raise AssertionError(f"{script} did not come true; the page shows:\n{shown}")
            await asyncio.sleep(0.05)

    async def screenshot(self, whole: bool = False) -> bytes:
        """What is seen, or with `whole` all that could be scrolled to, as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])

    def heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(params["args"]))


class Browser:
    """Owner of the connection to one browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    async def open(self, url: str, width: int = 1024, height: int = 768, dark: bool = False) -> Tab:
        """A new tab with that page."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = self._tabs[session] = Tab(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await tab.call(f"{domain}.enable")
        await tab.resize(width, height, dark)
        await tab.go(url)
        return tab

    async def call(self, method: str, session: str | None = None, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message if session is None else {**message, "sessionId": session})
        return await asyncio.wait_for(answer, PATIENCE_S)

    async def listen(self) -> None:
        """Hand out what the browser says until it says no more."""
        async for message in self._socket:
            said: dict[str, Any] = message.json()
            answer = self._answers.pop(said.get("id", 0), None)
            tab = self._tabs.get(said.get("sessionId", ""))
            if answer is not None and not answer.done():
                if "error" in said:
                    answer.set_exception(RuntimeError(str(said["error"])))
                else:
                    answer.set_result(said["result"])
            elif tab is not None and "method" in said:
                tab.heard(said["method"], said["params"])


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A browser of one's own until the context ends."""
    path = browser_path()
    assert path is not None, "no browser is here"
    folder = Path(tempfile.mkdtemp(prefix="ofa-browser-"))
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
    process = subprocess.Popen(  # noqa: ASYNC220 - it begins at once, and is not waited for
        (path, f"--user-data-dir={folder}", *_OPTIONS),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    try:
        url = await _devtools(folder, process)
        async with aiohttp.ClientSession() as client, client.ws_connect(url, max_msg_size=0, heartbeat=None) as socket:
            browser = Browser(socket)
            listening = asyncio.create_task(browser.listen(), name="browser")
            try:
                yield browser
            finally:
                listening.cancel()
                await asyncio.wait({listening})
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _devtools(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the browser listens, as it writes it into its folder."""
    told = folder / "DevToolsActivePort"
    end_s = asyncio.get_running_loop().time() + PATIENCE_S
    while not told.exists() or "\n" not in told.read_text():
        assert process.poll() is None, f"the browser ended with {process.returncode}"
        assert asyncio.get_running_loop().time() < end_s, "the browser did not say where it listens"
        await asyncio.sleep(0.02)
    port, path = told.read_text().split("\n")[:2]
    return f"ws://127.0.0.1:{port}{path}"

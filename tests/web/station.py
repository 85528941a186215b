"""A real daemon with its page, on a simulated camera in a process of its own, and what goes wrong with it."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

from agent.client import AgentClient
from tests.support.forks import Forks
from tests.system.station import CAMERA, FAST_PPM, SLOW_PPM, Station

LOAD_S = 1.0  # of a network on the camera, so that a swap is seen while it lasts
IMPOSSIBLE_MS = 5.0
GATEWAY = "gateway-3"


class PageStation(Station):
    """As Station, with a page on a port that stays the same over restarts. Nothing here needs the command."""

    def __init__(self, library: Path, cameras: tuple[str, ...] = (CAMERA,), forks: Forks | None = None) -> None:
        super().__init__(library, cameras, forks=forks)
        self.port = 0
        self._rest = self.config.read_text()
        self._write()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def get(self, path: str = "") -> tuple[int, bytes]:
        """One request of the page's server; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def is_active(self) -> bool:
        """Whether every camera serves; from the first time on the port is the same for every start."""
        if not self.port:
            ready = re.search(r"web_ready address=127\.0\.0\.1:(\d+)", self.log("daemon"))
            if ready is None:
                return False
            self.port = int(ready[1])
            self._write()
        return self.get("healthz")[0] == 200

    def camera_spec(self, number: int) -> dict[str, object]:
        return {**super().camera_spec(number), "transport": {"network_load_s": LOAD_S}}

    async def ask_fast(self, camera: str = CAMERA) -> None:
        """A budget that another sub-net is needed for: a swap begins."""
        async with AgentClient(self.api_socket, name=GATEWAY) as gateway:
            await gateway.set_budget(camera, parts_per_minute=FAST_PPM)

    async def ask_the_impossible(self, camera: str = CAMERA) -> None:
        """A budget that no sub-net keeps."""
        async with AgentClient(self.api_socket, name=GATEWAY) as gateway:
            await gateway.set_budget(camera, max_latency_ms=IMPOSSIBLE_MS)

    async def lose_a_lease(self, camera: str = CAMERA) -> None:
        """A gateway takes a lease and is never heard of again."""
        async with AgentClient(self.api_socket, name=GATEWAY) as gateway:
            await gateway.set_budget(camera, parts_per_minute=SLOW_PPM, ttl_s=0.5)

    async def ask_nothing(self, camera: str = CAMERA) -> None:
        """The gateway is there, and wants nothing any more."""
        async with AgentClient(self.api_socket, name=GATEWAY) as gateway:
            await gateway.set_budget(camera, parts_per_minute=SLOW_PPM, ttl_s=60.0)
            await gateway.release_budget(camera)

    def _write(self) -> None:
        self.config.write_text(f'{self._rest}web: {{listen: "127.0.0.1:{self.port}"}}\n')

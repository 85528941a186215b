"""The page as a part of the daemon: served where the config has it, followed through reloads, gone with the agent."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from agent.app import run_daemon, serving
from agent.clock import SystemClock
from agent.config.last_good import load
from agent.domain.reload import ReloadOrigin
from agent.errors import Refused
from agent.telemetry.ids import RandomIds
from tests.web.rig import run

CONFIG = """\
version: 1
state_dir: state
api: {{unix_socket: api.sock}}
cameras: [{{name: a, sdk: simulated, simulation: {{}}}}]
web: {{listen: "127.0.0.1:{port}", preview: {preview}}}
"""


async def get(port: int, path: str) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


def test_a_daemon_serves_the_page_follows_a_reload_and_takes_it_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    path = Path("agent.yaml")
    path.write_text(CONFIG.format(port=0, preview="true"))

    async def main() -> None:
        async with serving(load(path), SystemClock(), RandomIds()) as (agent, desk):
            server = agent.page.server
            assert server is not None
            port = server.port
            status, page = await get(port, "/")
            assert (status, "<title>ofa-agent</title>" in page) == (200, True)
            assert (await get(port, "/metrics"))[1].startswith("#")
            assert '"name":"a"' in (await get(port, "/api/status.json"))[1]
            assert (await get(port, "/healthz"))[0] == 503  # it has no library
            path.write_text(CONFIG.format(port=0, preview="false"))  # noqa: ASYNC240
            await desk.reload(ReloadOrigin.CALL)
            assert (await get(port, "/preview/a.jpg"))[0] == 404
        with pytest.raises(ConnectionRefusedError):
            await get(port, "/")

    run(main())


def test_a_port_that_is_taken_keeps_the_daemon_from_starting_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        Path("agent.yaml").write_text(CONFIG.format(port=taken.getsockname()[1], preview="true"))
        with pytest.raises(Refused, match="is in use by another program") as refused:
            run_daemon(load(Path("agent.yaml")))
    assert "\n" not in str(refused.value)

"""A real daemon scraped over HTTP: what clients hold open and how reloads end is in the metrics."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import anyio
import pytest

from agent.app import serving
from agent.client import AgentClient
from agent.clock import SystemClock
from agent.config.last_good import load
from agent.domain.reload import ReloadOrigin
from agent.errors import ConfigError
from agent.pki.authority import Authority
from agent.telemetry.ids import RandomIds
from agent.telemetry.metrics.catalogue import METRICS
from tests.support.metrics_text import Scraped, promtool

CONFIG = """\
version: 1
state_dir: state
api:
  unix_socket: api.sock
  tcp: {listen: "127.0.0.1:0", tls: {cert: tls/cert.pem, key: tls/key.pem, client_ca: tls/ca.pem}, roles: {}}
web: {listen: "127.0.0.1:0", preview: false}
cameras:
  - name: a
    sdk: simulated
    serial: "20000001"
    simulation: {seed: 3, parts_per_minute: 600, spec: {scene: {distinct: 8}}}
policy: {default_budget: {max_latency_ms: 80}}
"""
WITHIN_S = 30.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: the daemon's socket lies in it."""
    path = Path(tempfile.mkdtemp(prefix="ofa-test-"))
    yield path
    shutil.rmtree(path)


async def _scrape(address: str, accept: str = "text/plain") -> tuple[str, bytes]:
    """Content type and body."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /metrics HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 200 "), head
    kind = re.search(rb"(?im)^content-type: ([^\r]+)", head)
    assert kind is not None
    return kind[1].decode(), body


async def _until(address: str, holds: Callable[[Scraped], bool]) -> Scraped:
    with anyio.fail_after(WITHIN_S):
        while True:
            scraped = Scraped((await _scrape(address))[1].decode())
            if holds(scraped):
                return scraped
            await asyncio.sleep(0.05)


def test_a_scrape_tells_of_streams_and_reloads(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "agent.yaml").write_text(CONFIG)
    begun = datetime.now(timezone.utc).replace(microsecond=0)
    plant = Authority.create(folder / "plant", "plant", begun)
    ends = plant.issue_server(["localhost"], begun).not_after
    shutil.copytree(plant.folder / "servers" / "localhost", folder / "tls")
    caplog.set_level(logging.INFO, "ofa_agent")
    asyncio.run(_told(folder, caplog, ends.timestamp()))


async def _told(folder: Path, caplog: pytest.LogCaptureFixture, ends_s: float) -> None:
    file = folder / "agent.yaml"
    async with serving(load(file), SystemClock(), RandomIds()) as (_, desk):
        found = re.search(r"web_ready address=(?:http://)?(\S+?)/?$", caplog.text, re.MULTILINE)
        assert found is not None, caplog.text
        address = found[1]
        begun = await _until(address, lambda seen: seen.value("ofa_camera_up", camera="a") == 1)
        assert begun.value("ofa_config_last_reload_successful") == 1
        assert begun.value("ofa_watch_streams") == 0
        assert begun.value("ofa_tls_certificate_not_after_timestamp_seconds") == ends_s
        assert begun.value("process_cpu_seconds_total") > 0
        async with AgentClient(folder / "api.sock", name="watcher") as client, client.watch_status("a") as messages:
            await anext(aiter(messages))
            await _until(address, lambda seen: seen.value("ofa_watch_streams") == 1)
        await _until(address, lambda seen: seen.value("ofa_watch_streams") == 0)

        file.write_text(CONFIG.replace("80", "-80"))
        with pytest.raises(ConfigError):
            await desk.reload(ReloadOrigin.SIGNAL)
        alarm = {"alarm": "config_invalid", "number": "406", "severity": "warning"}
        refused = await _until(address, lambda seen: seen.value("ofa_alarms_active", camera="", **alarm) == 1)
        assert refused.value("ofa_config_last_reload_successful") == 0
        assert refused.value("ofa_config_reloads_total", outcome="refused") == 1
        since = "ofa_config_last_reload_success_timestamp_seconds"
        assert refused.value(since) == begun.value(since)

        file.write_text(CONFIG.replace("80", "90"))
        await desk.reload(ReloadOrigin.SIGNAL)
        frames = begun.value("ofa_frames_total", camera="a", outcome="complete")
        after = await _until(
            address, lambda seen: seen.value("ofa_frames_total", camera="a", outcome="complete") > frames
        )
        assert after.value("ofa_config_last_reload_successful") == 1
        assert after.value(since) > begun.value(since)
        assert after.value("ofa_budget_seconds", camera="a", bound="latency") == 0.09

        counters = {metric.name for metric in METRICS if metric.kind == "counter"}
        assert {one for one in after.series if one[0] in counters} == {
            one for one in begun.series if one[0] in counters
        }
        kind, body = await _scrape(address, "application/openmetrics-text; version=1.0.0")
        assert kind.startswith("application/openmetrics-text")
        assert body.endswith(b"# EOF\n")
        kind, body = await _scrape(address)
        assert kind.startswith("text/plain; version=0.0.4")
        assert promtool("check", "metrics", text=body) == ""

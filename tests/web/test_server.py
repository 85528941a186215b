"""The page's server as whoever connects sees it: raw HTTP over real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import replace

import pytest

from agent.domain.states import CameraState
from agent.errors import Refused
from agent.web.limits import WebLimits
from agent.web.server import WebServer
from tests.support.fake_control import SNAPSHOT, FakeControl
from tests.web.rig import PageRig, page, read_answer, run, until

QUICK = WebLimits(request_s=0.05, idle_s=0.05, heartbeat_s=0.05, state_s=0.01)


def well(name: str = "station-1") -> FakeControl:
    return FakeControl(name, now=replace(SNAPSHOT, state=CameraState.ACTIVE, swap=None))


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_path_is_answered_with_the_headers_that_protect_it(path: str, method: str) -> None:
    async def main() -> None:
        async with page(well()) as rig:
            answered = await rig.get(path, method)
            assert answered.status == 200
            assert answered.head["content-security-policy"].startswith("default-src 'self';")
            assert answered.head["x-content-type-options"] == "nosniff"
            assert answered.head["cross-origin-resource-policy"] == "same-origin"
            assert int(answered.head["content-length"]) > 0
            assert not {"set-cookie", "access-control-allow-origin"} & set(answered.head)

    run(main())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_nothing_but_get_and_head_is_answered(method: str) -> None:
    async def main() -> None:
        async with page() as rig:
            refused = await rig.get("/healthz" if method != "CONNECT" else "a:1", method)
            assert refused.status == (405 if method != "BREW" else 400)
            assert refused.head.get("allow", "GET, HEAD") == "GET, HEAD"
            assert refused.head["connection"] == "close"

    run(main())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9464", 200),
        ("[::1]:9464", 200),
        ("192.168.7.9", 200),
        ("localhost", 200),
        ("LOCALHOST.:80", 200),
        (f"{socket.gethostname()}:9464", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("999.1.1.1", 421),
        ("[::zz]", 421),
        ("a b", 421),
        ("", 421),
    ],
)
def test_only_names_of_this_machine_and_addresses_are_answered(host: str, status: int) -> None:
    async def main() -> None:
        async with page(well()) as rig:
            for path in ("/", "/metrics", "/healthz"):
                assert (await rig.get(path, host=host)).status == status

    run(main())


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_a_request_that_is_none_or_too_much_is_refused_and_harms_nobody(request_: bytes) -> None:
    async def main() -> None:
        async with page(well()) as rig:
            refused = await rig.say(request_)
            assert 400 <= refused.status < 500
            assert refused.head["x-content-type-options"] == "nosniff"
            assert len(refused.body) < 100
            assert (await rig.get("/healthz")).status == 200

    run(main())


@pytest.mark.parametrize("path", ["/../limits.py", "/static/page.css", "/%2e%2e/answers.py", "//", "/index.html", "/x"])
def test_there_is_nothing_but_the_files_of_the_page(path: str) -> None:
    async def main() -> None:
        async with page() as rig:
            assert (await rig.get(path)).status == 404

    run(main())


def test_pages_of_other_sites_get_nothing_but_links_to_the_page_work() -> None:
    async def main() -> None:
        async with page(well()) as rig:
            foreign = {"Sec_Fetch_Site": "cross-site"}
            assert (await rig.get("/metrics", **foreign, Sec_Fetch_Mode="no-cors")).status == 403
            assert (await rig.get("/", **foreign, Sec_Fetch_Mode="navigate")).status == 200

    run(main())


def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    async def main() -> None:
        async with page() as rig:
            first = await rig.get("/")
            again = await rig.get("/", If_None_Match=first.head["etag"])
            assert (first.status, again.status) == (200, 304)

    run(main())


def test_health_is_good_only_while_every_camera_serves() -> None:
    async def main() -> None:
        async with page(well(), well("station-2")) as rig:
            good = await rig.get("/healthz")
            assert (good.status, good.text) == (200, "ok\nstation-1: serving\nstation-2: serving\n")
            assert SNAPSHOT.health is not None
            rig.controls["station-2"].change(health=replace(SNAPSHOT.health, last_frame_age_s=6.0))
            bad = await rig.get("/healthz")
            assert (bad.status, bad.text) == (503, "not ok\nstation-1: serving\nstation-2: not serving\n")

    run(main())


def test_metrics_come_in_the_format_that_is_asked_for() -> None:
    async def main() -> None:
        async with page() as rig:
            plain = await rig.get("/metrics")
            opened = await rig.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
            assert plain.text == "ofa_camera_up 1\n"
            assert plain.head["content-type"].startswith("text/plain; version=0.0.4")
            assert opened.head["content-type"].startswith("application/openmetrics-text")

    run(main())


def test_a_fault_in_an_answer_is_logged_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with page() as rig:
            rig.control.now = None  # type: ignore[assignment]
            failed = await rig.get("/healthz")
            assert (failed.status, failed.text) == (500, "a fault in the agent; its log has the trace\n")

    run(main())
    assert any("web_answer_crashed" in record.getMessage() for record in caplog.records)


# -- connections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_who_does_not_ask_in_time_is_cut_off(said: bytes) -> None:
    async def main() -> None:
        async with page(limits=replace(QUICK, idle_s=600.0)) as rig:
            reader, writer = await rig.connect()
            writer.write(said)
            assert await _ended(reader)
            writer.close()
            await until(lambda: rig.server.connections == 0)

    run(main())


def test_a_connection_that_was_answered_and_is_silent_is_cut_off_too() -> None:
    async def main() -> None:
        async with page(well(), limits=QUICK) as rig:
            reader, writer = await rig.connect()
            for _ in range(2):
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert (await read_answer(reader)).status == 200
            assert await _ended(reader)
            writer.close()

    run(main())


def test_silent_connections_make_room_for_one_that_asks() -> None:
    async def main() -> None:
        async with page(well(), limits=WebLimits(max_connections=4)) as rig:
            silent = [await rig.connect() for _ in range(8)]
            await until(lambda: rig.server.connections == 4)
            assert (await rig.get("/healthz")).status == 200
            for _, writer in silent:
                writer.close()

    run(main())


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        return b"HTTP/1.1 2" not in await reader.read()
    except ConnectionResetError:
        return True


# -- listening --------------------------------------------------------------------------------------------------------


def test_an_address_in_use_is_told_in_one_line() -> None:
    async def main() -> None:
        async with page() as rig:
            with pytest.raises(Refused, match=r"^web.listen: 127.0.0.1:\d+ is in use by another program; ") as refused:
                await _serve(rig, rig.server.address)
            assert "\n" not in str(refused.value)

    run(main())


def test_an_address_of_another_machine_is_told_in_one_line() -> None:
    async def main() -> None:
        async with page() as rig:
            with pytest.raises(Refused, match=r"^web.listen: 192.0.2.1:9464 is no address of this machine"):
                await _serve(rig, "192.0.2.1:9464")

    run(main())


@pytest.mark.parametrize(("listen", "warned"), [("127.0.0.1:0", False), ("0.0.0.0:0", True), ("localhost:0", False)])
def test_who_listens_beyond_the_machine_is_warned(caplog: pytest.LogCaptureFixture, listen: str, warned: bool) -> None:
    async def main() -> None:
        async with page() as rig:
            await _serve(rig, listen)

    caplog.set_level(logging.INFO, "ofa_agent")
    run(main())
    assert any("web_open_to_the_network" in record.getMessage() for record in caplog.records) is warned


async def _serve(rig: PageRig, listen: str) -> None:
    async with WebServer(rig.sources, listen):
        pass

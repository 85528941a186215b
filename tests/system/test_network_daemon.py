"""A whole daemon on the network: what it listens on, what it refuses to start with, and what a reload changes."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import grpc
import pytest
from click.testing import CliRunner

from agent.app import Agent, run_daemon, serving
from agent.cli.check import check
from agent.clock import SystemClock
from agent.config.last_good import load, load_or_last_good
from agent.config.reload import ReloadDesk
from agent.domain.reload import ReloadOrigin, ReloadOutcome
from agent.doors import check_doors
from agent.errors import ConfigError, RestartNeeded
from agent.telemetry.ids import RandomIds
from tests.api.harness import until
from tests.api.tls_rig import OWN_CONNECTION, end_of, refused, watch
from tests.support.plant import PLC_3, Issued, Plant, TlsFolder

CONFIG = """\
version: 1
state_dir: state
api:
  unix_socket: api.sock
  tcp:
    listen: "127.0.0.1:0"
    tls:
      cert: tls/cert.pem
      key: tls/key.pem
      client_ca: tls/ca.pem
      revoked: tls/revoked.pem
    roles:
      "spiffe://plant/*": read
cameras:
  - name: station-1
    sdk: simulated
    simulation: {}
"""
WITHIN_S = 30.0
Tell = Callable[[Agent, ReloadDesk], Awaitable[None]]


class Station:
    """A config and its files. The working directory is the folder, since the path of a socket is short."""

    def __init__(self, folder: Path) -> None:
        self.plant = Plant()
        self.files = TlsFolder(folder / "tls", self.plant)
        self.files.write("revoked.pem", self.plant.crl())
        self.config = folder / "agent.yaml"
        self.write(CONFIG)

    def write(self, text: str) -> None:
        self.config.write_text(text)

    def serve(self, tell: Tell) -> None:
        async def main() -> None:
            with anyio.fail_after(WITHIN_S):
                async with serving(load(self.config), SystemClock(), RandomIds()) as (agent, desk):
                    await tell(agent, desk)
            while rest := asyncio.all_tasks() - {asyncio.current_task()}:  # grpc ends a moment later
                await asyncio.wait(rest)

        asyncio.run(main())

    def connect(self, port: int, issued: Issued) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(f"localhost:{port}", issued.channel(self.plant.ca_pem), [OWN_CONNECTION])


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.chdir(tmp_path)
    return Station(tmp_path)


def listening() -> set[int]:
    """The TCP ports that this process listens on, of either family, by what the kernel says."""
    own = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            own.add(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    ports = set()
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def test_every_port_of_the_daemon_demands_a_certificate(station: Station) -> None:
    before = listening()

    async def tell(agent: Agent, desk: ReloadDesk) -> None:
        ports = listening() - before
        assert len(ports) == 1
        for port in ports:
            for credentials in (None, grpc.ssl_channel_credentials(station.plant.ca_pem)):
                channel = (
                    grpc.aio.insecure_channel(f"localhost:{port}", [OWN_CONNECTION])
                    if credentials is None
                    else grpc.aio.secure_channel(f"localhost:{port}", credentials, [OWN_CONNECTION])
                )
                assert await refused(channel) == ("UNAVAILABLE", "")
                await channel.close(None)
            client = station.connect(port, station.plant.issue(PLC_3))
            assert await refused(client) == ("OK", "")
            await client.close(None)

    station.serve(tell)


def test_a_daemon_whose_config_names_no_port_has_none(station: Station) -> None:
    station.write(re.sub(r"  tcp:\n(    .*\n)+", "", CONFIG))
    before = listening()

    async def tell(agent: Agent, desk: ReloadDesk) -> None:
        assert listening() == before

    station.serve(tell)


BROKEN: dict[str, tuple[Callable[[Station], object], str]] = {
    "key that others read": (
        lambda one: one.files.path("key.pem").chmod(0o644),
        "9: api.tcp.tls.key: {} may be read by others (mode 644); chmod 600, or 640 for its group",
    ),
    "no certificate": (
        lambda one: one.files.path("cert.pem").unlink(),
        "8: api.tcp.tls.cert: {} cannot be read: No such file or directory",
    ),
    "the list of another CA": (
        lambda one: one.files.write("revoked.pem", Plant().crl()),
        "11: api.tcp.tls.revoked: {} has a list of 'CN=plant CA' that no CA of `client_ca` signed",
    ),
}


@pytest.mark.parametrize(("break_", "reason"), BROKEN.values(), ids=list(BROKEN))
def test_a_daemon_does_not_start_with_files_that_cannot_be_used_and_check_says_the_same(
    station: Station, break_: Callable[[Station], object], reason: str
) -> None:
    break_(station)
    name = {"9": "key.pem", "8": "cert.pem", "11": "revoked.pem"}[reason.partition(":")[0]]
    expected = f"{station.config}:" + reason.format(station.files.path(name))
    with pytest.raises(ConfigError) as caught:
        run_daemon(load(station.config))
    assert str(caught.value) == expected
    told = CliRunner().invoke(check, ["--config", str(station.config)], standalone_mode=False)
    assert told.return_value == 2
    assert told.stderr.splitlines() == [expected]


def test_a_start_that_may_fall_back_does_so_for_a_certificate_that_is_gone(station: Station) -> None:
    async def tell(agent: Agent, desk: ReloadDesk) -> None: ...

    station.serve(tell)
    station.write(CONFIG.replace("tls/cert.pem", "tls/gone.pem"))
    loaded = load_or_last_good(station.config, check_doors)
    assert loaded.config.api.tcp is not None
    assert loaded.config.api.tcp.tls.cert.name == "cert.pem"
    assert str(loaded.refused).startswith(f"{station.config}:8: api.tcp.tls.cert: ")


def test_a_reload_takes_over_roles_and_files_and_refuses_what_cannot_be(station: Station) -> None:
    async def tell(agent: Agent, desk: ReloadDesk) -> None:
        (port,) = listening()
        plc = station.connect(port, station.plant.issue(PLC_3))
        stream = watch(plc)
        await stream.read()
        set_budget = "/ofa_agent.v1.ControlService/SetBudget"
        assert await refused(plc, set_budget) == ("PERMISSION_DENIED", "ROLE_TOO_LOW")
        station.write(CONFIG.replace('"spiffe://plant/*": read', f'"{PLC_3}": control'))
        assert (await desk.reload(ReloadOrigin.CALL)).outcome is ReloadOutcome.APPLIED
        assert await refused(plc, set_budget) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
        assert not stream.done()
        for text, line in (
            (CONFIG.replace("tls/cert.pem", "tls/new.pem"), "8: api.tcp.tls.cert: "),
            (CONFIG.replace("127.0.0.1:0", "127.0.0.1:1"), "6: api.tcp.listen: needs a restart of the agent"),
            (CONFIG.replace(": read", ": operator"), "13: api.tcp.roles[spiffe://plant/*]: 'operator' is not one of"),
        ):
            station.write(text)
            with pytest.raises(ConfigError, match=re.escape(f"{station.config}:{line}")) as caught:
                await desk.reload(ReloadOrigin.CALL)
            assert isinstance(caught.value, RestartNeeded) == ("restart" in line)
        assert await refused(plc) == ("OK", "")  # as it was
        new = station.plant.server()
        station.files.write("new.pem", new.pem)
        station.files.write("new-key.pem", new.key_pem)
        named = CONFIG.replace("tls/cert.pem", "tls/new.pem").replace("tls/key.pem", "tls/new-key.pem")
        station.write(named.replace('"spiffe://plant/*": read', "{}"))
        assert (await desk.reload(ReloadOrigin.CALL)).outcome is ReloadOutcome.APPLIED
        assert await end_of(stream) == ("PERMISSION_DENIED", "NO_ROLE")
        assert await refused(plc) == ("PERMISSION_DENIED", "NO_ROLE")
        await plc.close(None)

    station.serve(tell)


def test_a_certificate_that_is_wrong_is_an_alarm_of_the_agent_until_it_is_right(station: Station) -> None:
    async def tell(agent: Agent, desk: ReloadDesk) -> None:
        desk_of_agent = agent.alarms.desk("")
        station.files.write("key.pem", b"half")
        await until(lambda: "tls_certificate" in desk_of_agent.active)
        assert (
            "key.pem holds no private key (PEM); the one before stays in use" in desk_of_agent.active["tls_certificate"]
        )

    station.serve(tell)

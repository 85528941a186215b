"""Over the network: a real daemon, the CA of `ofa-agent pki`, commands over mutual TLS, and the page on it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.cli import exits
from agent.cli.main import main
from agent.client import AgentClient, RpcFailed, TlsFiles
from agent.pki import Authority
from tests.api.harness import run as run_async
from tests.support.forks import Forks
from tests.support.page_shell import PageShell
from tests.support.page_stage import stage
from tests.support.pages import Block, blocks, statements
from tests.system.station import Station
from tests.system.test_docs import assert_alike, merged

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 10.0
PAGE = "docs/how-to/secure-it.md"
HOST = "127.0.0.1"
ROLES = {"spiffe://plant/plc-3": "control", "spiffe://plant/engineering/*": "admin", "spiffe://plant/view/*": "read"}
CLIENTS = ("plc-3", "engineering/anna", "view/1", "stranger")
PORT = re.compile(r"127\.0\.0\.1:([1-9]\d*) \(mutual TLS\)")
BUDGET = ("budget", "set", "--parts-per-minute", "700")


@dataclass
class Site:
    """A daemon with a port, the CA of its clients, and the folder that its files of TLS are in."""

    station: Station
    plant: Authority
    tls: Path
    port: int

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def files(self, client: str) -> TlsFiles:
        own = self.plant.folder / "clients" / client
        return TlsFiles(self.plant.folder / "ca.pem", own / "cert.pem", own / "key.pem")

    def run(self, client: str, *words: str) -> int:
        """One command as that client; its exit code."""
        files = self.files(client)
        where = ("--address", self.address, "--ca", str(files.ca), "--cert", str(files.cert), "--key", str(files.key))
        return main([*words, *where])

    def revoke(self, client: str) -> None:
        self.plant.revoke(client, now(), "key-compromise")
        put(self.plant.folder / "revoked.pem", self.tls / "revoked.pem")


def now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)  # the daemon goes by the machine's clock


def put(source: Path, to: Path) -> None:
    """As an engineer copies it, in one step."""
    shutil.copy(source, f"{to}.new")
    os.replace(f"{to}.new", to)


def opened(tls: Path) -> dict[str, Any]:
    paths = {"cert": "cert", "key": "key", "client_ca": "ca", "revoked": "revoked"}
    return {"listen": f"{HOST}:0", "tls": {key: str(tls / f"{name}.pem") for key, name in paths.items()}}


@pytest.fixture(scope="module")
def site(ladder: Path, forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    plant = Authority.create(folder / "plant-ca", "plant", now())
    plant.issue_server(["line-1.example", HOST], now())
    for name in CLIENTS:
        plant.issue_client(name, now())
    tls = folder / "tls"
    shutil.copytree(plant.folder / "servers" / "line-1.example", tls)
    shutil.copy(plant.folder / "revoked.pem", tls)
    station = Station(ladder, forks=forks)
    config = yaml.safe_load(station.config.read_text())
    config["api"]["tcp"] = {**opened(tls), "roles": ROLES}
    station.config.write_text(yaml.safe_dump(config))
    with station:
        found = PORT.search(station.log("daemon"))
        assert found is not None, station.log("daemon")
        yield Site(station, plant, tls, int(found[1]))


@pytest.mark.parametrize(
    ("words", "least"),
    [
        (("status",), "read"),
        (("explain",), "read"),
        (("swaps",), "read"),
        (("line", "running", "--ttl", "1"), "control"),
        ((*BUDGET, "--ttl", "5"), "control"),
        (("mode", "auto"), "control"),
        (BUDGET, "admin"),
        (("audit",), "admin"),
        (("reload",), "admin"),
        (("mode", "maintenance"), "the machine itself"),
    ],
)
def test_each_role_may_what_it_may_and_the_one_below_it_may_not(
    site: Site, words: tuple[str, ...], least: str, capfd: pytest.CaptureFixture[str]
) -> None:
    below, client = {
        "read": ("stranger", "view/1"),
        "control": ("view/1", "plc-3"),
        "admin": ("plc-3", "engineering/anna"),
        "the machine itself": ("engineering/anna", None),
    }[least]
    assert site.run(below, *words) == exits.REFUSED
    if client is not None:
        assert site.run(client, *words) == exits.DONE, capfd.readouterr().err
        if words[0] == "budget":
            assert site.run(client, "budget", "release") == exits.DONE


def test_a_claim_is_held_in_the_name_of_the_certificate(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    assert site.run("plc-3", *BUDGET, "--ttl", "30", "--client-name", "gateway") == exits.DONE
    held = [one["client"] for one in site.station.status()["claims"]]
    assert held == ["spiffe://plant/plc-3#gateway"]
    assert site.run("plc-3", "budget", "release", "--client-name", "gateway") == exits.DONE
    capfd.readouterr()
    assert site.run("stranger", "status") == exits.REFUSED
    err = capfd.readouterr().err
    assert (err.count("\n"), "'spiffe://plant/stranger' has no role" in err) == (1, True)


def test_renewing_both_certificates_breaks_no_call_and_no_lease(site: Site) -> None:
    renewed = (site.plant.renew("plc-3", now()), site.plant.renew("line-1.example", now()))

    async def story() -> None:
        async with (
            AgentClient(site.address, "gateway", tls=site.files("plc-3")) as client,
            client.keep_lease(ttl_s=30, parts_per_minute=700) as lease,
        ):
            for name in ("cert.pem", "key.pem"):
                put(site.plant.folder / renewed[1].folder / name, site.tls / name)
            for _ in range(20):
                await client.get_status()
            assert lease.lost == 0

    run_async(story())
    assert site.run("plc-3", "status") == exits.DONE


def test_a_revoked_client_is_refused_at_once_and_the_others_are_not(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    site.plant.issue_client("view/2", now())
    assert site.run("view/2", "status") == exits.DONE

    async def ends() -> str:
        reason = ""
        async with AgentClient(site.address, tls=site.files("view/2")) as client, client.watch_results() as results:
            await anext(results)
            site.revoke("view/2")
            try:
                async for _ in results:
                    pass
            except RpcFailed as error:
                reason = error.reason
        return reason

    assert run_async(ends()) == "CERTIFICATE_REVOKED"
    capfd.readouterr()
    assert site.run("view/2", "status") == exits.REFUSED
    assert "was revoked" in capfd.readouterr().err
    assert site.run("view/1", "status") == exits.DONE
    site.plant.issue_client("view/2", now())
    assert site.run("view/2", "status") == exits.DONE


def test_a_client_of_another_ca_and_one_without_a_certificate_see_nothing(
    site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = Authority.create(tmp_path / "other", "plant", now())
    other.issue_client("plc-3", now())
    mine = site.files("plc-3")
    own = other.folder / "clients" / "plc-3"
    where = ("status", "--address", site.address, "--ca", str(mine.ca))
    assert main([*where, "--cert", f"{own}/cert.pem", "--key", f"{own}/key.pem"]) == exits.UNREACHABLE
    assert "wants a certificate that a CA of its" in capfd.readouterr().err
    wrong = (*where[:-1], f"{own}/ca.pem", "--cert", str(mine.cert), "--key", str(mine.key))
    done = site.station.agent(*wrong)  # as a process, which would also show what gRPC has to say
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (exits.UNREACHABLE, "", 1), done.stderr
    assert "another CA than the one given" in done.stderr
    assert main([*where[:3], "--ca", str(mine.ca)]) == exits.BAD_INPUT


def test_every_command_of_the_page_does_what_it_says(site: Site, tmp_path: Path, ladder: Path) -> None:
    stage(tmp_path, ladder)
    for name, file in (("ca.pem", "site-ca.pem"), ("revoked.pem", "site-crl.pem")):
        shutil.copy(site.plant.folder / name, tmp_path / file)
    before = site.station.config.read_text()
    places = {
        "192.168.10.5:7443": site.address,
        "0.0.0.0:7443": f"{HOST}:0",
        "192.168.10.5": HOST,
        "/etc/ofa-agent": str(tmp_path),
        "/run/ofa-agent/api.sock": str(site.station.api_socket),
    }
    env = {"OFA_AGENT_SOCKET": str(site.station.api_socket)}
    try:
        with PageShell(tmp_path, env, places) as shell:
            follow(site, shell)
    finally:
        site.station.config.write_text(before)
        assert site.station.agent("reload").returncode == 0


def follow(site: Site, shell: PageShell) -> None:
    written = ""
    for block in blocks(PAGE):
        if block.language == "yaml" and "tcp:" in block.text:
            take(site, shell, block)
        elif block.language == "sh":
            written = "".join(done(site, shell, block, one) for one in statements(block.text))
        elif block.language == "":
            assert_alike(block, written)


def take(site: Site, shell: PageShell, block: Block) -> None:
    """The page's part of a config, in the daemon's own and in the one that the page names."""
    text = block.text
    for shown, here in shell.places.items():
        text = text.replace(shown, here)
    part = yaml.safe_load(text)
    config = merged(yaml.safe_load(site.station.config.read_text()), part)
    config["api"]["tcp"]["roles"] = part["api"]["tcp"]["roles"]
    site.station.config.write_text(yaml.safe_dump(config))
    assert site.station.agent("reload").returncode == 0
    place = shell.folder / "agent.yaml"
    place.write_text(yaml.safe_dump(merged(yaml.safe_load(place.read_text()), part)))


def done(site: Site, shell: PageShell, block: Block, statement: str) -> str:
    """One statement, which has to end well, also where the agent takes a moment to read a file again."""
    if statement == "ofa-agent status":
        site.station.wait(lambda: shell.run(statement).code == 0, "an answer over TLS")
    outcome = shell.run(statement)
    assert outcome.code == 0, f"{block.place}: {statement!r} ended with {outcome.code}: {outcome.output}"
    if statement == "cp plant-ca/revoked.pem /etc/ofa-agent/tls" and "pki revoke" in block.text:
        site.station.wait(lambda: shell.run("ofa-agent status").code == exits.REFUSED, "the refusal")
        assert "was revoked" in shell.run("ofa-agent status").output
    return outcome.output

"""The client over mutual TLS: what it says where no connection comes about, and certificates that change under it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from agent.client import NO_RETRY, AgentClient, RpcFailed, TlsFiles
from agent.client.handshake import hint
from agent.errors import BadInput, DaemonUnreachable
from agent.pb.ofa_agent.v1 import status_pb2
from agent.pki import Authority
from tests.api.harness import run
from tests.support.scripted_daemon import HANGS, Fails, ScriptedDaemon, scripted_over_tls

NOW = datetime.now(timezone.utc).replace(microsecond=0)  # the handshake goes by the machine's clock
STATUS = status_pb2.GetStatusResponse()
NEWS = status_pb2.WatchStatusResponse(epoch="e", revision=1)
EXPIRED = Fails(grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_EXPIRED", "the certificate has run out")


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority.create(tmp_path_factory.mktemp("plant") / "ca", "plant", NOW)
    made.issue_server(["localhost", "127.0.0.1"], NOW)
    made.issue_server(["line-9.example"], NOW)
    made.issue_client("plc-3", NOW)
    made.issue_client("plc-old", NOW - timedelta(days=100), days=10)
    made.issue_client("plc-new", NOW + timedelta(days=10), days=10)
    return made


def files(plant: Authority, name: str = "plc-3", server_name: str | None = None) -> TlsFiles:
    folder = plant.folder / "clients" / name
    return TlsFiles(plant.folder / "ca.pem", folder / "cert.pem", folder / "key.pem", server_name)


def serials(daemon: ScriptedDaemon) -> list[str]:
    return [f"{x509.load_pem_x509_certificate(pem).serial_number:016x}" for pem in daemon.shown]


def served(
    plant: Authority, daemon: ScriptedDaemon, folder: str = "servers/localhost"
) -> AbstractAsyncContextManager[int]:
    return scripted_over_tls(daemon, plant.folder / "ca.pem", plant.folder / folder)


@asynccontextmanager
async def connected(plant: Authority, daemon: ScriptedDaemon, tls: TlsFiles) -> AsyncIterator[AgentClient]:
    async with served(plant, daemon) as port, client_at(f"127.0.0.1:{port}", tls) as client:
        yield client


def client_at(target: str, tls: TlsFiles | None) -> AgentClient:
    return AgentClient(target, "plc", 20.0, NO_RETRY, tls)


def answering() -> ScriptedDaemon:
    return ScriptedDaemon({"GetStatus": [STATUS]}, {"WatchStatus": [[NEWS, HANGS]]})


# -- reaching it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["127.0.0.1:{port}", "localhost:{port}", "dns:///localhost:{port}"])
def test_a_call_and_a_stream_reach_the_agent_by_every_name_of_its_certificate(plant: Authority, target: str) -> None:
    daemon = answering()

    async def scenario() -> None:
        async with served(plant, daemon) as port, client_at(target.format(port=port), files(plant)) as client:
            assert await client.get_status() == STATUS
            async with client.watch_status() as watch:
                assert await anext(watch) == NEWS

    run(scenario())
    assert len(set(serials(daemon))) == 1


def test_the_name_is_checked_and_another_one_can_be_given(plant: Authority) -> None:
    daemon = answering()

    async def scenario() -> None:
        async with served(plant, daemon, "servers/line-9.example") as port:
            target = f"127.0.0.1:{port}"
            async with client_at(target, files(plant)) as client:
                with pytest.raises(DaemonUnreachable, match="certificate is not for this name"):
                    await client.get_status()
            async with client_at(target, files(plant, server_name="line-9.example")) as client:
                assert await client.get_status() == STATUS

    run(scenario())
    assert len(daemon.asked) == 1


def test_the_certificate_of_another_ca_is_refused_on_either_side(plant: Authority, tmp_path: Path) -> None:
    daemon = answering()
    other = Authority.create(tmp_path / "other", "plant", NOW)
    other.issue_client("plc-3", NOW)
    mine, theirs = files(plant), files(other)

    async def scenario() -> None:
        async with served(plant, daemon) as port:
            for tls, said in (
                (TlsFiles(theirs.ca, mine.cert, mine.key), "issued by another CA than the one given"),
                (TlsFiles(mine.ca, theirs.cert, theirs.key), "wants a certificate that a CA of its"),
                (None, "wants a certificate that a CA of its"),
            ):
                async with client_at(f"127.0.0.1:{port}", tls) as client:
                    with pytest.raises(DaemonUnreachable, match=said):
                        await client.get_status()
                    with pytest.raises(DaemonUnreachable, match=said):
                        await anext(client.watch_status())

    run(scenario())
    assert daemon.asked == []


def test_a_clients_certificate_does_not_pass_for_the_agents(plant: Authority) -> None:
    async def scenario() -> None:
        async with served(plant, answering(), "clients/plc-3") as port:
            tls = files(plant, server_name="plc-3")
            async with client_at(f"127.0.0.1:{port}", tls) as client:
                with pytest.raises(DaemonUnreachable, match="not one of a server"):
                    await client.get_status()

    run(scenario())


def test_nobody_there_and_no_tls_there_are_told_apart(plant: Authority) -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
            async with AgentClient(f"127.0.0.1:{taken.getsockname()[1]}", tls=files(plant)) as client:
                with pytest.raises(DaemonUnreachable, match="is it running"):
                    await client.get_status()
        plain = grpc.aio.server()
        port = plain.add_insecure_port("127.0.0.1:0")
        await plain.start()
        async with AgentClient(f"127.0.0.1:{port}", tls=files(plant)) as client:
            with pytest.raises(DaemonUnreachable, match="speaks no TLS"):
                await client.get_status()
        await plain.stop(None)

    run(scenario())


@pytest.mark.parametrize("words", ["connection attempt timed out", "Connection refused", "Socket closed"])
def test_what_is_no_matter_of_tls_gets_no_advice_on_it(words: str) -> None:
    assert hint(f"failed to connect to all addresses; last error: {words}", "unix:/run/api.sock") == ""
    assert hint("Socket closed", "line-1:7443") == ""  # of a connection that was there


# -- files that cannot be used -------------------------------------------------------------------------------------


def test_files_that_cannot_be_used_are_named_before_anybody_is_asked(plant: Authority, tmp_path: Path) -> None:
    mine = files(plant)
    words = tmp_path / "words.pem"
    words.write_text("no certificate")
    large = tmp_path / "large.pem"
    large.write_bytes(b"#" * (1024 * 1024 + 1))
    wrong = {
        TlsFiles(tmp_path / "none.pem", mine.cert, mine.key): r"^ca: .*none\.pem cannot be read: No such file",
        TlsFiles(words, mine.cert, mine.key): r"^ca: .*words\.pem is no certificate",
        TlsFiles(mine.ca, mine.key, mine.key): r"^cert: .*key\.pem is no certificate",
        TlsFiles(mine.ca, mine.cert, mine.cert): r"^key: .*cert\.pem is no private key",
        TlsFiles(mine.ca, mine.cert, large): r"^key: .*large\.pem has more than",
        TlsFiles(mine.ca, mine.cert, files(plant, "plc-old").key): r"^key: .* does not belong to .*cert\.pem",
        files(plant, "plc-old"): r"^cert: .* ended on \d{4}-\d\d-\d\d .*renewed",
        files(plant, "plc-new"): r"^cert: .* begins on .* look at the clock",
    }

    async def scenario() -> None:
        for tls, said in wrong.items():
            async with AgentClient("127.0.0.1:9", tls=tls) as client:
                with pytest.raises(BadInput, match=said):
                    await client.get_status()

    run(scenario())
    with pytest.raises(BadInput, match="TLS is for HOST:PORT"):
        AgentClient("/run/ofa-agent/api.sock", tls=mine)


# -- files that change ---------------------------------------------------------------------------------------------


def own_copy(plant: Authority, folder: Path) -> TlsFiles:
    for source in (files(plant).ca, files(plant).cert, files(plant).key):
        shutil.copy(source, folder)
    return TlsFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


def put(source: Path, to: Path) -> None:
    """As an engineer's copy does it, in one step."""
    shutil.copy(source, f"{to}.new")
    os.replace(f"{to}.new", to)


def test_a_renewed_certificate_is_shown_at_the_next_call_and_no_stream_breaks(plant: Authority, tmp_path: Path) -> None:
    tls, daemon = own_copy(plant, tmp_path), ScriptedDaemon({"GetStatus": [STATUS]}, {"WatchStatus": [[NEWS, HANGS]]})
    renewed = plant.renew("plc-3", NOW)
    new = plant.folder / "issued" / renewed.serial

    async def scenario() -> None:
        async with connected(plant, daemon, tls) as client, client.watch_status() as watch:
            await anext(watch)
            await client.get_status()
            put(new / "cert.pem", tmp_path / "cert.pem")
            await client.get_status()  # half of the pair is there
            put(new / "key.pem", tmp_path / "key.pem")
            await client.get_status()
            await client.get_status()
            assert watch.interruptions == 0
            assert len(client._channels._before) == 1  # the stream goes on
            watch.close()
            await client.get_status()
            assert client._channels._before == []

    run(scenario())
    first = serials(daemon)[0]
    assert serials(daemon) == [first] * 3 + [renewed.serial] * 3


def test_a_stream_that_is_told_its_certificate_ran_out_goes_on_with_the_renewed_one(
    plant: Authority, tmp_path: Path
) -> None:
    tls = own_copy(plant, tmp_path)
    daemon = ScriptedDaemon({}, {"WatchStatus": [[NEWS, EXPIRED], [NEWS, EXPIRED], [EXPIRED]]})
    renewed = plant.renew("plc-3", NOW)
    new = plant.folder / "issued" / renewed.serial

    async def scenario() -> None:
        async with connected(plant, daemon, tls) as client, client.watch_status() as watch:
            await anext(watch)
            put(new / "cert.pem", tmp_path / "cert.pem")
            put(new / "key.pem", tmp_path / "key.pem")
            await anext(watch)
            assert watch.interruptions == 1
            with pytest.raises(RpcFailed) as caught:
                await anext(watch)
            assert caught.value.reason == "CERTIFICATE_EXPIRED"

    run(scenario())
    assert serials(daemon)[1:] == [renewed.serial, renewed.serial]
    assert serials(daemon)[0] != renewed.serial

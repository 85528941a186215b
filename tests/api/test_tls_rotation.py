"""Certificates and lists that change under a running port: what goes on goes on, what must end ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from agent.domain.access import Role
from tests.api.harness import CALM, run, until
from tests.api.tls_rig import TlsRig, call, end_of, on_the_network, refused, watch
from tests.support.plant import PLC_3, Plant

ROLES = {"spiffe://plant/*": Role.READ}
ROTATIONS = 8


AS_FAST_AS_IT_GOES = replace(CALM, calls_per_s=1e6, calls_burst=1_000_000)  # the calls here follow on each other


class Traffic:
    """Calls on one connection, one after the other, until told to end."""

    def __init__(self, channel: Any) -> None:
        self.done = 0
        self.failed: list[str] = []
        self._channel = channel
        self._ends = False

    async def run(self) -> None:
        while not self._ends:
            code, reason = await refused(self._channel)
            self.done += 1
            if code != "OK":
                self.failed.append(f"call {self.done}: {code} {reason}")

    async def more(self, calls: int) -> None:
        wanted = self.done + calls
        await until(lambda: self.done >= wanted)

    def end(self) -> None:
        self._ends = True


async def fresh_calls(rig: TlsRig, count: int) -> list[str]:
    """Calls on new connections, and how each ended."""
    issued = rig.plant.issue("spiffe://plant/new")
    return [(await refused(rig.connect(issued)))[0] for _ in range(count)]


def test_certificates_are_rotated_under_traffic_without_a_failed_call(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES, limits=AS_FAST_AS_IT_GOES) as rig:
            probe = rig.plant.issue("spiffe://plant/probe")
            channel = rig.connect(rig.plant.issue(PLC_3))
            stream = watch(channel)
            await stream.read()
            traffic = Traffic(channel)
            running = asyncio.create_task(traffic.run())
            for _ in range(ROTATIONS):
                new = rig.plant.server()
                rig.folder.show(new)  # two writes: between them the pair does not fit
                assert await fresh_calls(rig, 2) == ["OK", "OK"]
                await until(lambda new=new: rig.door.files.pair.chain == new.pem)  # type: ignore[misc]
                assert (await rig.shown(probe))[0] == new.certificate.public_bytes(Encoding.DER)
                await traffic.more(5)
            traffic.end()
            await running
            assert traffic.failed == []
            assert traffic.done >= 5 * ROTATIONS
            assert not stream.done()  # it has outlived every certificate that there was
            stream.cancel()
            assert rig.alarms.told == 0

    run(main())


def test_a_pair_that_is_broken_leaves_the_one_before_in_use_and_raises_one_alarm_until_it_is_right(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            first = rig.folder.server
            rig.folder.write("key.pem", rig.plant.server().key_pem)
            await until(lambda: "tls_certificate" in rig.alarms.standing)
            text = rig.alarms.standing["tls_certificate"]
            assert "api.tcp.tls.key" in text
            assert f"is not the key of {rig.folder.path('cert.pem')}; the one before stays in use" in text
            probe = rig.plant.issue("spiffe://plant/probe")
            assert (await rig.shown(probe))[0] == first.certificate.public_bytes(Encoding.DER)
            assert await fresh_calls(rig, 1) == ["OK"]
            rig.folder.show(rig.plant.server())
            await until(lambda: rig.alarms.standing == {})
            assert rig.alarms.told == 1

    run(main())


def test_a_certificate_that_is_revoked_ends_its_streams_and_its_calls_and_nobody_elses(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES, revoked=True) as rig:
            lost, kept = rig.plant.issue(PLC_3), rig.plant.issue(PLC_3)  # one name, two certificates
            one, other = rig.connect(lost), rig.connect(kept)
            ended, going = watch(one), watch(other)
            await ended.read()
            await going.read()
            rig.folder.write("revoked.pem", rig.plant.crl(lost, made_s=0))
            assert await end_of(ended) == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED")
            assert await refused(one) == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED")
            assert await refused(rig.connect(lost)) == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED")
            await call(other)
            assert not going.done()
            rig.folder.path("revoked.pem").unlink()  # a list that is gone revokes nothing less
            await until(lambda: "tls_certificate" in rig.alarms.standing)
            assert await refused(one) == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED")
            going.cancel()

    run(main())


def test_clients_of_a_ca_that_is_not_trusted_any_more_are_out_on_connections_that_stand(tmp_path: Path) -> None:
    old, new = Plant("old"), Plant("new")

    async def main() -> None:
        async with on_the_network(tmp_path, ROLES, plant=old) as rig:
            before = rig.connect(old.issue(PLC_3))
            stream = watch(before)
            await stream.read()
            rig.folder.write("ca.pem", old.ca_pem + new.ca_pem)  # both for a while
            await until(lambda: len(rig.door.files.authorities.certificates) == 2)
            after = rig.connect(new.issue(PLC_3), old.ca_pem)
            await call(before)
            await call(after)
            rig.folder.write("ca.pem", new.ca_pem)
            assert await end_of(stream) == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED")
            assert await refused(before) == ("UNAUTHENTICATED", "CERTIFICATE_REVOKED")
            assert await refused(rig.connect(old.issue(PLC_3), old.ca_pem)) == ("UNAVAILABLE", "")
            await call(after)

    run(main())

"""The port of the agent: who comes in with which certificate, and what for."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from agent.api.roles import NEEDS
from agent.client import AgentClient
from agent.domain.access import Role
from agent.errors import Refused
from agent.pb.ofa_agent.v1 import control_pb2
from tests.api.harness import run
from tests.api.tls_rig import GET_STATUS, TlsRig, call, end_of, on_the_network, refused, watch
from tests.support.plant import DAY_S, HOUR_S, PLC_3, SERVER, Issued, Plant

ROLES = {PLC_3: Role.CONTROL, "spiffe://plant/eng/*": Role.ADMIN, "spiffe://plant/*": Role.READ}
SET_BUDGET = "/ofa_agent.v1.ControlService/SetBudget"


def set_budget(ttl_s: int = 60) -> bytes:
    request = control_pb2.SetBudgetRequest()
    request.budget.max_latency_ms = 50.0
    if ttl_s:
        request.ttl.FromSeconds(ttl_s)
    return request.SerializeToString()


def test_a_client_with_a_role_is_let_in_and_goes_by_its_uri(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            plc = rig.connect(rig.plant.issue(PLC_3))
            await call(plc)
            await call(plc, SET_BUDGET, set_budget())
            assert rig.control.calls[-1][:2] == ("set_budget", PLC_3)
            assert await refused(plc, SET_BUDGET, set_budget(ttl_s=0)) == ("PERMISSION_DENIED", "ROLE_TOO_LOW")
            async with AgentClient(rig.socket, name="eng") as local:
                await local.get_status()  # the machine's own clients come in as before

    run(main())


def test_a_client_without_a_certificate_that_is_right_reaches_nothing(tmp_path: Path) -> None:
    other = Plant("other")

    def wrong(plant: Plant) -> dict[str, grpc.ChannelCredentials]:
        issued: dict[str, Issued] = {
            "of another CA": other.issue(PLC_3),
            "expired": plant.issue(PLC_3, begins_s=-DAY_S, ends_s=-1),
            "not yet valid": plant.issue(PLC_3, begins_s=HOUR_S),
            "self-signed": plant.issue(PLC_3, self_signed=True),
            "of a server": plant.issue(PLC_3, usage=SERVER),
        }
        ca = plant.ca_pem
        return {"none": grpc.ssl_channel_credentials(ca), **{name: one.channel(ca) for name, one in issued.items()}}

    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            found = {name: await refused(rig.own(one)) for name, one in wrong(rig.plant).items()}
            plain = grpc.aio.insecure_channel(rig.address)
            rig.channels.append(plain)
            found["without TLS"] = await refused(plain)
            assert set(found.values()) == {("UNAVAILABLE", "")}, found
            assert rig.control.calls == []
            assert rig.door.seen is None  # no call of any of them came so far
            await call(rig.connect(rig.plant.issue(PLC_3)))

    run(main())


def test_a_server_of_another_plant_is_not_taken_for_the_agent(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            assert await refused(rig.connect(rig.plant.issue(PLC_3), Plant("other").ca_pem)) == ("UNAVAILABLE", "")

    run(main())


FLAWED = {
    "no name": ((), ()),
    "two URIs": ((PLC_3, "spiffe://plant/plc-4"), ()),
    "the same URI twice": ((PLC_3, PLC_3), ()),
    "a host that spells a URI": ((), (x509.DNSName(PLC_3),)),
    "a mail address that spells a URI": ((), (x509.RFC822Name(PLC_3),)),
    "a URI cut off by a zero": ((f"{PLC_3}\0.evil",), ()),
    "a URI that ends in a line": ((f"{PLC_3}\n",), ()),
    "a URI with a blank": ((f"{PLC_3} ",), ()),
    "a URI with the name of a program": ((f"{PLC_3}#gateway",), ()),
    "a URI that is too long": ((f"spiffe://plant/{'x' * 82}",), ()),
    "no scheme": (("plc-3",), ()),
}


def test_a_certificate_with_any_other_name_than_one_uri_is_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, {**ROLES, "spiffe://plant/*": Role.ADMIN}) as rig:
            found, said = {}, {}
            for what, (uris, names) in FLAWED.items():
                found[what] = await refused(rig.connect(rig.plant.issue(*uris, names=names)))
                said[what] = (rig.door.seen or {}).get("peer_uri")
            assert set(found.values()) == {("PERMISSION_DENIED", "NO_ROLE")}, found
            # What the transport says is another matter: cut off at the zero it is the name of somebody else.
            assert said["a URI cut off by a zero"] == [PLC_3.encode()]
            assert said["two URIs"] == [PLC_3.encode(), b"spiffe://plant/plc-4"]
            await call(rig.connect(rig.plant.issue(PLC_3, names=(x509.DNSName("plc-3.plant"),), usage=None)))

    run(main())


def test_each_call_is_refused_to_every_role_below_the_one_that_it_needs(tmp_path: Path) -> None:
    roles = {f"spiffe://plant/{role.value}": role for role in Role if role is not Role.NONE}

    async def main() -> None:
        async with on_the_network(tmp_path, roles) as rig:
            for role in Role:
                channel = rig.connect(rig.plant.issue(f"spiffe://plant/{role.value}"))
                reason = "NO_ROLE" if role is Role.NONE else "ROLE_TOO_LOW"
                for method, needed in NEEDS.items():
                    if not role.covers(needed):
                        service, _, name = method.rpartition(".")
                        assert await refused(channel, f"/{service}/{name}") == ("PERMISSION_DENIED", reason), method
            assert rig.control.calls == []

    run(main())


def test_an_exact_uri_beats_a_pattern_and_the_longest_pattern_the_others(tmp_path: Path) -> None:
    audit = "/ofa_agent.v1.StatusService/ListAuditEntries"

    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            found = {}
            for name in ("plc-3", "plc-4", "eng/anna"):
                channel = rig.connect(rig.plant.issue(f"spiffe://plant/{name}"))
                found[name] = [
                    (await refused(channel, path, body))[0]
                    for path, body in ((GET_STATUS, b""), (SET_BUDGET, set_budget()), (audit, b""))
                ]
            assert found == {
                "plc-3": ["OK", "OK", "PERMISSION_DENIED"],
                "plc-4": ["OK", "PERMISSION_DENIED", "PERMISSION_DENIED"],
                "eng/anna": ["OK", "OK", "OK"],
            }

    run(main())


def test_no_tls_older_than_1_2_is_spoken(tmp_path: Path) -> None:
    async def version(rig: TlsRig, issued: Issued, most: ssl.TLSVersion) -> str | None:
        context = rig.tls(issued)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the versions that are tried
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
        context.set_ciphers("ALL:@SECLEVEL=0")  # else this side would refuse first
        _, writer = await asyncio.open_connection("127.0.0.1", rig.door.port, ssl=context, server_hostname="localhost")
        spoken: ssl.SSLObject = writer.get_extra_info("ssl_object")
        writer.transport.abort()
        return spoken.version()

    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            issued = rig.plant.issue(PLC_3)
            assert await version(rig, issued, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
            assert await version(rig, issued, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
            for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
                with pytest.raises((ssl.SSLError, ConnectionError)):  # the alert, or the end behind it
                    await version(rig, issued, old)

    run(main())


def test_a_role_that_is_taken_away_ends_what_goes_on_and_refuses_the_rest(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            plc, other = (rig.connect(rig.plant.issue(f"spiffe://plant/{name}")) for name in ("plc-3", "plc-4"))
            stream, kept = watch(plc), watch(other)
            await stream.read()
            await kept.read()
            rig.door.take(rig.door.files, {"spiffe://plant/plc-4": Role.READ})
            assert await end_of(stream) == ("PERMISSION_DENIED", "NO_ROLE")
            assert await refused(plc) == ("PERMISSION_DENIED", "NO_ROLE")
            await call(other)
            assert not kept.done()
            kept.cancel()

    run(main())


def test_a_certificate_that_ends_while_its_connection_lasts_ends_what_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            plc = rig.connect(rig.plant.issue(PLC_3, ends_s=HOUR_S))
            stream = watch(plc)
            await stream.read()
            rig.clock.ahead_s = HOUR_S + 60
            assert await end_of(stream) == ("UNAUTHENTICATED", "CERTIFICATE_EXPIRED")
            assert await refused(plc) == ("UNAUTHENTICATED", "CERTIFICATE_EXPIRED")
            rig.clock.ahead_s = -2 * HOUR_S  # a clock that is set back: its time has not come
            assert await refused(plc) == ("UNAUTHENTICATED", "CERTIFICATE_EXPIRED")
            rig.clock.ahead_s = 0.0
            await call(plc)

    run(main())


def test_an_address_that_is_taken_is_told_by_its_key(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_the_network(tmp_path, ROLES) as rig:
            second = type(rig.door)(f"127.0.0.1:{rig.door.port}", rig.door.files, {}, rig.clock, rig.alarms)
            server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
            with pytest.raises(Refused, match=r"^api\.tcp\.listen: 127\.0\.0\.1:\d+ is in use by another program"):
                second.bind(server)
            await server.stop(0)

    run(main())

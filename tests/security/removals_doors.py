"""How the controls at the doors are taken away; see tests.security.removals."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tests.security.stand_ins import Put, nothing, value, without_options


def _asks_nobody(real: Any) -> Any:
    import grpc

    def configuration(self: Any) -> Any:
        pair = self._files.pair
        self._offered = (pair, self._files.authorities)
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)], None)

    return configuration


def _first_name(real: Any) -> Any:
    def name(*arguments: Any) -> Any:
        uri, _ = real(*arguments)
        return (uri or "spiffe://plant/plc-3"), ""

    return name


def _by_any_pattern(real: Any) -> Any:
    from agent.domain.access import Role

    def role_of(uri: str, roles: Mapping[str, Role]) -> Role:
        keys = sorted((key for key in roles if key == uri or uri.startswith(key.rstrip("*"))), key=len)
        fitting = [roles[key] for key in keys]
        return fitting[0] if fitting else Role.NONE

    return role_of


def _read_by_all(real: Any) -> Any:
    return lambda key, path, *_, **__: Path(path).read_bytes()


def _admin(real: Any) -> Any:
    from agent.domain.access import Role

    return lambda self, *_, **__: Role.ADMIN


def _anybody(real: Any) -> Any:
    from agent.api.access import Who
    from agent.domain.access import Role

    return lambda self, peer, auth: Who("root", peer, Role.ADMIN, local=True)


def _any_headers(real: Any) -> Any:
    wide = {"grpc.max_metadata_size": 1 << 26, "grpc.absolute_max_metadata_size": 1 << 27}
    return lambda self: [*((name, given) for name, given in real(self) if name not in wide), *wide.items()]


def _forgets(real: Any) -> Any:
    """What cannot be used takes the place of what can."""

    def look(self: Any, *arguments: Any, **named: Any) -> Any:
        found = real(self, *arguments, **named)
        if getattr(self, "problem", ""):
            self.value = None
        return found

    return look


def _each_its_own(real: Any) -> Any:
    import secrets

    return lambda host: secrets.token_hex()


def _client_alone(real: Any) -> Any:
    return lambda self, caller: real(self, caller)[:1]


REMOVALS: Mapping[str, Put] = {
    "no-certificate": _asks_nobody,
    "nameless-certificate": _first_name,
    "revoked": value(lambda self, issuer, serial: False),
    "other-ca": nothing,
    "expired": nothing,
    "forged-list": nothing,
    "wider-pattern": _by_any_pattern,
    "role-taken-away": nothing,
    "key-for-all": _read_by_all,
    "broken-rotation": _forgets,
    "flood-of-calls": nothing,
    "thousand-names": value(1 << 40),
    "no-local-role": _admin,
    "inner-socket": _anybody,
    "connection-storm": value(lambda self, pace: ""),
    "socket-taken": value(lambda path: False),
    "socket-open-to-all": value(lambda mode: nullcontext()),
    "slow-greeting": without_options("grpc.server_handshake_timeout_ms"),
    "half-a-handshake": without_options("grpc.server_handshake_timeout_ms"),
    "header-bomb": _any_headers,
    "machine-takes-places": _each_its_own,
    "flood-of-refusals": nothing,
    "flees-the-pause": _client_alone,
}

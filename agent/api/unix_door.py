"""The agent's unix socket: who may open it is at the machine itself."""

from __future__ import annotations

from pathlib import Path

import grpc

from agent.api import socket_path
from agent.api.access import Auth, Who
from agent.domain.access import Role
from agent.errors import BadInput


class UnixDoor:
    """See agent.api.access.Door."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._bound: tuple[int, int] | None = None

    def __str__(self) -> str:
        return str(self._path)

    def bind(self, server: grpc.aio.Server) -> None:
        """Raises BadInput for a path that cannot be bound, Refused where another process serves it."""
        socket_path.claim(self._path)
        try:
            with socket_path.created_with_mode():
                server.add_insecure_port(f"unix:{self._path.absolute()}")
        except RuntimeError as exc:
            raise BadInput("api.unix_socket", f"{self._path} cannot be bound ({exc})") from exc
        self._bound = socket_path.identity(self._path)

    async def open(self) -> None:
        """Nothing to do: gRPC accepts by itself."""

    async def close(self) -> None:
        """Nothing to do: gRPC stops accepting by itself."""

    async def remove(self) -> None:
        """Remove the socket, unless it is another's by now."""
        if self._bound is not None and socket_path.identity(self._path) == self._bound:
            self._path.unlink(missing_ok=True)
        self._bound = None

    def who(self, peer: str, auth: Auth) -> Who | None:  # noqa: ARG002
        return Who("", "unix", Role.ADMIN, local=True) if peer.startswith("unix") else None

"""Sockets that clients come in by."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence

from agent.logs import event, logger

ACCEPTED_AT_ONCE = 8  # in one turn of the event loop; each takes about 0.2 ms
PAUSE_S = 0.1  # where there is no descriptor for a client; those who wait are let in later

_log = logger("api")


class Listening:
    """Owner of listening sockets that do not block. `arrived` gets each client's; `where` is said in the log."""

    def __init__(self, sockets: Sequence[socket.socket], where: str, arrived: Callable[[socket.socket], None]) -> None:
        self._sockets = list(sockets)
        self._where = where
        self._arrived = arrived
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._short = False

    def open(self) -> None:
        """Take those in who wait already, and all others from now on."""
        for one in self._sockets:
            asyncio.get_running_loop().add_reader(one, self._accept, one)

    def close(self) -> None:
        """Take nobody in any more; idempotent, also where it was never opened."""
        sockets, self._sockets = self._sockets, []
        for pause in self._pauses.values():
            pause.cancel()
        self._pauses.clear()
        for one in sockets:
            asyncio.get_running_loop().remove_reader(one)
            one.close()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                client, _ = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._wait(listener, error)
                return
            if self._short:
                self._short = False
                event(_log, logging.INFO, "connections_accepted_again", path=self._where)
            client.setblocking(False)
            self._arrived(client)

    def _wait(self, listener: socket.socket, error: OSError) -> None:
        """No descriptor or no memory for a client: try again soon, and do not spin until then."""
        if not self._short:
            self._short = True
            event(_log, logging.ERROR, "connections_wait", path=self._where, error=str(error))
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        self._pauses[listener] = loop.call_later(PAUSE_S, self._listen_again, listener)

    def _listen_again(self, listener: socket.socket) -> None:
        del self._pauses[listener]
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

"""A unix-socket server with a thread for each connection, bounded in its end."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from agent.errors import BadInput

_JOIN_S = 5.0


class UnixServer:
    """Accepts on `path` and calls `serve(connection)` in a thread each. `close` is idempotent and joins them all."""

    def __init__(self, path: Path, serve: Callable[[socket.socket], None]) -> None:
        self._path, self._serve = path, serve
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._closed = False
        self._listener = _listen(path)
        self._acceptor = threading.Thread(target=self._accept, name=f"accept {path.name}")
        self._acceptor.start()

    def close(self) -> None:
        """Stop accepting, shut every connection and remove the socket file."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            connections = list(self._connections)
        with contextlib.suppress(OSError):
            self._path.unlink()
        # A shutdown wakes accept; closing alone would not on Linux.
        for connection in [self._listener, *connections]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(_JOIN_S)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(_JOIN_S)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connection,), name=f"serve {self._path.name}")
            with self._lock:
                if self._closed:
                    connection.close()
                    return
                self._connections.add(connection)
                self._threads.add(thread)
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        try:
            # A peer that dies in the middle of a message is an ordinary end.
            with connection, contextlib.suppress(ConnectionError, TimeoutError):
                self._serve(connection)
        finally:
            with self._lock:
                self._connections.discard(connection)
                self._threads.discard(threading.current_thread())


def _listen(path: Path) -> socket.socket:
    """Bind `path`, over the file of a server that died; refuses where one lives."""
    if path.exists():
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(os.fspath(path))
            except OSError:
                path.unlink()
            else:
                raise BadInput("socket", f"{path} is served already, choose another or stop that server")
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(os.fspath(path))
        listener.listen(16)
    except OSError:
        listener.close()
        raise
    return listener

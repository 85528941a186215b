"""The channel that calls go over; over TLS another one as soon as the certificate's files are others."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc

from agent.client.tls import Stamp, TlsFiles
from agent.errors import BadInput
from agent.logs import event, logger

_log = logger("client")


class _Line:
    """One channel and what is under way on it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self._calls = 0
        self._streams: list[grpc.aio.UnaryStreamCall[Any, Any]] = []

    @contextmanager
    def call(self) -> Iterator[grpc.aio.Channel]:
        self._calls += 1
        try:
            yield self.channel
        finally:
            self._calls -= 1

    def streaming(self, call: grpc.aio.UnaryStreamCall[Any, Any]) -> None:
        self._streams = [one for one in self._streams if not one.done()] + [call]

    @property
    def busy(self) -> bool:
        return self._calls > 0 or not all(one.done() for one in self._streams)


class Channels:
    """Owner of the channels to one target; for one event loop.

    Files that changed are taken at the next call: it gets a channel of its own, and the one before ends when all that
    was under way on it has ended. Files that do not fit together (one copied, the other not yet) are not taken.
    """

    def __init__(self, target: str, options: Sequence[tuple[str, Any]], tls: TlsFiles | None) -> None:
        self._target = target
        self._options = [*options, *(tls.options() if tls is not None else ())]
        self._tls = tls
        self._stamp: Stamp | None = None  # of the files in use
        self._doubted: Stamp | None = None  # of files that were told to be no use
        self._line: _Line | None = None
        self._before: list[_Line] = []

    @contextmanager
    def call(self) -> Iterator[grpc.aio.Channel]:
        """The channel for one call. Raises BadInput for files of TLS that cannot be used."""
        with self._now().call() as channel:
            yield channel

    def current(self) -> grpc.aio.Channel:
        """The channel as it is now, for calls that are not counted: other files end it under them. Raises as `call`."""
        return self._now().channel

    def stream(self, path: str, serialize: Any, deserialize: Any, request: Any) -> Any:
        """Open a stream: a grpc.aio.UnaryStreamCall. Raises as `call`."""
        line = self._now()
        call: Any = line.channel.unary_stream(path, serialize, deserialize)(request)
        line.streaming(call)
        return call

    async def tidy(self) -> None:
        """End the channels that nobody needs any more."""
        done = [line for line in self._before if not line.busy]
        self._before = [line for line in self._before if line not in done]
        for line in done:
            await line.channel.close(None)

    async def close(self) -> None:
        """Cancel what is under way and disconnect; idempotent."""
        lines = [*self._before, *([] if self._line is None else [self._line])]
        self._before, self._line = [], None
        for line in lines:
            await line.channel.close(None)

    def _now(self) -> _Line:
        if self._tls is None:
            self._line = self._line or _Line(grpc.aio.insecure_channel(self._target, options=self._options))
            return self._line
        stamp = self._tls.stamp()
        if self._line is not None and stamp == self._stamp:
            return self._line
        try:
            made = _Line(self._secured(self._tls))
        except BadInput as error:
            if self._line is None:
                raise
            if stamp != self._doubted:
                event(_log, logging.WARNING, "certificate_not_taken", error=error)
            self._doubted = stamp
            return self._line
        if self._line is not None:
            self._before.append(self._line)
            event(_log, logging.INFO, "certificate_taken", cert=self._tls.cert)
        self._line, self._stamp, self._doubted = made, stamp, None
        return made

    def _secured(self, tls: TlsFiles) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(self._target, tls.credentials(), options=self._options)

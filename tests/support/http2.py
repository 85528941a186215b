"""Clients that speak half of HTTP/2, over a bare socket: what no gRPC library would do.

Frames are those of RFC 9113 section 4, headers literals without indexing (RFC 7541 section 6.2.2).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
FIRST_WINDOW_BYTES = 65_535  # of a stream and of the connection, until the receiver gives more


@dataclass(frozen=True, slots=True)
class Frame:
    """What one side tells the other."""

    kind: int
    flags: int
    stream: int
    body: bytes = b""

    def encoded(self, length: int | None = None) -> bytes:
        """Its bytes; `length` in place of the true one."""
        size = len(self.body) if length is None else length
        head = size.to_bytes(3, "big") + bytes((self.kind, self.flags)) + self.stream.to_bytes(4, "big")
        return head + self.body


def frames(data: bytes) -> Iterator[Frame]:
    """The whole frames in `data`."""
    place = 0
    while len(data) - place >= 9:
        end = place + 9 + int.from_bytes(data[place : place + 3], "big")
        if end > len(data):
            return
        stream = int.from_bytes(data[place + 5 : place + 9], "big")
        yield Frame(data[place + 3], data[place + 4], stream, data[place + 9 : end])
        place = end


def message(body: bytes, length: int | None = None) -> bytes:
    """A gRPC message; `length` in place of the true one."""
    return b"\0" + (len(body) if length is None else length).to_bytes(4, "big") + body


def call_frames(path: str, stream: int, body: bytes = b"", *, ends: bool = True) -> bytes:
    """A whole call with one request."""
    pairs = ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"))
    more = (("te", "trailers"), ("content-type", "application/grpc"))
    head = b"".join(b"\0" + _literal(name) + _literal(value) for name, value in (*pairs, *more))
    opened = Frame(HEADERS, END_HEADERS, stream, head).encoded()
    return opened + Frame(DATA, END_STREAM if ends else 0, stream, message(body)).encoded()


def window(stream: int, increment: int) -> bytes:
    """Leave for so many bytes more."""
    return Frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big")).encoded()


HELLO = PREFACE + Frame(SETTINGS, 0, 0).encoded()


@dataclass
class HalfClient:
    """One connection; nothing is answered but what the test says."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: bytearray = field(default_factory=bytearray)

    @classmethod
    async def connect(cls, path: Path, hello: bytes = HELLO) -> HalfClient:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 24)
        client = cls(reader, writer)
        client.say(hello)
        return client

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self, kind: int, stream: int = 0, flags: int = 0) -> Frame:
        """The first frame of that kind, stream and flags, heard already or still to come."""
        while True:
            for frame in frames(bytes(self.heard)):
                if (frame.kind, frame.stream) == (kind, stream) and frame.flags & flags == flags:
                    return frame
            data = await self.reader.read(1 << 16)
            if not data:
                raise ConnectionResetError("the server hung up")
            self.heard += data

    async def hung_up(self) -> None:
        """Read until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def _literal(text: str) -> bytes:
    data = text.encode("ascii")
    if len(data) >= 127:
        raise ValueError(f"{text!r}: 127 bytes and more need a longer length")
    return bytes((len(data),)) + data

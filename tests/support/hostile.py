"""What hostile clients say: bytes of HTTP/2 that no gRPC library would send, each by a name that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from tests.support.http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    HELLO,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Frame,
    HalfClient,
    call_frames,
    frames,
    window,
)

STATUS = "/ofa_agent.v1.StatusService/"
CONTROL = "/ofa_agent.v1.ControlService/"
GET_STATUS = STATUS + "GetStatus"
# The beginning of a TLS ClientHello: a record that promises 512 bytes and brings five.
HALF_HELLO = b"\x16\x03\x01\x02\x00" + b"\x01\x00\x01\xfc\x03"
CANCEL = (8).to_bytes(4, "big")


class Hostile(HalfClient):
    """Goes without a word."""

    async def close(self) -> None:
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()


class Ends:
    """Counts the calls that end on a connection, and says what the server has to hear so that it goes on."""

    def __init__(self, client: Hostile) -> None:
        self._client = client
        self._rest = b""

    async def heard(self) -> int:
        """How many have ended since the last time, at least one. Raises EOFError at the connection's end."""
        while True:
            data = await self._client.reader.read(1 << 16)
            if not data:
                raise EOFError
            ended = self._ended(self._rest + data)
            if ended:
                return ended

    def _ended(self, data: bytes) -> int:
        ended, place = 0, 0
        while len(data) - place >= 9:
            end = place + 9 + int.from_bytes(data[place : place + 3], "big")
            if end > len(data):
                break
            kind, flags = data[place + 3], data[place + 4]
            if kind == GOAWAY:
                raise EOFError
            if kind in (PING, SETTINGS) and not flags & ACK:
                self._client.say(Frame(kind, ACK, 0, data[place + 9 : end] if kind == PING else b"").encoded())
            ended += kind == RST_STREAM or (kind == HEADERS and bool(flags & END_STREAM))
            place = end
        self._rest = data[place:]
        return ended


def indexed_headers(path: str, size: int, times: int, stream: int = 1) -> bytes:
    """A call whose header block names one long header, kept in the table, so many times by its number (RFC 7541)."""
    opened = call_frames(path, stream)
    (head, _) = frames(opened)
    name = b"x-a"
    long = b"\x40" + bytes((len(name),)) + name + b"\x7f" + _rest(size - 127) + b"v" * size
    bomb = Frame(HEADERS, END_HEADERS, stream, head.body + long + b"\xbe" * times)
    return bomb.encoded() + opened[9 + len(head.body) :]


def _rest(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def opened_and_reset(first: int, count: int) -> bytes:
    """So many streams from that one on, each reset as soon as it is opened."""
    return b"".join(
        call_frames(STATUS + "WatchStatus", stream) + Frame(RST_STREAM, 0, stream, CANCEL).encoded()
        for stream in range(first, first + 2 * count, 2)
    )


def calls(name: str, count: int) -> bytes:
    """So many calls of a method of StatusService, without a message in them."""
    return b"".join(call_frames(STATUS + name, stream) for stream in range(1, 2 * count, 2))


SETTING = Frame(SETTINGS, 0, 0, b"\0\x03\0\0\0\x64").encoded()
SAYINGS: Mapping[str, bytes] = {
    "sends headers that never end": HELLO
    + Frame(HEADERS, 0, 1, b"").encoded()
    + Frame(CONTINUATION, 0, 1, b"\0" * 100).encoded() * 2000,
    "sends empty continuations": HELLO
    + Frame(HEADERS, 0, 1, b"").encoded()
    + Frame(CONTINUATION, 0, 1).encoded() * 5000,
    "opens streams and resets them at once": HELLO + opened_and_reset(1, 500),
    "floods with settings": HELLO + SETTING * 5000,
    "floods with pings": HELLO + Frame(PING, 0, 0, b"12345678").encoded() * 5000,
    "gives windows beyond all bounds": HELLO + call_frames(GET_STATUS, 1) + window(0, 0x7FFFFFFF) * 20,
    "gives windows of nothing": HELLO + call_frames(GET_STATUS, 1) + window(1, 0) * 20 + window(0, 0),
    "takes nothing": PREFACE + Frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0").encoded() + calls("WatchResults", 60),
    "sends data to streams that are not": HELLO + Frame(DATA, 0, 99, b"x" * 1000).encoded() * 50,
    "depends on itself": HELLO + Frame(2, 0, 1, b"\0\0\0\x01\xff").encoded() * 500,
    "sends garbage": HELLO + bytes(range(256)) * 64,
    "speaks HTTP/1": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "sends headers that grow": HELLO + indexed_headers(GET_STATUS, 3000, 6000),
    "announces a message of 4 GB": HELLO
    + call_frames(GET_STATUS, 1, ends=False)[:-5]
    + Frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" + b"z" * 1000).encoded(),
}

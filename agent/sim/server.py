"""The device process: one simulated camera behind a unix socket, in real time.

    python -m agent.sim.server --socket S [--spec FILE.json]

It admits one host. A closed control connection is the host's death: acquisition stops, an open file stays open,
registers and the DDR network stay. Inferences are computed ahead, while nothing is due, not on the delivery path.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import mmap
import os
import secrets
import signal
import socket
import struct
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from agent.clock import SystemClock
from agent.errors import AgentError, BadInput
from agent.sim.chunks import Frame, FrameSettings, LinkBusy, LinkGone, TransferFailed
from agent.sim.device import Firefly
from agent.sim.link import LocalLink
from agent.sim.plant import PlantServer
from agent.sim.scene import HEIGHT_PX, WIDTH_PX
from agent.sim.spec import SimulationSpec
from agent.sim.unix_server import UnixServer
from agent.sim.vpu import warm_up
from agent.sim.wire import Op, Status, pack_event, pack_frame, receive, send, status_of

_FRAME_BYTES = WIDTH_PX * HEIGHT_PX * 2
# More than a host can have buffers (StreamBufferCountMax).
_FRAMES_KEPT = 1024
# How often the look-ahead looks while frames come; far below any service time.
_AHEAD_S = 0.004


class _Session:
    """One admitted host: its link, and the frames whose pixels it may still ask for."""

    def __init__(self, device: Firefly) -> None:
        self.token = secrets.token_hex(8)
        self.link = LocalLink(device)
        self.said_goodbye = False
        self._lock = threading.Lock()
        self._frames: OrderedDict[int, Frame] = OrderedDict()

    def keep(self, frame: Frame) -> None:
        with self._lock:
            self._frames[frame.token] = frame
            while len(self._frames) > _FRAMES_KEPT:
                self._frames.popitem(last=False)

    def frame(self, token: int) -> Frame:
        with self._lock:
            if token not in self._frames:
                raise TransferFailed(f"frame {token} is gone, the last {_FRAMES_KEPT} are kept")
            return self._frames[token]


class DeviceServer:
    """Serves one device on a socket, and its plant on the socket with `.plant` added."""

    def __init__(self, path: Path, device: Firefly, on_shutdown: Callable[[], None]) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._stopping = threading.Event()
        self._activity = device.listen()
        self._server = UnixServer(path, self._serve)
        try:
            self._plant = PlantServer(plant_path(path), device, on_shutdown)
        except (OSError, AgentError):
            self._server.close()
            raise
        self._ahead = threading.Thread(target=self._infer_ahead, name="infer ahead")
        self._ahead.start()

    def close(self) -> None:
        """Disconnect everybody and end all threads."""
        self._stopping.set()
        self._activity.set()
        session = self._session
        if session is not None:
            session.link.abort_stream()
            session.link.abort_events()
        self._plant.close()
        self._server.close()
        self._ahead.join()
        self._device.unlisten(self._activity)

    def _infer_ahead(self) -> None:
        warm_up()
        while not self._stopping.is_set():
            for inference in self._device.unresolved():
                inference.outcome()
            self._activity.clear()
            self._activity.wait(_AHEAD_S if self._device.streaming() else 1.0)

    # -- connections -----------------------------------------------------------------------------------------------

    def _serve(self, connection: socket.socket) -> None:
        message = receive(connection)
        if message is None or message[0] != Op.HELLO:
            return
        greeting = json.loads(message[1])
        roles = {
            "probe": self._serve_probe,
            "control": self._serve_control,
            "stream": self._serve_stream,
            "pixels": self._serve_pixels,
            "events": self._serve_events,
        }
        try:
            roles[greeting["role"]](connection, str(greeting.get("token", "")))
        except AgentError as exc:
            send(connection, status_of(exc), str(exc).encode())
        except (KeyError, ValueError, TypeError, struct.error) as exc:
            send(connection, Status.FAILED, f"malformed request: {exc!r}".encode())

    def _serve_probe(self, connection: socket.socket, _token: str) -> None:
        info = self._device.info()
        if info is None:
            raise LinkGone(f"camera {self._device.spec.serial} is not on the bus")
        answer = dataclasses.asdict(info)
        send(connection, Status.OK, json.dumps(answer).encode())

    def _serve_control(self, connection: socket.socket, _token: str) -> None:
        session = self._admit()
        try:
            send(connection, Status.OK, json.dumps({"token": session.token}).encode())
            self._answer(connection, lambda op, payload: self._control(session, op, payload))
        finally:
            # The host closed or died (a killed process closes its sockets).
            if not session.said_goodbye:
                self._device.host_died()
            session.link.close()  # before the next host is let in: it stops the acquisition
            with self._lock:
                self._session = None

    def _admit(self) -> _Session:
        with self._lock:
            if self._session is not None:
                raise LinkBusy(f"camera {self._device.spec.serial} is in use by another host, close it there first")
            self._session = _Session(self._device)  # asks the camera, which may be unplugged
            return self._session

    def _serve_stream(self, connection: socket.socket, token: str) -> None:
        session = self._find(token)
        send(connection, Status.OK, b"{}")
        known: list[FrameSettings | None] = [None]
        self._answer(connection, lambda op, payload: _next_frame(session, op, payload, known))

    def _serve_events(self, connection: socket.socket, token: str) -> None:
        session = self._find(token)
        send(connection, Status.OK, b"{}")
        self._answer(connection, lambda op, payload: _next_event(session, op, payload))

    def _serve_pixels(self, connection: socket.socket, token: str) -> None:
        session = self._find(token)
        send(connection, Status.OK, b"{}")
        descriptor = os.memfd_create("firefly-pixels", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, _FRAME_BYTES)
            socket.send_fds(connection, [b"\0"], [descriptor])
            with mmap.mmap(descriptor, _FRAME_BYTES) as memory:
                self._answer(connection, lambda op, payload: self._images(session, op, payload, memory))
        finally:
            os.close(descriptor)

    def _find(self, token: str) -> _Session:
        with self._lock:
            if self._session is None or self._session.token != token:
                raise LinkGone("session is over, open the camera again")
            return self._session

    def _answer(self, connection: socket.socket, handle: Callable[[Op, bytes], tuple[Status, bytes]]) -> None:
        """Requests and answers until the connection ends."""
        while (message := receive(connection)) is not None:
            try:
                status, payload = handle(Op(message[0]), message[1])
            except AgentError as exc:
                status, payload = status_of(exc), str(exc).encode()
            send(connection, status, payload)

    # -- requests --------------------------------------------------------------------------------------------------

    def _control(self, session: _Session, op: Op, payload: bytes) -> tuple[Status, bytes]:
        link, answer = session.link, b""
        if op is Op.READ:
            answer = link.read(*struct.unpack("<QI", payload))
        elif op is Op.WRITE:
            link.write(struct.unpack_from("<Q", payload)[0], payload[8:])
        elif op is Op.CONFIGURE:
            link.configure_stream(**json.loads(payload))
        elif op is Op.BEGIN:
            link.begin_stream()
        elif op is Op.ABORT:
            link.abort_stream()
        elif op is Op.BEGIN_EVENTS:
            answer = struct.pack("<I", link.begin_events())
        elif op is Op.ABORT_EVENTS:
            link.abort_events()
        elif op is Op.BYE:
            session.said_goodbye = True
        elif op is Op.ALIVE and not link.is_alive():
            raise LinkGone("camera left the bus")
        link.settle()
        return Status.OK, answer

    def _images(self, session: _Session, op: Op, payload: bytes, memory: mmap.mmap) -> tuple[Status, bytes]:
        """What concerns images and their buffers: nothing here costs a transfer to the camera."""
        if op is Op.RETURN:
            session.link.return_buffers(*struct.unpack("<I", payload))
            return Status.OK, b""
        if op is Op.COUNTS:
            return Status.OK, json.dumps(dataclasses.asdict(session.link.stream_counts())).encode()
        if op is not Op.PIXELS:
            raise TransferFailed(f"{op.name} on the pixel connection")
        pixels = self._device.pixels(session.frame(struct.unpack("<Q", payload)[0]))
        memory[: pixels.nbytes] = pixels.tobytes()
        return Status.OK, struct.pack("<III", pixels.shape[0], pixels.shape[1], pixels.itemsize)


def _next_frame(session: _Session, op: Op, payload: bytes, known: list[FrameSettings | None]) -> tuple[Status, bytes]:
    if op is not Op.NEXT:
        raise TransferFailed(f"{op.name} on the stream connection")
    frame = session.link.next_frame(struct.unpack("<d", payload)[0])
    if frame is None:
        return Status.EMPTY, b""
    session.keep(frame)
    packed = pack_frame(frame, known[0])
    known[0] = frame.settings
    return Status.OK, packed


def _next_event(session: _Session, op: Op, payload: bytes) -> tuple[Status, bytes]:
    if op is not Op.EVENT:
        raise TransferFailed(f"{op.name} on the event connection")
    event = session.link.next_event(*struct.unpack("<Id", payload))
    return (Status.EMPTY, b"") if event is None else (Status.OK, pack_event(event))


def plant_path(path: Path) -> Path:
    """Socket of the plant that belongs to the camera at `path`."""
    return path.with_name(path.name + ".plant")


def serve(path: Path, spec: SimulationSpec, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM, SIGINT or a plant's shutdown; calls `announce("READY")` when hosts may come.

    Blocks the main thread and owns its signal handlers meanwhile.
    """
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server = DeviceServer(path, Firefly(spec, SystemClock()), stop.set)
        try:
            announce("READY")
            stop.wait()
        finally:
            server.close()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def main(arguments: list[str] | None = None) -> int:
    """Entry of the module; exit code 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m agent.sim.server", description="Simulated camera process.")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--spec", type=Path, help="JSON file with a simulation specification")
    options = parser.parse_args(arguments)
    try:
        spec = SimulationSpec.from_mapping(json.loads(options.spec.read_text()) if options.spec else {})
        serve(options.socket, spec, _announce)
    except (BadInput, OSError, ValueError) as exc:
        sys.stderr.write(f"{parser.prog}: {exc}\n")
        return 2
    return 0


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

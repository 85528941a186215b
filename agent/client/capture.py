"""Captures: labelled images of a camera, as an iterator of the client."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import anyio
import grpc

from agent.client.calls import Calls
from agent.client.errors import failure
from agent.client.values import optional_duration
from agent.client.watch import SILENCE_S
from agent.errors import DaemonUnreachable
from agent.pb.ofa_agent.v1 import capture_pb2


class ImageStream:
    """Async iterator over a capture's images; use as `async with client.capture_images(…) as images: async for …`.

    It raises what the capture ended with before its time, after the images until then; leaving the context ends it.
    `operation_name` is there once the daemon has answered; `taken`, `wanted` and `missed` are as of the last message.
    """

    def __init__(
        self, open_stream: Callable[[], grpc.aio.UnaryStreamCall[Any, Any]], target: str, silence_s: float = SILENCE_S
    ) -> None:
        self._open_stream = open_stream
        self._target = target
        self._silence_s = silence_s
        self._call: grpc.aio.UnaryStreamCall[Any, Any] | None = None
        self.operation_name = ""
        self.taken = 0
        self.wanted = 0
        self.missed = 0

    def __aiter__(self) -> ImageStream:
        return self

    async def __anext__(self) -> capture_pb2.CapturedImage:
        while True:
            message = await self._read()
            if message is None:
                raise StopAsyncIteration
            self.taken, self.wanted, self.missed = message.taken, message.wanted, message.missed
            if message.HasField("image"):
                return message.image
            self.operation_name = message.operation_name or self.operation_name

    async def __aenter__(self) -> ImageStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the capture; idempotent."""
        if self._call is not None:
            self._call.cancel()

    async def _read(self) -> capture_pb2.CaptureImagesResponse | None:
        """The next message; None after the last one."""
        if self._call is None:
            self._call = self._open_stream()
        try:
            with anyio.fail_after(self._silence_s):
                message: Any = await self._call.read()
        except grpc.aio.AioRpcError as exc:
            raise failure(exc, self._target) from exc
        except TimeoutError as exc:
            raise DaemonUnreachable(f"{self._target}: silent for {self._silence_s:g} s") from exc
        return message if isinstance(message, capture_pb2.CaptureImagesResponse) else None


class CaptureCalls(Calls):
    """Part of AgentClient."""

    def capture_images(
        self,
        label: str,
        count: int,
        camera: str = "",
        *,
        min_interval_s: float | None = None,
        timeout_s: float | None = None,
        request_id: str | None = None,
        client: str | None = None,
    ) -> ImageStream:
        """Take `count` images of what `label` says, at most one in `min_interval_s` on average (None: the daemon's
        default), until `timeout_s` from now (None: as it takes, with a margin). It is not opened anew where it breaks.
        """
        request = capture_pb2.CaptureImagesRequest(
            request_id=request_id or "",
            client=self._client(client),
            camera=camera,
            label=label,
            count=count,
            min_interval=optional_duration(min_interval_s, "min_interval_s"),
            timeout=optional_duration(timeout_s, "timeout_s"),
        )
        path = "/ofa_agent.v1.ControlService/CaptureImages"
        return ImageStream(lambda: self._stream(path, request, capture_pb2.CaptureImagesResponse), self.target)

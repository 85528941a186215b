"""Server reflection with the comments of the protos.

grpc_reflection answers from Python's own descriptors, which have lost the comments; the files of the agent's descriptor
set, which has them, are put in their place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from importlib import resources
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_reflection.v1alpha import reflection, reflection_pb2

from agent.api.access import Who
from agent.api.drain import Drain
from agent.api.gate import Context, Gate
from agent.api.serving import Handlers
from agent.api.stalls import Write

DESCRIBED = "grpc.reflection.v1alpha.ServerReflection"
NAMES = ("grpc.reflection.v1.ServerReflection", DESCRIBED)  # alike on the wire; only the older has a descriptor here


class Reflection:
    """Tells of `services` and of itself; answers to both of its names. Each client that asks is a stream of `gate`."""

    def __init__(self, services: Iterable[str], drain: Drain, gate: Gate) -> None:
        self._drain = drain
        self._gate = gate
        self._tables = reflection.aio.ReflectionServicer([*services, DESCRIBED])  # type: ignore[attr-defined]
        self._commented = {file.name: file.SerializeToString() for file in descriptor_set().file}

    def services(self) -> dict[str, Handlers]:
        """One service for each name."""
        method = grpc.stream_stream_rpc_method_handler(
            self.answers, reflection_pb2.ServerReflectionRequest.FromString, None
        )
        return {name: {"ServerReflectionInfo": method} for name in NAMES}

    async def answers(self, requests: AsyncIterator[Any], context: Context) -> None:
        """One answer to each request."""

        async def work(_: Who, write: Write) -> None:
            async for answer in self._tables.ServerReflectionInfo(self._until_the_end(requests), context):
                files = answer.file_descriptor_response.file_descriptor_proto
                for place, body in enumerate(files):
                    files[place] = self._commented.get(FileDescriptorProto.FromString(body).name, body)
                await write(answer)

        await self._gate.stream(
            f"{NAMES[0]}.ServerReflectionInfo", reflection_pb2.ServerReflectionRequest(), context, work
        )

    async def _until_the_end(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Requests, until the client has no more; raises Rejected when the server ends."""
        while (request := await self._drain.race(_next(requests))) is not None:
            yield request


async def _next(requests: AsyncIterator[Any]) -> Any:
    return await anext(requests, None)


def descriptor_set() -> FileDescriptorSet:
    """The agent's protos and what they import, with comments."""
    return FileDescriptorSet.FromString(resources.files("agent.pb").joinpath("ofa_agent.binpb").read_bytes())

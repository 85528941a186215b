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

from agent.api.drain import Drain

DESCRIBED = "grpc.reflection.v1alpha.ServerReflection"
NAMES = ("grpc.reflection.v1.ServerReflection", DESCRIBED)  # alike on the wire; only the older has a descriptor here


class Reflection:
    """Tells of `services` and of itself; answers to both of its names."""

    def __init__(self, services: Iterable[str], drain: Drain) -> None:
        self._drain = drain
        self._tables = reflection.aio.ReflectionServicer([*services, DESCRIBED])  # type: ignore[attr-defined]
        self._commented = {file.name: file.SerializeToString() for file in descriptor_set().file}

    def handlers(self) -> list[grpc.GenericRpcHandler[Any, Any]]:
        """One service for each name."""
        method = grpc.stream_stream_rpc_method_handler(
            self.answers,
            reflection_pb2.ServerReflectionRequest.FromString,
            reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        return [grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method}) for name in NAMES]

    async def answers(self, requests: AsyncIterator[Any], context: object) -> AsyncIterator[Any]:
        """One answer to each request."""
        self._drain.enter()
        async for answer in self._tables.ServerReflectionInfo(requests, context):
            files = answer.file_descriptor_response.file_descriptor_proto
            for place, body in enumerate(files):
                files[place] = self._commented.get(FileDescriptorProto.FromString(body).name, body)
            yield answer


def descriptor_set() -> FileDescriptorSet:
    """The agent's protos and what they import, with comments."""
    return FileDescriptorSet.FromString(resources.files("agent.pb").joinpath("ofa_agent.binpb").read_bytes())

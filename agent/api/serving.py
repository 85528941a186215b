"""gRPC's server, so that no call for a method that nobody serves can end it for everybody.

gRPC's Python server (1.85) takes the name of an unknown method for UTF-8 in the one task that accepts calls; a name
that is not ends that task, and with it the server. Here all that is served is registered with gRPC's core by name, and
calls for anything else are answered without their name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]

# What this takes of gRPC's inside; of a version that lacks any of it the server is used as it is.
_NEEDED = ("AioServer", "_MethodResolver", "_ServicerContext", "_handle_rpc", "_schedule_rpc_coro")
_GUARDED = all(hasattr(cygrpc, name) for name in _NEEDED)

Handlers = Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]


def make_server(
    options: Sequence[tuple[str, int]],
    rpcs_at_once: int,
    services: Mapping[str, Handlers],
    unknown: Callable[[str], None] = lambda _: None,
    guarded: bool = _GUARDED,
) -> grpc.aio.Server:
    """A server of these services: by service, the handler of each method. `guarded`: see the module docstring.

    `unknown` hears of each call for a method that is not served, by gRPC's name of its connection, where guarded.
    """
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=rpcs_at_once)
    if guarded:
        inner = _Guarded(asyncio.get_running_loop(), None, (), (), (*options,), rpcs_at_once)
        inner.unknown = unknown
        server._server = inner  # type: ignore[attr-defined]  # there is no other way to have one of another class
    for service, handlers in services.items():
        server.add_registered_method_handlers(service, dict(handlers))  # type: ignore[attr-defined]
        if not guarded:
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, dict(handlers)),))
    return server


if _GUARDED:

    class _Guarded(cygrpc.AioServer):  # type: ignore[misc]
        """Answers calls for methods that are not registered: UNIMPLEMENTED, whatever their name."""

        unknown: Callable[[str], None]

        async def _request_call(self) -> Any:
            """Never returns; raises when the server ends."""
            loop, nothing, answering = asyncio.get_running_loop(), cygrpc._MethodResolver([], {}), set[Any]()
            while True:
                call = await super()._request_call()
                self.unknown(cygrpc._ServicerContext(call, None, None, loop).peer())
                answer = cygrpc._handle_rpc("", nothing, (), call, loop, False)
                task = loop.create_task(cygrpc._schedule_rpc_coro(answer, call, loop, ""), name="unknown-method")
                answering.add(task)
                task.add_done_callback(answering.discard)
                del call, answer, task  # a call that is held holds its connection

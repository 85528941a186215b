"""The only module that touches `genicam`, which has no type stubs: node maps, ports and locked calls into them.

Two threads on one node map whose port is written in Python deadlock: one holds GenApi's mutex, the other the GIL
(design/architecture.md). So every call takes the camera's Python lock first, and what transfers cost is waited out
after the lock is free.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from genicam import genapi  # type: ignore[import-untyped,unused-ignore]

from agent.errors import AgentError
from agent.sim.chunks import LinkGone
from agent.sim.host.errors import SPINNAKER_ERR_INVALID_HANDLE, SpinnakerException, from_genicam, from_link

T = TypeVar("T")
RawNode = Any

NI, NA, WO, RO, RW = 0, 1, 2, 3, 4


class PortBackend(Protocol):
    """Where a port's registers are."""

    def read(self, address: int, length: int) -> bytes: ...
    def write(self, address: int, data: bytes) -> None: ...


class _Port(genapi.AbstractPort):  # type: ignore[misc]
    """GenApi's view of a backend. SWIG calls these names; errors pass through GenApi unchanged."""

    def __init__(self, backend: PortBackend) -> None:
        super().__init__()
        self._backend = backend
        self._access: Callable[[], int] = getattr(backend, "access_mode", lambda: RW)

    def is_open(self) -> bool:
        return True

    def get_access_mode(self) -> int:
        return self._access()

    def read(self, address: int, length: int) -> bytes:
        try:
            return self._backend.read(address, length)
        except AgentError as exc:
            raise from_link(exc, f"read Port at address: {address:08X} with length: {length:08X}") from exc

    def write(self, address: int, value: bytes) -> None:
        try:
            self._backend.write(address, bytes(value))
        except AgentError as exc:
            raise from_link(exc, f"write Port at address: {address:08X} with length: {len(value):08X}") from exc


class NodeSource:
    """One node map. Owner: the camera core; nodes keep it alive, `close` makes them useless."""

    def __init__(
        self, xml: str, ports: Mapping[str, PortBackend], lock: threading.RLock, settle: Callable[[], None]
    ) -> None:
        self.lock = lock
        self._settle = settle
        self._closed = False
        self._fired: list[Callable[[], None]] = []
        self._observers: list[tuple[object, str, Any]] = []
        self.on_observers: Callable[[], None] = lambda: None
        self._map = genapi.NodeMap()
        self._map.load_xml_from_string(xml)
        self._ports = [(name, _Port(backend)) for name, backend in ports.items()]
        for name, port in self._ports:
            self._map.connect(port, name)

    def close(self) -> None:
        """Nodes of this map raise from now on, and nobody is told of them."""
        with self.lock:
            self._closed = True
            for _, _, handle in self._observers:
                genapi.deregister(handle)
            self._observers.clear()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call into GenApi under the camera's lock; every failure is a SpinnakerException.

        Not to be nested: what the call cost is waited out at its end, when the lock must be free. Observers of nodes
        that it touched are told there, too: they are programs, and may call anything.
        """
        fired: list[Callable[[], None]] = []
        try:
            with self.lock:
                if self._closed:
                    raise SpinnakerException("Node map is no longer valid.", SPINNAKER_ERR_INVALID_HANDLE)
                try:
                    return function(*arguments)
                finally:
                    if self._fired:
                        fired, self._fired = self._fired, []
        except genapi.GenericException as exc:
            raise from_genicam(exc) from exc
        finally:
            self._pay()
            for tell in fired:
                tell()

    def find(self, name: str) -> RawNode | None:
        """The node `name`, None where the map has none."""
        return self.call(lambda: self._map.get_node(name) if self._map.has_node(name) else None)

    def execute(self, command: str) -> None:
        """Execute a command node."""
        self.call(lambda: self._map.get_node(command).execute())

    def put(self, name: str, value: int) -> None:
        """Set an integer node."""
        self.call(lambda: self._map.get_node(name).set_value(value))

    def text(self, name: str) -> str:
        """Value of a node as text."""
        return str(self.call(lambda: self._map.get_node(name).to_string()))

    def nodes(self) -> list[RawNode]:
        """All nodes of the map."""
        return self.call(lambda: list(self._map.nodes))

    def observe(self, raw: RawNode, owner: object, tell: Callable[[RawNode], None]) -> None:
        """Call `tell(node)` after each call that wrote the node `raw` or invalidated it, on the caller's thread."""

        def fire(_raw: RawNode) -> None:
            self._fired.append(lambda: tell(raw))

        def register() -> None:
            self._observers.append((owner, raw.node.name, genapi.register(raw.node, fire)))

        self.call(register)
        self.on_observers()

    def unobserve(self, owner: object) -> None:
        """End every observation of `owner`."""
        with self.lock:
            for _, _, handle in [o for o in self._observers if o[0] is owner]:
                genapi.deregister(handle)
            self._observers = [o for o in self._observers if o[0] is not owner]
        self.on_observers()

    def observed(self) -> set[str]:
        """Names of the nodes that somebody observes."""
        with self.lock:
            return {name for _, name, _ in self._observers}

    def invalidate_node(self, name: str) -> None:
        """Forget what is cached of a node and of those that depend on it; observers are told."""
        self.call(lambda n: self._map.get_node(n).node.invalidate_node(), name)

    def invalidate(self) -> None:
        """Forget cached register values."""
        self.call(self._map._invalidate_nodes)

    def _pay(self) -> None:
        with contextlib.suppress(LinkGone):  # the next transfer says so
            self._settle()


def kind_of(raw: RawNode) -> str:
    """GenApi's interface of a node: IInteger, IEnumeration, ..."""
    return type(raw).__name__


def access_mode(raw: RawNode) -> int:
    """NI, NA, WO, RO or RW at this moment."""
    return int(raw.node.get_access_mode())

"""Who gets images and events of one camera, and the library's threads that hand them over."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.sim.chunks import LinkGone, StreamAborted
from agent.sim.events import EVENT_NAMES, LAYOUT, DeviceEvent
from agent.sim.host.errors import (
    SPINNAKER_ERR_INVALID_PARAMETER,
    SPINNAKER_ERR_IO,
    SPINNAKER_ERR_RESOURCE_IN_USE,
    SPINNAKER_ERR_TIMEOUT,
    SpinnakerException,
)
from agent.sim.host.events import DeviceEventHandler, EventHandler, ImageEventHandler
from agent.sim.host.genapi import NA, RO, NodeSource
from agent.sim.host.images import ImagePtr
from agent.sim.host.worker import Worker, guarded
from agent.sim.link import DeviceLink

# How long an image thread waits before it looks whether its handlers are still registered.
_SLICE_MS = 200
_EVENT_NODES = tuple(f"Event{name}" for name in EVENT_NAMES)


class EventPort:
    """Port of one kind of event: the values of the last one, not available before the first."""

    def __init__(self) -> None:
        self.data = b""

    def access_mode(self) -> int:
        return RO if self.data else NA

    def read(self, address: int, length: int) -> bytes:
        data = self.data or bytes(LAYOUT.size)
        return data[address : address + length]

    def write(self, address: int, data: bytes) -> None:
        raise SpinnakerException(f"event at {address:08X} is read-only ({len(data)} bytes)", SPINNAKER_ERR_IO)


class Grabber(Protocol):
    """What an image thread needs of its camera."""

    @property
    def streaming(self) -> bool: ...
    def grab(self, timeout_ms: int) -> ImagePtr: ...


@dataclass(frozen=True, slots=True)
class _Registration:
    """A handler, and for device events which of them: "" is every one."""

    handler: EventHandler
    event: str = ""


class Dispatch:
    """Handlers of one camera and the threads that serve them. Owner: the camera core. Thread-safe.

    Threads live only while somebody wants what they bring. They are stopped without the mutex and never wait for it
    long, since handlers may register and unregister.
    """

    def __init__(self, camera: Grabber) -> None:
        self._camera = camera
        self._mutex = threading.Lock()
        self._registrations: tuple[_Registration, ...] = ()
        self._link: DeviceLink | None = None
        self._source: NodeSource | None = None
        self._events: Worker | None = None
        self._images: Worker | None = None
        self._begun = False
        self.ports: dict[str, EventPort] = {}

    @property
    def registered(self) -> bool:
        """Whether any handler is; node callbacks do not count."""
        return bool(self._registrations)

    def new_ports(self) -> dict[str, EventPort]:
        """Ports of the events, empty, by the names in the description."""
        self.ports = {f"Event{name}Port": EventPort() for name in EVENT_NAMES}
        return self.ports

    def opened(self, link: DeviceLink, source: NodeSource) -> None:
        """The camera was initialised."""
        self._link, self._source = link, source
        source.on_observers = self.update
        self.update()

    def closed(self) -> None:
        """The camera is being closed: every thread ends, and nobody is registered any more."""
        self._begun = False
        self._link = None
        self._registrations = ()
        self.update()
        self._source = None

    def began(self) -> None:
        """Images come from now on."""
        self._begun = True
        self.update()

    def ending(self) -> None:
        """The stream was aborted: handlers finish with the image that they have."""
        self._begun = False
        self.update()

    def add(self, handler: EventHandler, event: str = "") -> None:
        with self._mutex:
            wanted = _Registration(handler, event)
            if any(r.handler is handler and r.event == event for r in self._registrations):
                raise SpinnakerException("Event handler is already registered.", SPINNAKER_ERR_RESOURCE_IN_USE)
            self._registrations = (*self._registrations, wanted)
        self.update()

    def remove(self, handler: EventHandler) -> None:
        with self._mutex:
            kept = tuple(r for r in self._registrations if r.handler is not handler)
            if len(kept) == len(self._registrations):
                raise SpinnakerException("Event handler is not registered.", SPINNAKER_ERR_INVALID_PARAMETER)
            self._registrations = kept
        self.update()

    def update(self) -> None:
        """Start the threads that are wanted and missing, end those that nobody wants any more."""
        with self._mutex:
            ended = [*self._trim_events(), *self._trim_images()]
        for worker in ended:
            worker.stop()

    # -- device events ---------------------------------------------------------------------------------------------

    def _trim_events(self) -> list[Worker]:
        link, source = self._link, self._source
        wanted = link is not None and source is not None and (self._handlers_of("") or self._observed(source))
        if wanted and self._events is None and link is not None:
            with contextlib.suppress(LinkGone):  # a camera that is gone sends nothing
                body = self._serve_events(link, link.begin_events())
                self._events = Worker(link.clock, "device events", body, link.abort_events)
        elif not wanted and self._events is not None:
            ended, self._events = self._events, None
            ended.dismiss()  # before anybody can open the channel again
            return [ended]
        return []

    def _observed(self, source: NodeSource) -> bool:
        """Whether a node callback waits for an event."""
        return any(name.startswith(_EVENT_NODES) for name in source.observed())

    def _serve_events(self, link: DeviceLink, channel: int) -> Callable[[Worker], None]:
        def serve(worker: Worker) -> None:
            while not worker.stopping:
                try:
                    event = link.next_event(channel, None)
                except (StreamAborted, LinkGone):
                    return
                if event is not None and not worker.stopping:
                    self._deliver(event)

        return serve

    def _deliver(self, event: DeviceEvent) -> None:
        """Show the event in the node map, which calls node callbacks, then call its handlers."""
        source, name = self._source, f"Event{event.name}"
        data = event.pack()
        if source is None:
            return
        try:
            self.ports[f"{name}Port"].data = data
            source.invalidate_node(f"{name}Port")
        except SpinnakerException:
            return  # the camera is being closed
        for handler in self._handlers_of(name):
            handler._event_id, handler._event_name = event.event_id, name
            guarded(handler.OnDeviceEvent, name)

    def _handlers_of(self, event: str) -> list[DeviceEventHandler]:
        """Handlers of `event`, of any where it is ""; each once."""
        found: dict[int, DeviceEventHandler] = {}
        for registration in self._registrations:
            if isinstance(registration.handler, DeviceEventHandler) and (
                not event or registration.event in {"", event}
            ):
                found[id(registration.handler)] = registration.handler
        return list(found.values())

    # -- images ----------------------------------------------------------------------------------------------------

    def _trim_images(self) -> list[Worker]:
        link = self._link
        wanted = link is not None and self._begun and bool(self._image_handlers())
        if wanted and self._images is None and link is not None:
            self._images = Worker(link.clock, "image events", self._serve_images, lambda: None)
        elif not wanted and self._images is not None:
            ended, self._images = self._images, None
            return [ended]
        return []

    def _serve_images(self, worker: Worker) -> None:
        while not worker.stopping and self._camera.streaming:
            try:
                image = self._camera.grab(_SLICE_MS)
            except SpinnakerException as exc:
                if exc.errorcode == SPINNAKER_ERR_TIMEOUT:
                    continue
                return  # aborted, or the camera is gone
            for handler in self._image_handlers():
                guarded(handler.OnImageEvent, image)
            del image  # or its buffer would be held until the next one comes

    def _image_handlers(self) -> list[ImageEventHandler]:
        return [r.handler for r in self._registrations if isinstance(r.handler, ImageEventHandler)]

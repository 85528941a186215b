"""Names of the SDK that the simulation does not have yet: using one says which, instead of failing as a typo would.

Event handlers, node callbacks and video are "should" in facts/pyspin-surface.md section 3.
"""

from __future__ import annotations

from typing import Any, NoReturn


class _Missing:
    """A class of the SDK that can be subclassed but not made."""

    def __init__(self, *_arguments: Any) -> None:
        bases = [c.__name__ for c in type(self).__mro__ if _Missing in c.__bases__]
        raise NotImplementedError(bases[0] if bases else type(self).__name__)


class ImageEventHandler(_Missing):
    pass


class ImageListEventHandler(_Missing):
    pass


class DeviceEventHandler(_Missing):
    pass


class InterfaceEventHandler(_Missing):
    pass


class DeviceArrivalEventHandler(_Missing):
    pass


class DeviceRemovalEventHandler(_Missing):
    pass


class SystemEventHandler(_Missing):
    pass


class LoggingEventHandler(_Missing):
    pass


class NodeCallback(_Missing):
    pass


class SpinVideo(_Missing):
    pass


def RegisterNodeCallback(*_arguments: Any) -> NoReturn:
    raise NotImplementedError("RegisterNodeCallback")


def DeregisterNodeCallback(*_arguments: Any) -> NoReturn:
    raise NotImplementedError("DeregisterNodeCallback")

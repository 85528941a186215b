"""Images (facts/pyspin-surface.md 2.5). No GenApi on this path: a frame carries its values.

A grabbed image renders its pixels when they are first asked for. After Release it has none, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from agent.errors import AgentError
from agent.sim.chunks import Frame
from agent.sim.host.arguments import is_a, unsigned
from agent.sim.host.buffers import Buffers
from agent.sim.host.chunk_data import ChunkData, FrameLease
from agent.sim.host.constants import IMAGE_STATUS, TABLE
from agent.sim.host.errors import (
    SPINNAKER_ERR_BUFFER_TOO_SMALL,
    SPINNAKER_ERR_INVALID_BUFFER,
    SPINNAKER_ERR_INVALID_PARAMETER,
    SPINNAKER_ERR_NO_DATA,
    SPINNAKER_ERR_NOT_IMPLEMENTED,
    SpinnakerException,
    from_link,
)
from agent.sim.host.generation import only
from agent.sim.host.image_files import SaveOption, load_picture, save_picture
from agent.sim.host.pixel_formats import LAYOUTS, PixelLayout, Pixels, from_sensor
from agent.sim.host.statistics import ChannelStatistics, channel_statistics
from agent.sim.link import DeviceLink

_COMPLETE = IMAGE_STATUS["NO_ERROR"][0]
_INCOMPLETE = IMAGE_STATUS["DATA_INCOMPLETE"][0]
# An incomplete frame lost its tail: this share of its bytes arrived, the rest of the buffer is 0.
_ARRIVED = 0.75
_PAYLOAD_IMAGE = 1
_PFNC_32BIT = 4


@dataclass(frozen=True, slots=True)
class Heading:
    """What an image says of itself; `layout` is its pixel format."""

    layout: PixelLayout
    width: int = 0
    height: int = 0
    offset_x: int = 0
    offset_y: int = 0
    frame_id: int = 0
    timestamp_ns: int = 0
    status: int = _COMPLETE

    @property
    def size(self) -> int:
        return self.layout.size(self.width, self.height)


class Image:
    """Pixels with a format."""

    def __init__(self, heading: Heading, data: Pixels) -> None:
        """`data` is 1-D and belongs to the image from now on."""
        self._heading = heading
        self._data: Pixels | None = data

    # -- statics ---------------------------------------------------------------------------------------------------

    @staticmethod
    def GetImageStatusDescription(status: int) -> str:
        return next((text for number, text in IMAGE_STATUS.values() if number == status), "Unknown status.")

    @staticmethod
    def Create(*arguments: Any) -> ImagePtr:
        """Empty, a copy of an image, or (width, height, offset x, offset y, pixel format, 1-D uint8 array)."""
        if not arguments:
            return ImagePtr(Heading(LAYOUTS["Mono8"]), np.empty(0, np.uint8))
        if len(arguments) == 1 and isinstance(arguments[0], Image):
            return copy_of(arguments[0])
        if len(arguments) != 6:
            raise TypeError(f"Image.Create takes 0, 1 or 6 arguments, not {len(arguments)}")
        *numbers, data = arguments
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 1:
            raise TypeError("Image.Create takes its data as a 1-D array of uint8")
        width, height, offset_x, offset_y, pixel_format = (unsigned("Image.Create", n) for n in numbers)
        return _created(Heading(layout_of(pixel_format), width, height, offset_x, offset_y), data)

    @staticmethod
    def Load(filename: str, /) -> ImagePtr:
        """An image from a file, as Mono8, Mono16 or RGB8."""
        is_a("Image.Load", filename, str)
        array, name = load_picture(filename)
        heading = Heading(LAYOUTS[name], array.shape[1], array.shape[0])
        return ImagePtr(heading, array.flatten())

    # -- pixels ----------------------------------------------------------------------------------------------------

    def GetNDArray(self) -> Pixels:
        """(height, width) or (height, width, 3); uint16 for more than 8 bits. Packed formats raise."""
        heading = self._head()
        if heading.layout.is_packed:
            raise SpinnakerException(
                f"GetNDArray does not support {heading.layout.name}", SPINNAKER_ERR_NOT_IMPLEMENTED
            )
        channels = () if heading.layout.channels == 1 else (heading.layout.channels,)
        return self._pixels().reshape(heading.height, heading.width, *channels)

    def GetData(self) -> Pixels:
        """The buffer, 1-D; of bytes where the format is packed."""
        return self._pixels()

    def GetDataAbsoluteMax(self) -> float:
        return float((1 << self._head().layout.sample_bits) - 1)

    def GetDataAbsoluteMin(self) -> float:
        self._head()
        return 0.0

    def CalculateChannelStatistics(self, channel: int, /) -> ChannelStatistics:
        """Statistics of one channel, SPINNAKER_STATISTICS_CHANNEL_..."""
        heading = self._head()
        return channel_statistics(self._pixels(), heading.layout, heading.width, heading.height, channel)

    @only(until=2)
    def Convert(self, pixelFormat: int, colorAlgorithm: int = 0, /) -> ImagePtr:
        """Generations 1 and 2; ImageProcessor took its place (facts/pyspin-surface.md 5)."""
        from agent.sim.host.processing import convert_image

        return convert_image(self, pixelFormat, colorAlgorithm)

    def DeepCopy(self, pSrcImage: Image, /) -> None:
        """Become a copy of another image; a buffer that this one holds is released."""
        heading, data = pSrcImage._head(), pSrcImage._pixels().copy()
        self.Release()
        self._heading, self._data = heading, data

    def Save(self, filename: str, option: SaveOption | int = -1, /) -> None:
        """Write a file; its format is that of the option, or comes from the extension. Relative to the cwd."""
        heading = self._head()
        save_picture(filename, self._pixels(), heading.layout, heading.width, heading.height, option)

    # -- heading ---------------------------------------------------------------------------------------------------

    def GetWidth(self) -> int:
        return self._head().width

    def GetHeight(self) -> int:
        return self._head().height

    def GetXOffset(self) -> int:
        return self._head().offset_x

    def GetYOffset(self) -> int:
        return self._head().offset_y

    def GetXPadding(self) -> int:
        self._head()
        return 0

    def GetYPadding(self) -> int:
        self._head()
        return 0

    def GetPixelFormat(self) -> int:
        return TABLE["PixelFormat"][self._head().layout.name]

    def GetPixelFormatName(self) -> str:
        return self._head().layout.name

    def GetTLPixelFormat(self) -> int:
        """The camera's number of the format, by the PFNC."""
        return self._head().layout.code

    def GetTLPixelFormatNamespace(self) -> int:
        self._head()
        return _PFNC_32BIT

    def GetNumChannels(self) -> int:
        return self._head().layout.channels

    def GetBitsPerPixel(self) -> int:
        return self._head().layout.pixel_bits

    def GetStride(self) -> int:
        heading = self._head()
        return heading.layout.stride(heading.width)

    def GetImageSize(self) -> int:
        return self._head().size

    def GetBufferSize(self) -> int:
        return self._head().size

    def GetValidPayloadSize(self) -> int:
        """Bytes that arrived."""
        heading = self._head()
        return heading.size if heading.status == _COMPLETE else int(heading.size * _ARRIVED)

    def GetFrameID(self) -> int:
        return self._head().frame_id

    def GetID(self) -> int:
        return self._head().frame_id

    def GetTimeStamp(self) -> int:
        return self._head().timestamp_ns

    def GetStreamIndex(self) -> int:
        self._head()
        return 0

    def GetPayloadType(self) -> int:
        self._head()
        return _PAYLOAD_IMAGE

    def GetTLPayloadType(self) -> int:
        self._head()
        return _PAYLOAD_IMAGE

    def GetImageStatus(self) -> int:
        return self._head().status

    def IsIncomplete(self) -> bool:
        return self._head().status != _COMPLETE

    def IsCompressed(self) -> bool:
        self._head()
        return False

    def IsValid(self) -> bool:
        return True

    def HasCRC(self) -> bool:
        """The camera sends no CRC chunk (facts/firefly-dl.md 1.3)."""
        self._head()
        return False

    def CheckCRC(self) -> bool:
        self._head()
        raise SpinnakerException("Image has no CRC", SPINNAKER_ERR_NO_DATA)

    def GetChunkData(self) -> ChunkData:
        raise SpinnakerException("Image has no chunk data", SPINNAKER_ERR_NO_DATA)

    def Release(self) -> None:
        """Created, loaded and converted images own their data."""

    def ResetImage(self, *_arguments: Any) -> NoReturn:
        raise NotImplementedError("Image.ResetImage")

    def GetPrivateData(self) -> NoReturn:
        raise NotImplementedError("Image.GetPrivateData")

    def GetPixelFormatIntType(self) -> NoReturn:
        raise NotImplementedError("Image.GetPixelFormatIntType")

    # -- inside ----------------------------------------------------------------------------------------------------

    def _head(self) -> Heading:
        return self._heading

    def _pixels(self) -> Pixels:
        if self._data is None:
            raise SpinnakerException("Image has no data", SPINNAKER_ERR_INVALID_BUFFER)
        return self._data


class ImagePtr(Image):
    """An image from the stream, or one that owns its data. Dropping it frees its buffer."""

    _lease: FrameLease | None = None
    _link: DeviceLink
    _buffers: Buffers
    _number: int = -1

    @classmethod
    def _grabbed(cls, frame: Frame, link: DeviceLink, buffers: Buffers) -> ImagePtr:
        image = cls.__new__(cls)
        geometry = frame.settings.geometry
        image._heading = Heading(
            LAYOUTS[geometry.pixel_format], geometry.width, geometry.height, geometry.offset_x, geometry.offset_y,
            frame.frame_id, frame.timestamp_ns, _INCOMPLETE if frame.incomplete else _COMPLETE,
        )  # fmt: skip
        image._data, image._lease, image._link = None, FrameLease(frame), link
        image._buffers, image._number = buffers, buffers.take()
        return image

    def __bool__(self) -> bool:
        return True

    def __del__(self) -> None:
        if self._number >= 0:
            self._recycle()
            self._buffers.forget(self._number)

    def Release(self) -> None:
        """Give the buffer back; twice, or after the acquisition, is harmless."""
        if self._number >= 0:
            number, self._number = self._number, -1
            self._recycle()
            self._data = None
            if self._lease is not None:
                self._lease.frame = None
            self._buffers.give_back(number)

    def DeepCopy(self, pSrcImage: Image, /) -> None:
        super().DeepCopy(pSrcImage)
        self._lease = None

    def IsInUse(self) -> bool:
        """Whether the image holds a buffer of a stream."""
        return self._number >= 0

    def GetChunkLayoutId(self) -> int:
        return int(bool(self._chunks()))

    def GetChunkData(self) -> ChunkData:
        """Valid until Release. Raises where no chunk is enabled, and for images that did not come from a camera."""
        if self._lease is None or not self._chunks():
            return super().GetChunkData()
        return ChunkData(self._lease)

    def _chunks(self) -> frozenset[str]:
        return self._lease.live().settings.chunks if self._lease is not None else frozenset()

    def _head(self) -> Heading:
        if self._lease is not None:
            self._lease.live()
        return self._heading

    def _pixels(self) -> Pixels:
        if self._lease is not None:
            frame = self._lease.live()
            if self._data is None:
                self._data = self._rendered(frame)
        return super()._pixels()

    def _rendered(self, frame: Frame) -> Pixels:
        try:
            samples = self._link.frame_pixels(frame)
        except AgentError as exc:
            raise from_link(exc, "read image data") from exc
        data = from_sensor(samples, self._heading.layout)
        if not data.flags.writeable:
            data = data.copy()
        if frame.incomplete:
            data[int(data.size * _ARRIVED) :] = 0
        return data

    def _recycle(self) -> None:
        """The quirk `recycled_views`: arrays of a released image show what the buffer is used for next."""
        frame = self._lease.frame if self._lease is not None else None
        if frame is not None and frame.settings.recycled_views and self._data is not None:
            np.invert(self._data, out=self._data)


def layout_of(pixel_format: int) -> PixelLayout:
    """The layout of the SDK's constant `PixelFormat_...`."""
    name = next((k for k, v in TABLE["PixelFormat"].items() if v == pixel_format and k in LAYOUTS), None)
    if name is None:
        raise SpinnakerException(f"unknown pixel format {pixel_format}", SPINNAKER_ERR_INVALID_PARAMETER)
    return LAYOUTS[name]


def copy_of(image: Image) -> ImagePtr:
    """An image with data of its own; it has no chunk data."""
    return ImagePtr(image._head(), image._pixels().copy())


def derived(image: Image, layout: PixelLayout, data: Pixels) -> ImagePtr:
    """Another form of an image: same place, time and status."""
    return ImagePtr(replace(image._head(), layout=layout), data.reshape(-1))


def _created(heading: Heading, data: Pixels) -> ImagePtr:
    if data.size < heading.size:
        raise SpinnakerException(
            f"image of {heading.size} bytes from {data.size} bytes", SPINNAKER_ERR_BUFFER_TOO_SMALL
        )
    return ImagePtr(heading, data[: heading.size].copy().view(heading.layout.dtype))

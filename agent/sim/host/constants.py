"""Enumeration constants of the SDK, numbered in declaration order (facts/pyspin-surface.md 2.4).

They are the SDK's numbers, not the camera's: QuickSpin translates between the two by symbolic name. `TABLE` maps an
enumeration node to its symbolics; `constants()` spells them out as module attributes (`TriggerMode_Off`).
"""

from __future__ import annotations

EVENT_TIMEOUT_NONE = 0
EVENT_TIMEOUT_INFINITE = 0xFFFFFFFFFFFFFFFF

_AUTO = ("Off", "Once", "Continuous")
_LINES = ("Line0", "Line1", "Line2", "Line3")
_SETS = ("Default", "UserSet0", "UserSet1")

TABLE: dict[str, dict[str, int]] = {
    node: {symbolic: number for number, symbolic in enumerate(symbolics)}
    for node, symbolics in {
        "AcquisitionMode": ("Continuous", "SingleFrame", "MultiFrame"),
        "AdcBitDepth": ("Bit8", "Bit10", "Bit12", "Bit14"),
        "ChunkSelector": (
            "Image",
            "CRC",
            "FrameID",
            "OffsetX",
            "OffsetY",
            "Width",
            "Height",
            "ExposureTime",
            "Gain",
            "BlackLevel",
            "PixelFormat",
            "Timestamp",
            "SequencerSetActive",
            "SerialData",
            "ExposureEndLineStatusAll",
        ),
        "DeviceCurrentSpeed": ("UnknownSpeed", "LowSpeed", "FullSpeed", "HighSpeed", "SuperSpeed"),
        "DeviceIndicatorMode": ("Inactive", "Active", "ErrorStatus"),
        "DeviceTemperatureSelector": ("Sensor",),
        "DeviceType": ("GigEVision", "CameraLink", "CameraLinkHS", "CoaXPress", "USB3Vision", "Custom"),
        "EventNotification": ("On", "Off"),
        "ExposureAuto": _AUTO,
        "ExposureMode": ("Timed", "TriggerWidth"),
        "FileOpenMode": ("Read", "Write", "ReadWrite"),
        "FileOperationSelector": ("Open", "Close", "Read", "Write", "Delete"),
        "FileOperationStatus": ("Success", "Failure", "Overflow"),
        "FileSelector": ("UserSetDefault", "UserSet0", "UserSet1", "UserFile1", "SerialPort0"),
        "GainAuto": _AUTO,
        "GainSelector": ("All",),
        "LineMode": ("Input", "Output"),
        "LineSelector": _LINES,
        "StreamBufferCountMode": ("Manual", "Auto"),
        "StreamBufferHandlingMode": ("OldestFirst", "OldestFirstOverwrite", "NewestOnly", "NewestFirst"),
        "TestPattern": ("Off", "Increment", "SensorTestPattern"),
        "TestPatternGeneratorSelector": ("Sensor", "PipelineStart"),
        "TriggerActivation": ("LevelLow", "LevelHigh", "FallingEdge", "RisingEdge", "AnyEdge"),
        "TriggerMode": ("Off", "On"),
        "TriggerOverlap": ("Off", "ReadOut", "PreviousFrame"),
        "TriggerSelector": ("AcquisitionStart", "FrameStart", "FrameBurstStart"),
        "TriggerSource": ("Software", *_LINES, "UserOutput0", "UserOutput1", "UserOutput2", "UserOutput3"),
        "UserSetDefault": _SETS,
        "UserSetSelector": _SETS,
    }.items()
}
# Not in declaration order here because only these matter; the numbers are the published ones.
TABLE["PixelFormat"] = {
    "Mono8": 0,
    "Mono16": 1,
    "RGB8Packed": 2,
    "BayerGR8": 3,
    "BayerRG8": 4,
    "BayerGB8": 5,
    "BayerBG8": 6,
    "Mono12p": 19,
    "BGR8": 27,
    "RGB8": 63,
}

IMAGE_STATUS: dict[str, tuple[int, str]] = {
    "UNKNOWN_ERROR": (-1, "Image has an unknown error."),
    "NO_ERROR": (0, "Image has no error."),
    "CRC_CHECK_FAILED": (1, "Image failed its CRC check."),
    "DATA_OVERFLOW": (2, "Received more data than the size of the image."),
    "MISSING_PACKETS": (3, "Image has missing packets."),
    "LEADER_BUFFER_SIZE_INCONSISTENT": (4, "Image leader is incomplete."),
    "TRAILER_BUFFER_SIZE_INCONSISTENT": (5, "Image trailer is incomplete."),
    "PACKETID_INCONSISTENT": (6, "Image has an inconsistent packet id."),
    "MISSING_LEADER": (7, "Image leader is missing."),
    "MISSING_TRAILER": (8, "Image trailer is missing."),
    "DATA_INCOMPLETE": (9, "Image data is incomplete."),
    "INFO_INCONSISTENT": (10, "Image info is corrupted."),
    "CHUNK_DATA_INVALID": (11, "Image chunk data is invalid."),
    "NO_SYSTEM_RESOURCES": (12, "Image cannot be processed due to lack of system resources."),
}

COLOR_PROCESSING = (
    "NONE",
    "NEAREST_NEIGHBOR",
    "NEAREST_NEIGHBOR_AVG",
    "BILINEAR",
    "EDGE_SENSING",
    "HQ_LINEAR",
    "IPP",
    "DIRECTIONAL_FILTER",
    "RIGOROUS",
    "WEIGHTED_DIRECTIONAL_FILTER",
)

INFERENCE_BOX_TYPE_RECTANGLE, INFERENCE_BOX_TYPE_CIRCLE, INFERENCE_BOX_TYPE_ROTATED_RECTANGLE = range(3)


def constants() -> dict[str, int]:
    """Every constant by its flat name, as attributes of the module."""
    flat: dict[str, int] = {}
    for node, symbolics in TABLE.items():
        flat |= {f"{node}_{symbolic}": number for symbolic, number in symbolics.items()}
        flat[f"NUM_{node.upper()}"] = len(symbolics)
    flat |= {f"SPINNAKER_IMAGE_STATUS_{name}": number for name, (number, _) in IMAGE_STATUS.items()}
    flat |= {f"SPINNAKER_COLOR_PROCESSING_ALGORITHM_{name}": n for n, name in enumerate(COLOR_PROCESSING)}
    return flat

"""Constants of the SDK as they are flat in its module (facts/pyspin-surface.md 1, 2.4, 2.6).

`TABLE` maps an enumeration of the camera to the SDK's numbers of its symbolics, `TRANSPORT_TABLE` one of the host's
node maps, which may have the same name (DeviceType); `constants()` spells all constants out as module
attributes of generation 4 (`TriggerMode_Off`). Older names: `older.py`.
"""

from __future__ import annotations

from agent.sim.host.tables.enumerations import SYMBOLICS, TRANSPORT_SYMBOLICS, Symbolics

EVENT_TIMEOUT_NONE = 0
EVENT_TIMEOUT_INFINITE = 0xFFFFFFFFFFFFFFFF


def _numbered(symbolics: Symbolics) -> dict[str, dict[str, int]]:
    return {node: {name: number for number, name in enumerate(names)} for node, names in symbolics.items()}


TABLE, TRANSPORT_TABLE = _numbered(SYMBOLICS), _numbered(TRANSPORT_SYMBOLICS)

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

# Priorities of the logging library that the SDK uses (log4cpp).
LOG_LEVELS = {
    "OFF": -1,
    "FATAL": 0,
    "ALERT": 100,
    "CRIT": 200,
    "ERROR": 300,
    "WARN": 400,
    "NOTICE": 500,
    "INFO": 600,
    "DEBUG": 700,
    "NOTSET": 800,
}

STATISTICS_CHANNELS = ("GREY", "RED", "GREEN", "BLUE", "HUE", "SATURATION", "LIGHTNESS")

IMAGE_FILE_FORMATS = {
    "FROM_FILE_EXT": -1,
    "PGM": 0,
    "PPM": 1,
    "BMP": 2,
    "JPEG": 3,
    "JPEG2000": 4,
    "TIFF": 5,
    "PNG": 6,
    "RAW": 7,
    "JPEG12_C": 8,
}

INFERENCE_BOX_TYPE_RECTANGLE, INFERENCE_BOX_TYPE_CIRCLE, INFERENCE_BOX_TYPE_ROTATED_RECTANGLE = range(3)

# Of GenApi: who a node is for, how its value is shown, how it steps.
_GENAPI = {
    name: number
    for names in (
        ("Beginner", "Expert", "Guru", "Invisible"),
        ("Linear", "Logarithmic", "Boolean", "PureNumber", "HexNumber", "IPV4Address", "MACAddress"),
        ("noIncrement", "fixedIncrement", "listIncrement"),
        ("fnAutomatic", "fnFixed", "fnScientific"),
        ("Custom", "Standard"),
    )
    for number, name in enumerate(names)
}


def constants() -> dict[str, int]:
    """Every constant by its flat name, as attributes of the module."""
    flat = dict(_GENAPI)
    for table, sentinel in ((TABLE, "NUM_"), (TRANSPORT_TABLE, "NUM")):
        for node, numbers in table.items():
            flat |= {f"{node}_{symbolic}": number for symbolic, number in numbers.items()}
            flat[sentinel + node.upper()] = len(numbers)
    flat["UNKNOWN_PIXELFORMAT"] = flat["PixelFormat_UNKNOWN_PIXELFORMAT"]
    flat |= {f"SPINNAKER_IMAGE_STATUS_{name}": number for name, (number, _) in IMAGE_STATUS.items()}
    flat |= {f"SPINNAKER_COLOR_PROCESSING_ALGORITHM_{name}": n for n, name in enumerate(COLOR_PROCESSING)}
    flat |= {f"SPINNAKER_LOG_LEVEL_{name}": number for name, number in LOG_LEVELS.items()}
    flat |= {f"SPINNAKER_STATISTICS_CHANNEL_{name}": n for n, name in enumerate(STATISTICS_CHANNELS)}
    flat |= {f"SPINNAKER_IMAGE_FILE_FORMAT_{name}": number for name, number in IMAGE_FILE_FORMATS.items()}
    flat |= {k: v for k, v in globals().items() if k.startswith(("EVENT_TIMEOUT_", "INFERENCE_BOX_TYPE_"))}
    return flat

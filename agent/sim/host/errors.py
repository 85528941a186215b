"""SpinnakerException and the translation of GenApi and link errors into it (facts/firefly-dl.md section 3)."""

from __future__ import annotations

from agent.errors import AgentError
from agent.sim.chunks import DescriptionUnreadable, LinkBusy, LinkGone, StreamAborted, TransferFailed

HELD = "Can't clear a camera because something still holds a reference to the camera"
SPINNAKER_ERR_SUCCESS = 0
SPINNAKER_ERR_ERROR = -1001
SPINNAKER_ERR_NOT_INITIALIZED = -1002
SPINNAKER_ERR_NOT_IMPLEMENTED = -1003
SPINNAKER_ERR_RESOURCE_IN_USE = -1004
SPINNAKER_ERR_ACCESS_DENIED = -1005
SPINNAKER_ERR_INVALID_HANDLE = -1006
SPINNAKER_ERR_INVALID_ID = -1007
SPINNAKER_ERR_NO_DATA = -1008
SPINNAKER_ERR_INVALID_PARAMETER = -1009
SPINNAKER_ERR_IO = -1010
SPINNAKER_ERR_TIMEOUT = -1011
SPINNAKER_ERR_ABORT = -1012
SPINNAKER_ERR_INVALID_BUFFER = -1013
SPINNAKER_ERR_NOT_AVAILABLE = -1014
SPINNAKER_ERR_INVALID_ADDRESS = -1015
SPINNAKER_ERR_BUFFER_TOO_SMALL = -1016
SPINNAKER_ERR_INVALID_INDEX = -1017
SPINNAKER_ERR_PARSING_CHUNK_DATA = -1018
SPINNAKER_ERR_INVALID_VALUE = -1019
SPINNAKER_ERR_RESOURCE_EXHAUSTED = -1020
SPINNAKER_ERR_OUT_OF_MEMORY = -1021
SPINNAKER_ERR_BUSY = -1022
SPINNAKER_ERR_IP_CONFLICT = -1023
SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT = -2001
SPINNAKER_ERR_GENICAM_OUT_OF_RANGE = -2002
SPINNAKER_ERR_GENICAM_PROPERTY = -2003
SPINNAKER_ERR_GENICAM_RUN_TIME = -2004
SPINNAKER_ERR_GENICAM_LOGICAL = -2005
SPINNAKER_ERR_GENICAM_ACCESS = -2006
SPINNAKER_ERR_GENICAM_TIMEOUT = -2007
SPINNAKER_ERR_GENICAM_DYNAMIC_CAST = -2008
SPINNAKER_ERR_GENICAM_GENERIC = -2009
SPINNAKER_ERR_GENICAM_BAD_ALLOCATION = -2010
SPINNAKER_ERR_IM_CONVERT = -3001
SPINNAKER_ERR_IM_COPY = -3002
SPINNAKER_ERR_IM_MALLOC = -3003
SPINNAKER_ERR_IM_NOT_SUPPORTED = -3004
SPINNAKER_ERR_IM_HISTOGRAM_RANGE = -3005
SPINNAKER_ERR_IM_HISTOGRAM_MEAN = -3006
SPINNAKER_ERR_IM_MIN_MAX = -3007
SPINNAKER_ERR_IM_COLOR_CONVERSION = -3008
SPINNAKER_ERR_IM_DECOMPRESSION = -3009
SPINNAKER_ERR_CUSTOM_ID = -10000

_GENICAM_CODES = {
    "InvalidArgumentException": SPINNAKER_ERR_GENICAM_INVALID_ARGUMENT,
    "OutOfRangeException": SPINNAKER_ERR_GENICAM_OUT_OF_RANGE,
    "PropertyException": SPINNAKER_ERR_GENICAM_PROPERTY,
    "RuntimeException": SPINNAKER_ERR_GENICAM_RUN_TIME,
    "LogicalErrorException": SPINNAKER_ERR_GENICAM_LOGICAL,
    "AccessException": SPINNAKER_ERR_GENICAM_ACCESS,
    "TimeoutException": SPINNAKER_ERR_GENICAM_TIMEOUT,
    "DynamicCastException": SPINNAKER_ERR_GENICAM_DYNAMIC_CAST,
}


class SpinnakerException(Exception):
    """The one exception of the SDK. str() is "Spinnaker: text [-1011]".

    Programs raise it, too, with a text of their own or none, and send it between processes.
    """

    def __init__(self, text: str = "", code: int | None = None, /) -> None:
        self.message = text if code is None else f"Spinnaker: {text} [{code}]"
        self.fullmessage = self.message
        self.errorcode = SPINNAKER_ERR_ERROR if code is None else code
        self._made_of = (text, code)
        super().__init__(self.message)

    def __reduce__(self) -> tuple[type[SpinnakerException], tuple[str, int | None]]:
        return type(self), self._made_of


def from_genicam(exc: Exception) -> SpinnakerException:
    """The vendor's exception for an exception of GenApi."""
    kind = type(exc).__name__
    return SpinnakerException(genicam_text(kind, str(exc)), _GENICAM_CODES.get(kind, SPINNAKER_ERR_GENICAM_GENERIC))


def genicam_text(kind: str, text: str) -> str:
    """The vendor's form of a GenApi failure (section 3, "Observed message strings")."""
    return f"GenICam::{kind} = {text}"


def from_link(exc: AgentError, doing: str) -> SpinnakerException:
    """The vendor's exception for a failed transfer; `doing` is "read Port at address: ..."."""
    if isinstance(exc, (LinkGone, TransferFailed)):
        return SpinnakerException(f"Could not {doing}", SPINNAKER_ERR_IO)
    if isinstance(exc, DescriptionUnreadable):
        return SpinnakerException("Could not read the XML URL", SPINNAKER_ERR_NO_DATA)
    if isinstance(exc, LinkBusy):
        return SpinnakerException(str(exc), SPINNAKER_ERR_ACCESS_DENIED)
    if isinstance(exc, StreamAborted):
        return SpinnakerException("Stream has been aborted", SPINNAKER_ERR_ABORT)
    return SpinnakerException(str(exc), SPINNAKER_ERR_ERROR)

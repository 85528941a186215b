"""Identity and limits of an opened camera."""

from __future__ import annotations

from agent.camera import network, selftest
from agent.camera.session import Session
from agent.camera.upload import NETWORK, FileSlot, buffer_bytes
from agent.domain.device import CameraInfo

GOOD_FIRMWARE = (1905, 4, 103)


def read_info(session: Session) -> CameraInfo:
    """Read from the opened camera; its acquisition must be stopped."""
    nodes = session.nodes
    firmware = nodes.try_string("DeviceFirmwareVersion") or "unknown"
    return CameraInfo(
        serial=nodes.get_string("DeviceSerialNumber"),
        model=nodes.try_string("DeviceModelName") or "unknown",
        firmware=firmware,
        sdk_version=session.sdk_version,
        buffer_bytes=buffer_bytes(nodes),
        max_network_bytes=nodes.try_int(network.MAX_SIZE),
        network_bytes=FileSlot(nodes, NETWORK).size(),
        network_name=nodes.try_string(network.NAME) or None,
        supports_injection=selftest.supported(nodes),
        warnings=_firmware_warnings(firmware),
    )


def _firmware_warnings(firmware: str) -> tuple[str, ...]:
    digits = tuple(int(part) for part in firmware.split(".") if part.isdigit())
    if len(digits) == len(GOOD_FIRMWARE) and digits >= GOOD_FIRMWARE:
        return ()
    wanted = ".".join(map(str, GOOD_FIRMWARE))
    return (
        f"firmware {firmware} is older than {wanted}: streaming may freeze (F-4843, F-901) and networks are not "
        "checked (F-937); update it",
    )

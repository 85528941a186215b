"""Device control, transport layer and user sets (facts/firefly-dl.md 1.5, pyspin-surface.md 2.8)."""

from __future__ import annotations

from agent.sim.nodes.table import STREAMING, Category, boolean, command, enumeration, integer, real, text

DEVICE = Category(
    "DeviceControl",
    (
        enumeration("DeviceScanType", access="RO", entries=("Areascan",)),
        text("DeviceVendorName", access="RO", size=64, default="FLIR"),
        text("DeviceModelName", access="RO", size=64, default="Firefly FFY-U3-16S2M-DL"),
        text("DeviceFamilyName", access="RO", size=64, default="Firefly"),
        text("DeviceManufacturerInfo", access="RO", size=64, default="Simulated camera"),
        text("DeviceVersion", access="RO", size=64, default="FW:v1905.4.103"),
        text("DeviceFirmwareVersion", access="RO", size=64, default="1905.4.103"),
        text("DeviceSerialNumber", access="RO", size=32, default="00000000"),
        text("DeviceUserID", size=32),
        integer("DeviceTLVersionMajor", access="RO", default=1),
        integer("DeviceTLVersionMinor", access="RO", default=0),
        integer("DeviceLinkSpeed", access="RO", default=500_000_000, size=8, unit="Bps"),
        integer(
            "DeviceLinkThroughputLimit", default=380_000_000, size=8, minimum=1_000_000,
            maximum="{DeviceMaxThroughput}", increment=16_000, unit="Bps", locked=STREAMING,
        ),
        integer("DeviceLinkCurrentThroughput", access="RO", live=True, size=8, unit="Bps"),
        integer("DeviceMaxThroughput", access="RO", default=380_000_000, size=8, unit="Bps"),
        enumeration("DeviceTemperatureSelector", entries=("Sensor",)),
        real("DeviceTemperature", access="RO", live=True, unit="C", visibility="Expert"),
        command("DeviceReset", visibility="Guru"),
        command("FactoryReset", visibility="Guru", locked=STREAMING),
        command("TimestampLatch", visibility="Expert"),
        integer("TimestampLatchValue", access="RO", live=True, size=8, unit="ns", visibility="Expert"),
        integer("TimestampIncrement", access="RO", default=1, size=8, visibility="Expert"),
        integer("DeviceUptime", access="RO", live=True, size=8, unit="s"),
        integer("LinkUptime", access="RO", live=True, size=8, unit="s"),
        enumeration("DeviceIndicatorMode", entries=("Active", "ErrorStatus", "Inactive")),
        enumeration("DeviceCharacterSet", access="RO", entries=("UTF8",), visibility="Guru"),
    ),
)  # fmt: skip

TRANSPORT_LAYER = Category(
    "TransportLayerControl",
    (
        integer("PayloadSize", access="RO", live=True, unit="B"),
        integer("TLParamsLocked", volatile=True, minimum=0, maximum=1, visibility="Invisible"),
        enumeration(
            "DeviceLinkThroughputLimitMode", access="RO", entries=("Off", "On"), default="On", visibility="Expert"
        ),
    ),
)

# What a frame waits in before the link takes it (32 MB on this camera, S9).
TRANSFER = Category(
    "TransferControl",
    (
        enumeration("TransferControlMode", access="RO", entries=("Basic", "Automatic", "UserControlled")),
        enumeration("TransferQueueMode", access="RO", entries=("FirstInFirstOut",)),
        integer("TransferQueueMaxBlockCount", access="RO", default=20),
        integer("TransferQueueCurrentBlockCount", access="RO", live=True),
        integer("TransferQueueOverflowCount", access="RO", live=True),
    ),
)

_SETS = ("Default", "UserSet0", "UserSet1")
USER_SETS = Category(
    "UserSetControl",
    (
        enumeration("UserSetSelector", entries=_SETS, locked=STREAMING),
        command("UserSetLoad", locked=STREAMING),
        command("UserSetSave", locked="{TLParamsLocked} || ({UserSetSelector} = {UserSetSelector.Default})"),
        enumeration("UserSetDefault", entries=_SETS),
        boolean("UserSetFeatureEnable", access="RO", default=1, visibility="Expert"),
    ),
)

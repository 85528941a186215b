"""Symbolics of the SDK's enumerations in the order of their declaration, which numbers them from 0.

They are the SDK's numbers, not the camera's (facts/pyspin-surface.md 2.4). Public: Spinnaker's CameraDefs.h and
TransportLayerDefs.h, mirrored in S15. Entries of the DL camera are missing on purpose: the SDK has no constants for
FileSelector InferenceNetwork, ChunkSelector InferenceResult, TriggerSource InferenceReady (facts/firefly-dl.md 1.2).
"""

from __future__ import annotations

from agent.sim.host.tables.pixel_formats import INFO_FORMATS, PIXEL_FORMATS

_OFF_ON = "Off On"
_AUTO = "Off Once Continuous"
_LINES = "Line0 Line1 Line2 Line3"
_OUTPUTS = "UserOutput0 UserOutput1 UserOutput2 UserOutput3"
_COUNTER_EDGES = "Counter0Start Counter1Start Counter0End Counter1End"
_ACTIVATIONS = "LevelLow LevelHigh FallingEdge RisingEdge AnyEdge"
_EDGES = "RisingEdge FallingEdge AnyEdge LevelHigh LevelLow"
_SIGNALS = f"{_LINES} {_OUTPUTS} {_COUNTER_EDGES} LogicBlock0 LogicBlock1 ExposureStart ExposureEnd FrameTriggerWait"
_TIMED = (
    "Counter0Start Counter1Start Counter2Start Counter0End Counter1End Counter2End Timer0Start Timer1Start "
    "Timer2Start Timer0End Timer1End Timer2End"
)
_SOFT = "SoftwareSignal0 SoftwareSignal1 SoftwareSignal2 Action0 Action1 Action2"
_LINKED = f"{_SOFT} LinkTrigger0 LinkTrigger1 LinkTrigger2"
_FRAMES = "Off AcquisitionTrigger AcquisitionStart AcquisitionEnd FrameTrigger FrameStart FrameEnd"
_THREE_LINES, _THREE_OUTPUTS = "Line0 Line1 Line2", "UserOutput0 UserOutput1 UserOutput2"
_BAUDS = (
    "Baud300 Baud600 Baud1200 Baud2400 Baud4800 Baud9600 Baud14400 Baud19200 Baud38400 Baud57600 Baud115200 "
    "Baud230400 Baud460800 Baud921600"
)
_TAPS = "One Two Three Four Eight Ten"
_COLOURS = "All Red Green Blue Y U V Tap1 Tap2"
_EXPOSURES = "Common Red Green Blue Cyan Magenta Yellow Infrared Ultraviolet Stage1 Stage2"
_COMPONENTS = "Intensity Color Infrared Ultraviolet Range Disparity Confidence Scatter"
_AXES = "RotationX RotationY RotationZ TranslationX TranslationY TranslationZ"
_OUTPUT_3D = (
    "UncalibratedC CalibratedABC_Grid CalibratedABC_PointCloud CalibratedAC CalibratedAC_Linescan CalibratedC "
    "CalibratedC_Linescan RectifiedC RectifiedC_Linescan DisparityC DisparityC_Linescan"
)
_CXP_LINKS = " ".join(f"CXP{speed}_X{n}" for n in (1, 2, 3, 4, 5, 6) for speed in (1, 2, 3, 5, 6))
_COUNTER_STATES = "CounterIdle CounterTriggerWait CounterActive CounterCompleted CounterOverflow"

_ACQUISITION = {
    "AcquisitionMode": "Continuous SingleFrame MultiFrame",
    "AcquisitionStatusSelector": "AcquisitionTriggerWait AcquisitionActive AcquisitionTransfer FrameTriggerWait "
    "FrameActive ExposureActive",
    "ExposureAuto": _AUTO,
    "ExposureMode": "Timed TriggerWidth",
    "ExposureTimeMode": "Common Individual",
    "ExposureTimeSelector": _EXPOSURES,
    "SensorShutterMode": "Global Rolling GlobalReset",
    "TriggerActivation": _ACTIVATIONS,
    "TriggerMode": _OFF_ON,
    "TriggerOverlap": "Off ReadOut PreviousFrame",
    "TriggerSelector": "AcquisitionStart FrameStart FrameBurstStart",
    "TriggerSource": f"Software {_LINES} {_OUTPUTS} {_COUNTER_EDGES} LogicBlock0 LogicBlock1 Action0",
}

_DEVICE = {
    "DeviceCharacterSet": "UTF8 ASCII",
    "DeviceClockSelector": "Sensor SensorDigitization CameraLink",
    "DeviceConnectionStatus": "Active Inactive",
    "DeviceIndicatorMode": "Inactive Active ErrorStatus",
    "DeviceLinkHeartbeatMode": "On Off",
    "DeviceLinkThroughputLimitMode": "On Off",
    "DevicePowerSupplySelector": "External",
    "DeviceRegistersEndianness": "Little Big",
    "DeviceScanType": "Areascan",
    "DeviceSerialPortBaudRate": "Baud9600 Baud19200 Baud38400 Baud57600 Baud115200 Baud230400 Baud460800 Baud921600",
    "DeviceSerialPortSelector": "CameraLink",
    "DeviceStreamChannelEndianness": "Big Little",
    "DeviceStreamChannelType": "Transmitter Receiver",
    "DeviceTLType": "GigEVision CameraLink CameraLinkHS CoaXPress USB3Vision Custom",
    # Two of them are two names in one, as declared.
    "DeviceTapGeometry": "Geometry_1X_1Y Geometry_1X2_1Y Geometry_1X2_1Y2 Geometry_2X_1Y "
    "Geometry_2X_1Y2Geometry_2XE_1Y Geometry_2XE_1Y2 Geometry_2XM_1Y Geometry_2XM_1Y2 Geometry_1X_1Y2 "
    "Geometry_1X_2YE Geometry_1X3_1Y Geometry_3X_1Y Geometry_1X Geometry_1X2 Geometry_2X Geometry_2XE Geometry_2XM "
    "Geometry_1X3 Geometry_3X Geometry_1X4_1Y Geometry_4X_1Y Geometry_2X2_1Y Geometry_2X2E_1YGeometry_2X2M_1Y "
    "Geometry_1X2_2YE Geometry_2X_2YE Geometry_2XE_2YE Geometry_2XM_2YE Geometry_1X4 Geometry_4X Geometry_2X2 "
    "Geometry_2X2E Geometry_2X2M Geometry_1X8_1Y Geometry_8X_1Y Geometry_4X2_1Y Geometry_2X2E_2YE Geometry_1X8 "
    "Geometry_8X Geometry_4X2 Geometry_4X2E Geometry_4X2E_1Y Geometry_1X10_1Y Geometry_10X_1Y Geometry_1X10 "
    "Geometry_10X",
    "DeviceTemperatureSelector": "Sensor",
    "DeviceType": "Transmitter Receiver Transceiver Peripheral",
}

_FORMAT = {
    "AdcBitDepth": "Bit8 Bit10 Bit12 Bit14",
    "BinningHorizontalMode": "Sum Average",
    "BinningSelector": "All Sensor ISP",
    "BinningVerticalMode": "Sum Average",
    "CompressionSaturationPriority": "DropFrame ReduceFrameRate",
    "DecimationHorizontalMode": "Discard",
    "DecimationSelector": "All Sensor",
    "DecimationVerticalMode": "Discard",
    "Deinterlacing": "Off LineDuplication Weave",
    "ImageComponentSelector": _COMPONENTS,
    "ImageCompressionJPEGFormatOption": "Lossless BaselineStandard BaselineOptimized Progressive",
    "ImageCompressionMode": "Off Lossless",
    "ImageCompressionRateOption": "FixBitrate FixQuality",
    "PixelColorFilter": "None BayerRG BayerGB BayerGR BayerBG",
    "PixelSize": "Bpp1 Bpp2 Bpp4 Bpp8 Bpp10 Bpp12 Bpp14 Bpp16 Bpp20 Bpp24 Bpp30 Bpp32 Bpp36 Bpp48 Bpp64 Bpp96",
    "RegionDestination": "Stream0 Stream1 Stream2",
    "RegionMode": _OFF_ON,
    "RegionSelector": "Region0 Region1 Region2 All",
    "SensorDigitizationTaps": _TAPS,
    "SensorTaps": _TAPS,
    "TestPattern": "Off Increment SensorTestPattern",
    "TestPatternGeneratorSelector": "Sensor PipelineStart",
}

_ANALOG = {
    "AutoAlgorithmSelector": "Awb Ae",
    "AutoExposureControlPriority": "Gain ExposureTime",
    "AutoExposureLightingMode": "AutoDetect Backlight Frontlight Normal",
    "AutoExposureMeteringMode": "Average Spot Partial CenterWeighted HistgramPeak",
    "AutoExposureTargetGreyValueAuto": "Off Continuous",
    "BalanceRatioSelector": "Red Blue",
    "BalanceWhiteAuto": _AUTO,
    "BalanceWhiteAutoProfile": "Indoor Outdoor",
    "BlackLevelAuto": _AUTO,
    "BlackLevelAutoBalance": _AUTO,
    "BlackLevelSelector": "All Analog Digital",
    "ColorTransformationSelector": "RGBtoRGB RGBtoYUV",
    "ColorTransformationValueSelector": "Gain00 Gain01 Gain02 Gain10 Gain11 Gain12 Gain20 Gain21 Gain22 Offset0 "
    "Offset1 Offset2",
    "DefectCorrectionMode": "Average Highlight Zero",
    "GainAuto": _AUTO,
    "GainAutoBalance": _AUTO,
    "GainSelector": "All",
    "LUTSelector": "LUT1",
    "RgbTransformLightSource": "General Tungsten2800K WarmFluorescent3000K CoolFluorescent4000K Daylight5000K "
    "Cloudy6500K Shade8000K Custom",
    "WhiteClipSelector": _COLOURS,
}

_LINES_AND_COUNTERS = {
    "ActionUnconditionalMode": _OFF_ON,
    "CounterEventActivation": _ACTIVATIONS,
    "CounterEventSource": f"Off MHzTick {_SIGNALS}",
    "CounterResetActivation": _ACTIVATIONS,
    "CounterResetSource": f"Off {_SIGNALS}",
    "CounterSelector": "Counter0 Counter1",
    "CounterStatus": _COUNTER_STATES,
    "CounterTriggerActivation": _ACTIVATIONS,
    "CounterTriggerSource": f"Off {_SIGNALS}",
    "EncoderMode": "FourPhase HighResolution",
    "EncoderOutputMode": "Off PositionUp PositionDown DirectionUp DirectionDown Motion",
    "EncoderResetActivation": _EDGES,
    "EncoderResetSource": f"{_FRAMES} ExposureStart ExposureEnd {_THREE_LINES} {_TIMED} {_THREE_OUTPUTS} {_LINKED}",
    "EncoderSelector": "Encoder0 Encoder1 Encoder2",
    "EncoderSourceA": "Off Line0 Line1 Line2",
    "EncoderSourceB": "Off Line0 Line1 Line2",
    "EncoderStatus": "EncoderUp EncoderDown EncoderIdle EncoderStatic",
    "ExposureActiveMode": "Line1 AnyPixels AllPixels",
    "LineFormat": "NoConnect TriState TTL LVDS RS422 OptoCoupled OpenDrain",
    "LineInputFilterSelector": "Deglitch Debounce",
    "LineMode": "Input Output",
    "LineSelector": _LINES,
    "LineSource": f"Off {_LINES} {_OUTPUTS} Counter0Active Counter1Active LogicBlock0 LogicBlock1 ExposureActive "
    "FrameTriggerWait SerialPort0 PPSSignal AllPixel AnyPixel",
    "LogicBlockLUTInputActivation": _ACTIVATIONS,
    "LogicBlockLUTInputSelector": "Input0 Input1 Input2 Input3",
    "LogicBlockLUTInputSource": f"Zero {_SIGNALS} AcquisitionActive",
    "LogicBlockLUTSelector": "Value Enable",
    "LogicBlockSelector": "LogicBlock0 LogicBlock1",
    "SoftwareSignalSelector": "SoftwareSignal0 SoftwareSignal1 SoftwareSignal2",
    "TimerSelector": "Timer0 Timer1 Timer2",
    "TimerStatus": "TimerIdle TimerTriggerWait TimerActive TimerCompleted",
    "TimerTriggerActivation": _EDGES,
    "TimerTriggerSource": f"{_FRAMES} FrameBurstStart FrameBurstEnd LineTrigger LineStart LineEnd ExposureStart "
    f"ExposureEnd {_THREE_LINES} {_THREE_OUTPUTS} {_TIMED} Encoder0 Encoder1 Encoder2 {_LINKED}",
    "UserOutputSelector": _OUTPUTS,
}

_CONTROL = {
    "EventNotification": "On Off",
    "EventSelector": "Error ExposureEnd SerialPortReceive",
    "FileOpenMode": "Read Write ReadWrite",
    "FileOperationSelector": "Open Close Read Write Delete",
    "FileOperationStatus": "Success Failure Overflow",
    "FileSelector": "UserSetDefault UserSet0 UserSet1 UserFile1 SerialPort0",
    "SequencerConfigurationMode": _OFF_ON,
    "SequencerConfigurationValid": "No Yes",
    "SequencerMode": _OFF_ON,
    "SequencerSetValid": "No Yes",
    "SequencerTriggerActivation": _EDGES,
    "SequencerTriggerSource": "Off FrameStart",
    "SerialPortBaudRate": _BAUDS,
    "SerialPortParity": "None Odd Even Mark Space",
    "SerialPortSelector": "SerialPort0",
    "SerialPortSource": f"{_LINES} Off",
    "SerialPortStopBits": "Bits1 Bits1AndAHalf Bits2",
    "SourceSelector": "Source0 Source1 Source2 All",
    "TransferComponentSelector": "Red Green Blue All",
    "TransferControlMode": "Basic Automatic UserControlled",
    "TransferOperationMode": "Continuous MultiBlock",
    "TransferQueueMode": "FirstInFirstOut",
    "TransferSelector": "Stream0 Stream1 Stream2 All",
    "TransferStatusSelector": "Streaming Paused Stopping Stopped QueueOverflow",
    "TransferTriggerActivation": _EDGES,
    "TransferTriggerMode": _OFF_ON,
    "TransferTriggerSelector": "TransferStart TransferStop TransferAbort TransferPause TransferResume TransferActive "
    "TransferBurstStart TransferBurstStop",
    "TransferTriggerSource": f"{_THREE_LINES} {_TIMED} {_SOFT}",
    "UserSetDefault": "Default UserSet0 UserSet1",
    "UserSetSelector": "Default UserSet0 UserSet1",
}

_CHUNKS = {
    "ChunkBlackLevelSelector": "All",
    "ChunkCounterSelector": "Counter0 Counter1 Counter2",
    "ChunkEncoderSelector": "Encoder0 Encoder1 Encoder2",
    "ChunkEncoderStatus": "EncoderUp EncoderDown EncoderIdle EncoderStatic",
    "ChunkExposureTimeSelector": _EXPOSURES,
    "ChunkGainSelector": "All Red Green Blue",
    "ChunkImageComponent": _COMPONENTS,
    "ChunkPixelFormat": "Mono8 Mono12Packed Mono16 RGB8Packed YUV422Packed BayerGR8 BayerRG8 BayerGB8 BayerBG8 "
    "YCbCr601_422_8_CbYCrY",
    "ChunkRegionID": "Region0 Region1 Region2",
    "ChunkSelector": "Image CRC FrameID OffsetX OffsetY Width Height ExposureTime Gain BlackLevel PixelFormat "
    "Timestamp SequencerSetActive SerialData ExposureEndLineStatusAll",
    "ChunkSourceID": "Source0 Source1 Source2",
    "ChunkTimerSelector": "Timer0 Timer1 Timer2",
    "ChunkTransferStreamID": "Stream0 Stream1 Stream2 Stream3",
}

_SCAN_3D = {
    "Scan3dCoordinateReferenceSelector": _AXES,
    "Scan3dCoordinateSelector": "CoordinateA CoordinateB CoordinateC",
    "Scan3dCoordinateSystem": "Cartesian Spherical Cylindrical",
    "Scan3dCoordinateTransformSelector": _AXES,
    "Scan3dCoordinateSystemReference": "Anchor Transformed",
    "Scan3dDistanceUnit": "Millimeter Inch",
    "Scan3dOutputMode": _OUTPUT_3D,
}

_LINKS = {
    "ClConfiguration": "Base Medium Full DualBase EightyBit",
    "ClTimeSlotsCount": "One Two Three",
    "CxpConnectionTestMode": "Off Mode1",
    "CxpLinkConfiguration": f"Auto {_CXP_LINKS}",
    "CxpLinkConfigurationPreferred": _CXP_LINKS,
    "CxpLinkConfigurationStatus": f"None Pending {_CXP_LINKS}",
    "CxpPoCxpStatus": "Auto Off Tripped",
    "GevCCP": "OpenAccess ExclusiveAccess ControlAccess",
    "GevCurrentPhysicalLinkConfiguration": "SingleLink MultiLink StaticLAG DynamicLAG",
    "GevGVCPExtendedStatusCodesSelector": "Version1_1 Version2_0",
    "GevGVSPExtendedIDMode": _OFF_ON,
    "GevIEEE1588ClockAccuracy": "Unknown",
    "GevIEEE1588Mode": "Auto SlaveOnly",
    "GevIEEE1588Status": "Initializing Faulty Disabled Listening PreMaster Master Passive Uncalibrated Slave",
    "GevIPConfigurationStatus": "None PersistentIP DHCP LLA ForceIP",
    "GevPhysicalLinkConfiguration": "SingleLink MultiLink StaticLAG DynamicLAG",
    "GevSupportedOptionSelector": "UserDefinedName SerialNumber HeartbeatDisable LinkSpeed CCPApplicationSocket "
    "ManifestTable TestData DiscoveryAckDelay DiscoveryAckDelayWritable ExtendedStatusCodes Action PendingAck "
    "EventData Event PacketResend WriteMem CommandsConcatenation IPConfigurationLLA IPConfigurationDHCP "
    "IPConfigurationPersistentIP StreamChannelSourceSocket MessageChannelSourceSocket",
}

_TRANSPORT_LAYER = {
    "DeviceAccessStatus": "Unknown ReadWrite ReadOnly NoAccess Busy OpenReadWrite OpenReadOnly",
    "DeviceCurrentSpeed": "UnknownSpeed LowSpeed FullSpeed HighSpeed SuperSpeed",
    "DeviceEndianessMechanism": "Legacy Standard",
    "DeviceType": "GigEVision CameraLink CameraLinkHS CoaXPress USB3Vision Custom",
    "FilterDriverStatus": "NotSupported Disabled Enabled",
    "GUIXMLLocation": "Device Host",
    "GenICamXMLLocation": "Device Host",
    "GevCCP": "EnumEntry_GevCCP_OpenAccess EnumEntry_GevCCP_ExclusiveAccess EnumEntry_GevCCP_ControlAccess",
    "InterfaceType": "GigEVision CameraLink CameraLinkHS CoaXPress USB3Vision Custom",
    "POEStatus": "NotSupported PowerOff PowerOn",
    "StreamBufferCountMode": "Manual Auto",
    "StreamBufferHandlingMode": "OldestFirst OldestFirstOverwrite NewestOnly NewestFirst",
    "StreamMode": "Socket LWF MVA",
    "StreamType": "GigEVision CameraLink CameraLinkHS CoaXPress USB3Vision Custom",
    "TLType": "GigEVision CameraLink CameraLinkHS CoaXPress USB3Vision Mixed Custom",
}

Symbolics = dict[str, tuple[str, ...]]


def _split(*groups: dict[str, str]) -> Symbolics:
    return {node: tuple(names.split()) for group in groups for node, names in group.items()}


SYMBOLICS: Symbolics = {
    **_split(_ACQUISITION, _DEVICE, _FORMAT, _ANALOG, _LINES_AND_COUNTERS, _CONTROL, _CHUNKS, _SCAN_3D, _LINKS),
    **{f"Chunk{node}": symbolics for node, symbolics in _split(_SCAN_3D).items()},
    "PixelFormat": PIXEL_FORMATS,
    "PixelFormatInfoSelector": INFO_FORMATS,
}
# Of the host's node maps; the SDK has a DeviceType and a GevCCP there, too, and other sentinels.
TRANSPORT_SYMBOLICS: Symbolics = _split(_TRANSPORT_LAYER)

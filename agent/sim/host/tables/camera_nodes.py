"""Attributes of a camera in QuickSpin: names of SFNC and of the vendor, by category and kind of node.

The list is the SDK's, not the camera's (facts/pyspin-surface.md 2.4): a name outside raises AttributeError, a listed
name that the camera lacks is there and not implemented. Public: Spinnaker's Camera.h, mirrored in S15.
"""

from __future__ import annotations

from agent.sim.host.tables.kinds import Kind, by_name

_ACQUISITION: dict[Kind, str] = {
    "integer": "AcquisitionFrameCount AcquisitionBurstFrameCount TriggerDivider TriggerMultiplier",
    "float": "ExposureTime AcquisitionResultingFrameRate AcquisitionLineRate AcquisitionFrameRate TriggerDelay",
    "boolean": "AcquisitionFrameRateEnable AcquisitionStatus",
    "command": "AcquisitionStart AcquisitionStop AcquisitionAbort AcquisitionArm TriggerSoftware",
    "enumeration": "AcquisitionMode AcquisitionStatusSelector ExposureAuto ExposureMode ExposureTimeMode "
    "ExposureTimeSelector SensorShutterMode TriggerActivation TriggerMode TriggerOverlap TriggerSelector TriggerSource",
}

_DEVICE: dict[Kind, str] = {
    "integer": "DeviceConnectionSelector DeviceConnectionSpeed DeviceEventChannelCount DeviceGenCPVersionMajor "
    "DeviceGenCPVersionMinor DeviceLinkConnectionCount DeviceLinkCurrentThroughput DeviceLinkSelector DeviceLinkSpeed "
    "DeviceLinkThroughputLimit DeviceManifestEntrySelector DeviceManifestSchemaMajorVersion "
    "DeviceManifestSchemaMinorVersion DeviceManifestXMLMajorVersion DeviceManifestXMLMinorVersion "
    "DeviceManifestXMLSubMinorVersion DeviceMaxThroughput DeviceSFNCVersionMajor DeviceSFNCVersionMinor "
    "DeviceSFNCVersionSubMinor DeviceStreamChannelCount DeviceStreamChannelLink DeviceStreamChannelPacketSize "
    "DeviceStreamChannelSelector DeviceTLVersionMajor DeviceTLVersionMinor DeviceTLVersionSubMinor DeviceUptime "
    "EnumerationCount LinkUptime MaxDeviceResetTime Timestamp TimestampLatchValue",
    "float": "DeviceClockFrequency DeviceLinkBandwidthReserve DeviceLinkCommandTimeout DeviceLinkHeartbeatTimeout "
    "DeviceTemperature PowerSupplyCurrent PowerSupplyVoltage",
    "boolean": "DeviceRegistersValid",
    "string": "DeviceFamilyName DeviceFirmwareVersion DeviceID DeviceManifestPrimaryURL DeviceManifestSecondaryURL "
    "DeviceManufacturerInfo DeviceModelName DeviceSerialNumber DeviceUserID DeviceVendorName DeviceVersion "
    "SensorDescription",
    "command": "DeviceFeaturePersistenceEnd DeviceFeaturePersistenceStart DeviceRegistersCheck "
    "DeviceRegistersStreamingEnd DeviceRegistersStreamingStart DeviceReset FactoryReset TimestampLatch TimestampReset",
    "enumeration": "DeviceCharacterSet DeviceClockSelector DeviceConnectionStatus DeviceIndicatorMode "
    "DeviceLinkHeartbeatMode DeviceLinkThroughputLimitMode DevicePowerSupplySelector DeviceRegistersEndianness "
    "DeviceScanType DeviceSerialPortBaudRate DeviceSerialPortSelector DeviceStreamChannelEndianness "
    "DeviceStreamChannelType DeviceTLType DeviceTapGeometry DeviceTemperatureSelector DeviceType",
}

_FORMAT: dict[Kind, str] = {
    "integer": "BinningHorizontal BinningVertical DecimationHorizontal DecimationVertical Height HeightMax "
    "ImageCompressionQuality LinePitch OffsetX OffsetY PixelDynamicRangeMax PixelDynamicRangeMin PixelFormatInfoID "
    "SensorHeight SensorWidth Width WidthMax",
    "float": "CompressionRatio ImageCompressionBitrate",
    "boolean": "AdaptiveCompressionEnable ImageComponentEnable IspEnable ReverseX ReverseY",
    "enumeration": "AdcBitDepth BinningHorizontalMode BinningSelector BinningVerticalMode "
    "CompressionSaturationPriority DecimationHorizontalMode DecimationSelector DecimationVerticalMode Deinterlacing "
    "ImageComponentSelector ImageCompressionJPEGFormatOption ImageCompressionMode ImageCompressionRateOption "
    "PixelColorFilter PixelFormat PixelFormatInfoSelector PixelSize RegionDestination RegionMode RegionSelector "
    "SensorDigitizationTaps SensorTaps TestPattern TestPatternGeneratorSelector",
}

_ANALOG: dict[Kind, str] = {
    "integer": "BlackLevelRaw LUTIndex LUTValue DefectTableCoordinateX DefectTableCoordinateY DefectTableIndex "
    "DefectTablePixelCount",
    "float": "BalanceRatio BlackLevel ColorTransformationValue Gain Gamma Saturation Sharpening SharpeningThreshold "
    "WhiteClip",
    "boolean": "BlackLevelClampingEnable ColorTransformationEnable DefectCorrectStaticEnable GammaEnable LUTEnable "
    "SaturationEnable SharpeningAuto SharpeningEnable",
    "command": "DefectTableApply DefectTableFactoryRestore DefectTableSave",
    "enumeration": "BalanceRatioSelector BalanceWhiteAuto BlackLevelAuto BlackLevelAutoBalance BlackLevelSelector "
    "ColorTransformationSelector ColorTransformationValueSelector DefectCorrectionMode GainAuto GainAutoBalance "
    "GainSelector LUTSelector RgbTransformLightSource WhiteClipSelector",
    "register": "LUTValueAll",
}

_AUTO_ALGORITHM: dict[Kind, str] = {
    "integer": "AasRoiHeight AasRoiOffsetX AasRoiOffsetY AasRoiWidth",
    "float": "AutoExposureControlLoopDamping AutoExposureEVCompensation AutoExposureExposureTimeLowerLimit "
    "AutoExposureExposureTimeUpperLimit AutoExposureGainLowerLimit AutoExposureGainUpperLimit "
    "AutoExposureGreyValueLowerLimit AutoExposureGreyValueUpperLimit AutoExposureTargetGreyValue "
    "BalanceWhiteAutoDamping BalanceWhiteAutoLowerLimit BalanceWhiteAutoUpperLimit",
    "boolean": "AasRoiEnable",
    "enumeration": "AutoAlgorithmSelector AutoExposureControlPriority AutoExposureLightingMode "
    "AutoExposureMeteringMode AutoExposureTargetGreyValueAuto BalanceWhiteAutoProfile",
}

_COUNTERS_AND_LINES: dict[Kind, str] = {
    "integer": "ActionDeviceKey ActionGroupKey ActionGroupMask ActionQueueSize ActionSelector CounterDelay "
    "CounterDuration CounterValue CounterValueAtReset EncoderDivider EncoderValue EncoderValueAtReset LineStatusAll "
    "LogicBlockLUTOutputValueAll LogicBlockLUTRowIndex UserOutputValueAll UserOutputValueAllMask",
    "float": "EncoderTimeout LineFilterWidth TimerDelay TimerDuration TimerValue",
    "boolean": "LineInverter LineStatus LogicBlockLUTOutputValue UserOutputValue V3_3Enable",
    "command": "CounterReset EncoderReset SoftwareSignalPulse TimerReset",
    "enumeration": "ActionUnconditionalMode CounterEventActivation CounterEventSource CounterResetActivation "
    "CounterResetSource CounterSelector CounterStatus CounterTriggerActivation CounterTriggerSource EncoderMode "
    "EncoderOutputMode EncoderResetActivation EncoderResetSource EncoderSelector EncoderSourceA EncoderSourceB "
    "EncoderStatus ExposureActiveMode LineFormat LineInputFilterSelector LineMode LineSelector LineSource "
    "LogicBlockLUTInputActivation LogicBlockLUTInputSelector LogicBlockLUTInputSource LogicBlockLUTSelector "
    "LogicBlockSelector SoftwareSignalSelector TimerSelector TimerStatus TimerTriggerActivation TimerTriggerSource "
    "UserOutputSelector",
}

_FILES_AND_SETS: dict[Kind, str] = {
    "integer": "FileAccessLength FileAccessOffset FileOperationResult FileSize SequencerPathSelector "
    "SequencerSetActive SequencerSetNext SequencerSetSelector SequencerSetStart",
    "boolean": "SequencerFeatureEnable UserSetFeatureEnable",
    "command": "FileOperationExecute SequencerSetLoad SequencerSetSave UserSetLoad UserSetSave",
    "enumeration": "FileOpenMode FileOperationSelector FileOperationStatus FileSelector SequencerConfigurationMode "
    "SequencerConfigurationValid SequencerMode SequencerSetValid SequencerTriggerActivation "
    "SequencerTriggerSource UserSetDefault UserSetSelector",
    "register": "FileAccessBuffer",
}

_SERIAL_AND_TEST: dict[Kind, str] = {
    "integer": "GuiXmlManifestAddress SerialPortDataBits SerialReceiveFramingErrorCount SerialReceiveParityErrorCount "
    "SerialReceiveQueueCurrentCharacterCount SerialReceiveQueueMaxCharacterCount "
    "SerialTransmitQueueCurrentCharacterCount SerialTransmitQueueMaxCharacterCount Test0001 TestPendingAck",
    "command": "SerialReceiveQueueClear TestEventGenerate TriggerEventTest",
    "enumeration": "SerialPortBaudRate SerialPortParity SerialPortSelector SerialPortSource SerialPortStopBits",
}

_TRANSFER: dict[Kind, str] = {
    "integer": "SourceCount TransferBlockCount TransferBurstCount TransferQueueCurrentBlockCount "
    "TransferQueueMaxBlockCount TransferQueueOverflowCount TransferStreamChannel",
    "boolean": "TransferStatus",
    "command": "TransferAbort TransferPause TransferResume TransferStart TransferStop",
    "enumeration": "SourceSelector TransferComponentSelector TransferControlMode TransferOperationMode "
    "TransferQueueMode TransferSelector TransferStatusSelector TransferTriggerActivation TransferTriggerMode "
    "TransferTriggerSelector TransferTriggerSource",
}

_CHUNKS: dict[Kind, str] = {
    "integer": "ChunkCRC ChunkCompressionMode ChunkCounterValue ChunkEncoderValue ChunkExposureEndLineStatusAll "
    "ChunkFrameID ChunkHeight ChunkImage "
    "ChunkInferenceFrameId ChunkInferenceResult ChunkLinePitch ChunkLineStatusAll ChunkOffsetX ChunkOffsetY "
    "ChunkPartSelector ChunkPixelDynamicRangeMax ChunkPixelDynamicRangeMin ChunkScanLineSelector "
    "ChunkSequencerSetActive ChunkSerialDataLength ChunkStreamChannelID ChunkTimestamp ChunkTimestampLatchValue "
    "ChunkTransferBlockID ChunkTransferQueueCurrentBlockCount ChunkWidth",
    "float": "ChunkBlackLevel ChunkCompressionRatio ChunkExposureTime ChunkGain ChunkInferenceConfidence "
    "ChunkTimerValue",
    "boolean": "ChunkEnable ChunkModeActive ChunkSerialReceiveOverflow",
    "string": "ChunkSerialData",
    "enumeration": "ChunkBlackLevelSelector ChunkCounterSelector ChunkEncoderSelector ChunkEncoderStatus "
    "ChunkExposureTimeSelector ChunkGainSelector ChunkImageComponent ChunkPixelFormat ChunkRegionID ChunkSelector "
    "ChunkSourceID ChunkTimerSelector ChunkTransferStreamID",
    "register": "ChunkInferenceBoundingBoxResult",
}

_EVENTS: dict[Kind, str] = {
    "integer": "EventErrorCode EventSerialDataLength EventTest EventTestTimestamp EventSerialPortReceive "
    "EventSerialPortReceiveTimestamp",
    "boolean": "EventSerialReceiveOverflow",
    "string": "EventSerialData",
    "enumeration": "EventSelector EventNotification",
}

# Each has an id, a timestamp and a frame id.
_EVENT_NAMES = (
    "Error ExposureEnd ExposureStart AcquisitionTrigger AcquisitionStart AcquisitionEnd AcquisitionTransferStart "
    "AcquisitionTransferEnd AcquisitionError FrameTrigger FrameStart FrameEnd FrameBurstStart FrameBurstEnd "
    "FrameTransferStart FrameTransferEnd Stream0TransferStart Stream0TransferEnd Stream0TransferPause "
    "Stream0TransferResume Stream0TransferBlockStart Stream0TransferBlockEnd Stream0TransferBlockTrigger "
    "Stream0TransferBurstStart Stream0TransferBurstEnd Stream0TransferOverflow SequencerSetChange Counter0Start "
    "Counter1Start Counter0End Counter1End Timer0Start Timer1Start Timer0End Timer1End Encoder0Stopped "
    "Encoder1Stopped Encoder0Restarted Encoder1Restarted Line0RisingEdge Line1RisingEdge Line0FallingEdge "
    "Line1FallingEdge Line0AnyEdge Line1AnyEdge LinkTrigger0 LinkTrigger1 ActionLate LinkSpeedChange"
)

_GIGE: dict[Kind, str] = {
    "integer": "GevActiveLinkCount GevCurrentDefaultGateway GevCurrentIPAddress GevCurrentSubnetMask "
    "GevDiscoveryAckDelay GevGVCPPendingTimeout GevHeartbeatTimeout GevInterfaceSelector GevMACAddress GevMCDA "
    "GevMCPHostPort GevMCRC GevMCSP GevMCTT GevNumberOfInterfaces GevPersistentDefaultGateway GevPersistentIPAddress "
    "GevPersistentSubnetMask GevPrimaryApplicationIPAddress GevPrimaryApplicationSocket "
    "GevPrimaryApplicationSwitchoverKey GevSCDA GevSCPD GevSCPDirection GevSCPHostPort GevSCPInterfaceIndex "
    "GevSCPSPacketSize GevSCSP GevSCZoneCount GevSCZoneDirectionAll GevStreamChannelSelector "
    "GevTimestampTickFrequency LinkErrorCount PacketResendRequestCount PayloadSize TLParamsLocked "
    "aPAUSEMACCtrlFramesReceived aPAUSEMACCtrlFramesTransmitted",
    "boolean": "GevCurrentIPConfigurationDHCP GevCurrentIPConfigurationLLA GevCurrentIPConfigurationPersistentIP "
    "GevGVCPExtendedStatusCodes GevGVCPHeartbeatDisable GevGVCPPendingAck GevIEEE1588 GevPAUSEFrameReception "
    "GevPAUSEFrameTransmission GevSCCFGAllInTransmission GevSCCFGExtendedChunkData GevSCCFGPacketResendDestination "
    "GevSCCFGUnconditionalStreaming GevSCPSBigEndian GevSCPSDoNotFragment GevSCPSFireTestPacket "
    "GevSCZoneConfigurationLock GevSupportedOption",
    "string": "GevFirstURL GevSecondURL",
    "enumeration": "GevCCP GevCurrentPhysicalLinkConfiguration GevGVCPExtendedStatusCodesSelector "
    "GevGVSPExtendedIDMode GevIEEE1588ClockAccuracy GevIEEE1588Mode GevIEEE1588Status GevIPConfigurationStatus "
    "GevPhysicalLinkConfiguration GevSupportedOptionSelector",
}

_OTHER_LINKS: dict[Kind, str] = {
    "integer": "CxpConnectionSelector CxpConnectionTestErrorCount CxpConnectionTestPacketCount",
    "command": "CxpPoCxpAuto CxpPoCxpTripReset CxpPoCxpTurnOff",
    "enumeration": "ClConfiguration ClTimeSlotsCount CxpConnectionTestMode CxpLinkConfiguration "
    "CxpLinkConfigurationPreferred CxpLinkConfigurationStatus CxpPoCxpStatus",
}

# Each exists a second time with "Chunk" before it.
_SCAN_3D: dict[Kind, str] = {
    "float": "Scan3dAxisMax Scan3dAxisMin Scan3dCoordinateOffset Scan3dCoordinateReferenceValue Scan3dCoordinateScale "
    "Scan3dInvalidDataValue Scan3dTransformValue",
    "boolean": "Scan3dInvalidDataFlag",
    "enumeration": "Scan3dCoordinateReferenceSelector Scan3dCoordinateSelector Scan3dCoordinateSystem "
    "Scan3dCoordinateSystemReference Scan3dCoordinateTransformSelector Scan3dDistanceUnit Scan3dOutputMode",
}


def _event_nodes() -> dict[str, Kind]:
    parts = ("", "Timestamp", "FrameID")
    return {f"Event{event}{part}": "integer" for event in _EVENT_NAMES.split() for part in parts}


def _scan_nodes() -> dict[str, Kind]:
    own = by_name(_SCAN_3D)
    return own | {f"Chunk{name}": kind for name, kind in own.items()}


CAMERA_NODES: dict[str, Kind] = {
    **by_name(
        _ACQUISITION, _DEVICE, _FORMAT, _ANALOG, _AUTO_ALGORITHM, _COUNTERS_AND_LINES, _FILES_AND_SETS,
        _SERIAL_AND_TEST, _TRANSFER, _CHUNKS, _EVENTS, _GIGE, _OTHER_LINKS,
    ),
    **_event_nodes(),
    **_scan_nodes(),
}  # fmt: skip

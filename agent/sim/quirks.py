"""What the simulation decides where no public source says how the camera behaves, and how it decides at its worst.

"Item" is the number in facts/firefly-dl.md section 7. Items that are no quirk are a profile or a size in the
specification: 1 to 3 the node tables of a firmware (`agent.sim.nodes`), 4 and 6 `TransportSpec`, 5 `StorageSpec`,
13 `ThermalSpec`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from agent.sim.mapping import limits


@dataclass(frozen=True, slots=True)
class Quirks:
    """One field for each unknown that is a matter of behaviour."""

    # Item 9: chunks keep the last result over BeginAcquisition and a change of the network.
    stale_chunks: bool = True
    # Item 9: with the network deleted or broken, chunks go on with the last result.
    result_outlives_network: bool = True
    # Item 9: chunk value of the frame id before any inference.
    first_inference_id: int = field(default=-1, metadata=limits(-1, 1 << 40))
    # Item 12: frame ids start at 0 with each acquisition.
    frame_id_restarts: bool = True
    # Item 6: the status node shows the old state this long after Close.
    status_lag_s: float = field(default=0.0, metadata=limits(0.0, 60.0))
    # Item 7: deleting or writing the network needs InferenceEnable off.
    upload_needs_inference_off: bool = False
    # Item 7: InferenceNetworkTypeSelector keeps its value, without a word, while InferenceEnable is on.
    type_fixed_while_enabled: bool = False
    # Writing over an existing network runs out of space (SDK-1195).
    overwrite_needs_delete: bool = True
    # A buffer write whose length is no multiple of 4 fails (facts section 2, step f).
    unaligned_write_fails: bool = True
    # Item 4: FileAccessLength after power-on; 0 is the whole buffer.
    file_access_length_bytes: int = field(default=1024, metadata=limits(0, 1 << 20))
    # Item 5: the share of the flash that the network may take.
    network_flash_share: float = field(default=1.0, metadata=limits(0.0, 1.0))
    # Item 8: the network file may be opened for reading.
    network_readable: bool = True
    # InferenceNetworkName outlives a power loss that the DDR network does not.
    name_survives_power_loss: bool = False
    # Item 10: a network that cannot run ends in status Error, loads for ever, or takes the camera off the bus.
    # A fault of `network.load` ends in Error all the same.
    corrupt_network: Literal["error", "hang", "reset"] = "error"
    # Item 15: an OpenVINO blob runs like an NCSDK graph; otherwise it cannot run.
    openvino_blobs_run: bool = True
    # Item 11: DeviceReset keeps what is in DDR; losing the power never does.
    reset_keeps_ddr: bool = False
    # Events that wait for a slow host; more are lost. At most 8 on firmware 1905.4.83 (F-5662; the number is invented).
    event_queue_length: int = field(default=64, metadata=limits(1, 1 << 20))
    # The first Init after a host that died without closing fails with -1008 (facts section 3).
    init_fails_after_dead_host: bool = False
    # CameraList.Clear with a camera that is still referenced raises -1004, as was seen (facts section 3), instead of
    # dropping the list's own reference (pyspin-surface.md 2.1).
    clear_refuses_held_cameras: bool = False
    # Item 2, InferenceNetworkTypeSelector does not fit the network: nothing is inferred, status Error is shown on
    # top, or the answer is read as what it is not (`agent.sim.outputs`).
    type_mismatch: Literal["no_inference", "status_error", "garbage"] = "no_inference"
    # Item 9: reading a chunk that is off raises instead of giving 0.
    disabled_chunk_raises: bool = False
    # Item 14: arrays of GetNDArray are views, and show something else once the image is released.
    recycled_views: bool = False

    # The next three act on firmware 1905.4.83 only (facts section 4 and S10); how often is invented.
    # F-901: the chance that an InferenceReady frame freezes the acquisition until it is stopped.
    sync_freeze_chance: float = field(default=0.0005, metadata=limits(0.0, 1.0))
    # F-4843: streaming with inference freezes after 0.5 to 1.5 times this long; 0 is never.
    long_freeze_s: float = field(default=14_400.0, metadata=limits(0.0, 1e9))
    # F-937: networks are not validated; one that cannot run takes the camera off the bus, whatever item 10 says.
    old_firmware_crashes: bool = True


PESSIMISTIC = Quirks(
    first_inference_id=0,
    status_lag_s=0.05,
    upload_needs_inference_off=True,
    type_fixed_while_enabled=True,
    file_access_length_bytes=512,
    network_flash_share=0.5,
    network_readable=False,
    name_survives_power_loss=True,
    corrupt_network="reset",
    openvino_blobs_run=False,
    event_queue_length=4,
    init_fails_after_dead_host=True,
    clear_refuses_held_cameras=True,
    type_mismatch="garbage",
    disabled_chunk_raises=True,
    recycled_views=True,
    sync_freeze_chance=0.01,
    long_freeze_s=600.0,
)
QUIRK_SETS = {"default": Quirks(), "pessimistic": PESSIMISTIC}

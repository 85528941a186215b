"""NCSDK 1 graphs: header and places of the stages (facts/myriad-blobs.md 3).

0x00  32 zero bytes; file size; 2; name[100]; report folder[100]; stages; start of the weights; first SHAVE; ...
264   stages of 227 bytes; weights
"""

from __future__ import annotations

from agent.library.blob import MYRIAD2_SHAVES, BlobInfo
from agent.library.fields import Fields

HEADER_BYTES = 264
STAGE_BYTES = 227
# The least that the vendor's host library takes: header and one stage.
LEAST_BYTES = HEADER_BYTES + STAGE_BYTES
VERSION = 2
# Writers pad the file to whole blocks; more than that is no padding.
_BLOCK_BYTES = 64


def inspect_ncsdk1(data: bytes, where: str) -> BlobInfo:
    """Check the header and that stages and weights have room. Raises BlobInvalid."""
    file = Fields(data, where)
    file.zeros(0, 0x20, "start of the header")
    size, version = file.u32(0x20, 2, "header")
    if size > len(data):
        file.refuse(f"truncated: the header says {size} bytes, the file has {len(data)}")
    file.check(len(data) - size < _BLOCK_BYTES, f"{len(data) - size} bytes after the {size} that the header says")
    file.equal("version word", version, VERSION)
    file.text(0x28, 100, "name of the network")
    file.text(0x8C, 100, "report folder")
    stages, weights_at, first_shave = file.u32(0xF0, 3, "header")
    file.check(stages >= 1, "0 stages")
    stages_end = HEADER_BYTES + stages * STAGE_BYTES
    if not stages_end <= weights_at <= size:
        file.refuse(f"{stages} stages end at byte {stages_end}, weights start at {weights_at} of {size}")
    file.check(first_shave < MYRIAD2_SHAVES, f"first SHAVE is {first_shave}, a Myriad 2 has {MYRIAD2_SHAVES}")
    return BlobInfo("ncsdk-graph-1", len(data), version="1", platform="myriad2", stages=stages)

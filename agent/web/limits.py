"""Every bound and rhythm of the page's server in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Counts, bytes and seconds.

    `max_connections` at once, of which `max_readers` may read events. A connection that is asked for nothing makes room
    for a new one when all places are taken. A request has to be there whole `request_s` after its connection was made,
    and the next one `idle_s` after the answer to the one before, in which time that has to be taken too.
    A request line and a header have at most `max_line_bytes`, a request at most `max_headers` of them.

    Readers get the newest state at most every `state_s` and something at least every `heartbeat_s`; one that takes
    nothing for `stall_s` is dropped. At most `send_bytes` wait for it in the kernel. `retry_s`: when a browser that was
    cut off asks again.

    The ladder is explained every `ladder_s`, in a large library less often; swaps and alarms are read every
    `journal_s`; all of them only while somebody watches.

    A request waits for the first picture up to `picture_wait_s`. A camera is healthy up to a last frame of
    `frame_age_s`.
    """

    max_connections: int = 96
    max_readers: int = 32
    request_s: float = 5.0
    idle_s: float = 15.0
    max_line_bytes: int = 4096
    max_headers: int = 64
    state_s: float = 0.25
    heartbeat_s: float = 2.0
    stall_s: float = 10.0
    send_bytes: int = 128 * 1024
    retry_s: float = 1.0
    ladder_s: float = 2.0
    journal_s: float = 1.0
    picture_wait_s: float = 1.5
    frame_age_s: float = 5.0
    stop_s: float = 1.0

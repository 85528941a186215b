"""Every bound and rhythm of the server in one place. `docs/reference/api-limits.md` gives the same numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """Counts, bytes and seconds.

    `max_streams` open Watch streams and `max_calls` other calls under way, of all clients together. Of each at most
    `max_streams_each` and `max_calls_each` by one client that can be told apart, `max_streams_unnamed` and
    `max_calls_unnamed` by a local user's clients that cannot, and `max_streams_user` and `max_calls_user` by all
    clients of a local user.

    `max_connections` at once, those included that have not said anything yet, for which they have `handshake_s`; over
    the unix socket at most `max_connections_each` by one user, who may open `connections_per_s` after the first
    `connections_burst`, and `max_connections_users` by all but root and the user that the daemon runs as.

    A client elsewhere may begin `calls_per_s` calls, streams included, and `calls_burst` at once after a rest; all
    programs of one user of the machine itself `local_calls_per_s` and `local_calls_burst`.

    Of a client elsewhere `bytes_per_s` are read, and `bytes_burst` at once after a rest: on all its connections, once a
    call has told who it is; before that, of all such connections of its machine. For each call that is refused unread
    the same are not read for `refused_s`.

    A request of more than `max_message_bytes` is refused. A call other than a stream ends after `call_s`, WaitOperation
    after `wait_s`, whatever deadline the client gives. A stream whose reader takes nothing for `stall_s` is ended.

    A heartbeat comes after `heartbeat_s` of silence; durations in a status are at most `status_age_s` old when it is
    sent. After `keepalive_s` of silence a connection is asked whether it lives and closed where there is no answer for
    `keepalive_timeout_s`; clients may ask every `client_ping_s`. `drain_s` for calls to end by themselves; health calls
    frames flowing up to `frame_age_s` and looks every `health_poll_s`.
    """

    max_streams: int = 256
    max_streams_each: int = 64
    max_streams_unnamed: int = 224
    max_streams_user: int = 240
    max_calls: int = 256
    max_calls_each: int = 64
    max_calls_unnamed: int = 224
    max_calls_user: int = 240
    max_connections: int = 512
    max_connections_each: int = 256
    max_connections_users: int = 480
    connections_per_s: float = 100.0
    connections_burst: int = 512
    calls_per_s: float = 50.0
    calls_burst: int = 100
    bytes_per_s: float = 256 * 1024.0
    bytes_burst: int = 64 * 1024
    refused_s: float = 0.07
    local_calls_per_s: float = 5000.0
    local_calls_burst: int = 10_000
    max_message_bytes: int = 256 * 1024
    max_metadata_bytes: int = 16 * 1024
    handshake_s: float = 10.0
    call_s: float = 30.0
    wait_s: float = 65.0
    stall_s: float = 60.0
    heartbeat_s: float = 3.0
    status_age_s: float = 0.25
    keepalive_s: float = 20.0
    keepalive_timeout_s: float = 10.0
    client_ping_s: float = 5.0
    drain_s: float = 5.0
    frame_age_s: float = 5.0
    health_poll_s: float = 0.5

    @property
    def rpcs_at_once(self) -> int:
        """Where gRPC itself says no, without a reason of ours: above all that the caps let in, and their refusals."""
        return 2 * (self.max_streams + self.max_calls)

    def options(self) -> list[tuple[str, int]]:
        """gRPC's channel arguments."""
        return [
            # A little more than a request may have is read, so that its refusal can say what is wrong.
            ("grpc.max_receive_message_length", 2 * self.max_message_bytes),
            ("grpc.max_metadata_size", self.max_metadata_bytes),
            ("grpc.max_concurrent_streams", self.max_streams_unnamed + self.max_calls_unnamed),
            ("grpc.max_allowed_incoming_connections", self.max_connections),
            ("grpc.server_handshake_timeout_ms", _ms(self.handshake_s)),
            ("grpc.keepalive_time_ms", _ms(self.keepalive_s)),
            ("grpc.keepalive_timeout_ms", _ms(self.keepalive_timeout_s)),
            ("grpc.keepalive_permit_without_calls", 1),
            # Without it a ping of keepalive is waited for as long as any other, a minute (measured with gRPC 1.85).
            ("grpc.http2.ping_timeout_ms", _ms(self.keepalive_timeout_s)),
            ("grpc.http2.min_ping_interval_without_data_ms", _ms(self.client_ping_s)),
            ("grpc.so_reuseport", 0),
        ]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

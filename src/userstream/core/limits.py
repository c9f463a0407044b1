"""What may grow, and how far. Where a venue's document gives a limit, the venue's own wins."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of one server. Each number has its reason; zero is never "unlimited"."""

    handshake_s: float = 10.0
    """From accept to a complete request; Centrifugo gives up a stale connection after 10 s."""
    keep_alive_s: int = 75
    """An HTTP connection between two requests; nginx's figure. Bots that poll keep theirs."""
    request_head_bytes: int = 8_192
    """Of a handshake: request line and headers. REST requests may have twice as much."""
    request_body_bytes: int = 16_384
    """Of a REST request of a venue; the longest documented one is below 1 KiB."""
    max_parameters: int = 64
    """In a query or a form."""
    close_s: float = 5.0
    """How long a close handshake may take before the connection is dropped."""
    drain_s: float = 10.0
    """Over which a graceful stop ends all streams, a tenth of them a second, and how long it then
    waits for them; requests likewise."""
    closes_per_s: int = 10
    """Streams that a graceful stop ends in a second at least, where they are few."""

    message_bytes: int = 4_096
    """Of a client's message; clients send subscriptions of a few hundred bytes."""
    control_frames_per_s: int = 20
    """Pings and pongs of a client, apart from messages; the busiest client sends 0.2/s."""
    send_buffer_bytes: int = 65_536
    """Kernel buffer of a socket; left alone the kernel takes megabytes for a stopped reader."""
    outbox_bytes: int = 1_048_576
    """Waiting for one slow reader before it is cut; Centrifugo has the same bound."""

    sockets: int = 100_000
    """Of this process."""
    sockets_per_ip: int = 1_000
    sockets_per_key: int = 50
    """Where the venue has no limit of its own."""
    connects_per_ip: int = 300
    """Handshakes of one address in ``connects_window_s``; Binance's figures."""
    connects_window_s: int = 300
    bad_keys_per_ip: int = 20
    """Unknown listen keys of one address a minute, then 429."""
    ban_after_refusals: int = 10
    """Requests after a 429 that turn it into a 418."""
    ban_s: int = 120
    max_ban_s: int = 259_200
    """Bans double from two minutes up to three days."""
    tracked_addresses: int = 100_000
    """Addresses whose requests are counted; the longest unseen is forgotten first."""

    replays_at_once: int = 4
    """That read the log and encode; others wait their turn, and live events never do."""
    replay_cache_bytes: int = 16_777_216
    """Of the log, kept for others who resume from about the same place."""

    event_bytes: int = 65_536
    """Of one published line."""
    lines_per_request: int = 10_000
    publish_bytes: int = 16_777_216
    """Of one publishing request."""
    read_ahead_bytes: int = 1_048_576
    """Of a publisher, before it is worked on; more makes fewer and larger writes to sockets."""
    append_queue_bytes: int = 33_554_432
    """Accepted and not yet committed; beyond it publishers are told to wait."""
    append_wait_s: float = 10.0
    """For a NATS that does not commit, before publishers are told; it elects a leader in about
    eight seconds."""
    sources_per_account: int = 64
    """Publishers that one account ever had."""
    memory_events_per_account: int = 1_000
    """Kept by the memory bus, the oldest dropped first."""
    retention_s: int = 86_400
    """How long a folder keeps an event for those who resume; then it goes, page by page."""
    retained_bytes_per_account: int = 67_108_864
    """Kept in a folder of one account's events, whatever their age; more than a day of most."""
    retention_check_s: float = 5.0
    """Between two looks at what is over that; what is too old is looked for 24 times in a term."""

//! How long packets and records take.

use super::{Family, define};

define! {
    since "0.1.0";

    STAGE_LATENCY_SECONDS: histogram("stage_latency_seconds", "seconds", ["stage", "feed", "channel"], Some("latency"),
        "Latency by stage. nic_xdp: from the card's stamp to that of the XDP program, where `hardware_timestamps` is set and the driver lends it, across two clocks (stage_error_bound_seconds); xdp_ring: from the XDP program's stamp until the worker took the packet off its ring, across two clocks (stage_error_bound_seconds); in the socket tier instead of it kernel_ring, from the stamp of the kernel's network stack until the worker took the packet off its socket, across two clocks (left out until a step of the system's clock is noticed), and nic_kernel, from the card's stamp to that of the kernel, across the card's clock and the system's; ring_pub: from taking a packet's burst off the ring until the worker was done with the packet, of one clock. Every packet of a channel counts, also copies of the other line, heartbeats, and those ahead of their turn; for how long such a one is then held is not in it.");

    STAGE_AVAILABLE: gauge("stage_available", "0 or 1", ["interface", "stage", "reason"], Some("latency"),
        "Whether a stage is measured on an interface, and why not: nic_xdp, xdp_ring, nic_kernel, kernel_ring, ring_pub, pub_app.");

    STAGE_ERROR_BOUND_SECONDS: gauge("stage_error_bound_seconds", "seconds", ["stage", "window"], Some("latency"),
        "How wrong a stage's latencies may be because two clocks measure them, at most: over the last whole 10 s, and since the start; 0 where one clock does. Of nic_kernel it is by how much the card's clock and the system's were found off, once a second, of nic_xdp the card's and the kernel's; absent before the clock of a card was compared whose packets come so.");

    LATENCY_QUANTILE_SECONDS: gauge("latency_quantile_seconds", "seconds", ["stage", "feed", "channel", "quantile", "window"], Some("latency"),
        "Latency quantiles within 1 %, by stage: over the last whole 10 s, and since the start; absent where nothing was measured.");

    LATENCY_MAX_SECONDS: gauge("latency_max_seconds", "seconds", ["stage", "feed", "channel", "window"], Some("latency"),
        "The longest latency by stage: over the last whole 10 s, within 1 %, and since the start, exactly.");

    TICK_TO_STRATEGY_SECONDS: histogram("tick_to_strategy_seconds", "seconds", ["consumer", "uid", "queue", "reader", "channel", "clock"], Some("a-reader-is-too-slow"),
        "From the worker's stamp of a packet (ts_recv) until the reader had a record of it, of one record in 128 slots or one a second where few come, as the reader says. channel is other for records that name none (trades, statuses, native ones), beyond eight channels of a reader, and for clients that do not tell channels apart; absent where nothing was measured, where packets come from a file, whose stamps are of another time, and for readers beyond metrics_detail_max. clock is what gateway and reader read, each kept to the system's clock by itself: tsc or system; mixed where they differ, unknown where the reader does not say, and for the moment in which it subscribes.");

    TICK_TO_STRATEGY_QUANTILE_SECONDS: gauge("tick_to_strategy_quantile_seconds", "seconds", ["consumer", "uid", "queue", "reader", "channel", "quantile", "window"], Some("a-reader-is-too-slow"),
        "Quantiles of the same within 1 %: over the last whole 10 s, and since the reader subscribed or was last moved to other memory (an entitlement taken back); absent where nothing was measured.");

    TICK_TO_STRATEGY_MAX_SECONDS: gauge("tick_to_strategy_max_seconds", "seconds", ["consumer", "uid", "queue", "reader", "channel", "window"], Some("a-reader-is-too-slow"),
        "The longest of the same: over the last whole 10 s, within 1 %, and since the reader subscribed or was last moved to other memory, exactly.");

    TICK_TO_STRATEGY_ERROR_BOUND_SECONDS: gauge("tick_to_strategy_error_bound_seconds", "seconds", ["consumer", "uid", "queue", "reader", "window"], Some("latency"),
        "How wrong the same may be because gateway and reader each keep a clock to the system's, at most: what both were found off, over the last whole 10 s and since the reader subscribed; absent where the reader does not say, or has measured nothing.");

    PUBLISH_TO_READ_SECONDS: histogram("publish_to_read_seconds", "seconds", ["consumer", "uid", "queue", "reader", "channel"], Some("a-reader-is-too-slow"),
        "The stage pub_app: from just before a record was published until the reader had it, by the one counter that both processes read, of the record in each 1,024th slot, as the reader says. channel is other for records that name none (trades, statuses, native ones) and beyond eight channels of a reader; absent where gateway and reader do not read the same counter, and for readers beyond metrics_detail_max.");

    PUBLISH_TO_READ_QUANTILE_SECONDS: gauge("publish_to_read_quantile_seconds", "seconds", ["consumer", "uid", "queue", "reader", "channel", "quantile", "window"], Some("a-reader-is-too-slow"),
        "Quantiles of the same within 1 %: over the last whole 10 s, and since the reader subscribed or was last moved to other memory; absent where nothing was measured.");

    PUBLISH_TO_READ_MAX_SECONDS: gauge("publish_to_read_max_seconds", "seconds", ["consumer", "uid", "queue", "reader", "channel", "window"], Some("a-reader-is-too-slow"),
        "The longest of the same: over the last whole 10 s, within 1 %, and since the reader subscribed or was last moved to other memory, exactly.");
}

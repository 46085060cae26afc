//! Channels and the lines that bring them.

use super::{Family, define};

define! {
    since "0.1.0";

    MESSAGES_TOTAL: counter("messages_total", "messages", ["feed", "channel"], None,
        "Messages decoded, each once.");

    GAPS_TOTAL: counter("gaps_total", "gaps", ["feed", "channel"], Some("messages-lost"),
        "Holes that no line filled.");

    MESSAGES_LOST_TOTAL: counter("messages_lost_total", "holes", ["feed", "channel"], Some("messages-lost"),
        "Messages that no line brought.");

    HEARTBEATS_TOTAL: counter("heartbeats_total", "heartbeats", ["feed", "channel"], Some("all-lines-silent"),
        "Heartbeats of all lines.");

    SESSIONS_TOTAL: counter("sessions_total", "sessions", ["feed", "channel"], Some("what-arrives-is-not-understood"),
        "Sessions begun.");

    SEQUENCE_RESETS_TOTAL: counter("sequence_resets_total", "resets", ["feed", "channel"], Some("what-arrives-is-not-understood"),
        "Restarts of the numbers within a session.");

    CHANNEL_STALE_TOTAL: counter("channel_stale_total", "silences", ["feed", "channel"], Some("all-lines-silent"),
        "How often all lines were silent for longer than they may be.");

    HOLD_OVERFLOWS_TOTAL: counter("hold_overflows_total", "packets", ["feed", "channel"], Some("messages-lost"),
        "Packets for which holes were given up early because too much was held.");

    HOLD_OVERSIZED_TOTAL: counter("hold_oversized_total", "packets", ["feed", "channel"], Some("messages-lost"),
        "Packets for which holes were given up early because they are too long to be held.");

    IMPLAUSIBLE_PACKETS_TOTAL: counter("implausible_packets_total", "packets", ["feed", "channel"], Some("what-arrives-is-not-understood"),
        "Packets numbered far ahead of a stream that went on where it was: damaged or stray ones.");

    SESSIONS_REFUSED_TOTAL: counter("sessions_refused_total", "packets", ["feed", "channel"], Some("what-arrives-is-not-understood"),
        "Packets of another session while the current one went on.");

    OTHER_UNITS_PACKETS_TOTAL: counter("other_units_packets_total", "packets", ["feed", "channel"], None,
        "Packets of PITCH units that are not the channel's, on lines that carry several: not taken.");

    UNMAPPED_MESSAGES_TOTAL: counter("unmapped_messages_total", "messages", ["feed", "channel"], Some("what-arrives-is-not-understood"),
        "Messages without a counterpart among normalised records.");

    UNRESOLVED_MESSAGES_TOTAL: counter("unresolved_messages_total", "messages", ["feed", "channel"], None,
        "Messages about instruments of unknown symbol, while a queue asks for symbols.");

    CHANNEL_STATE: gauge("channel_state", "0 or 1", ["feed", "channel", "state"], Some("all-lines-silent"),
        "1 for the state that the channel is in, 0 for the others: live, holding, recovering, snapshot, stale.");

    NEXT_SEQUENCE: gauge("next_sequence", "sequence", ["feed", "channel"], None,
        "The next sequence expected.");

    INSTRUMENTS: gauge("instruments", "instruments", ["feed", "channel"], None,
        "Instruments whose symbol is known.");

    ORDERS_LIVE: gauge("orders_live", "orders", ["feed", "channel"], Some("the-order-index-is-full"),
        "Resting orders in the index from which full records are completed.");

    ORDERS_MAX: gauge("orders_max", "orders", ["feed", "channel"], Some("the-order-index-is-full"),
        "Orders that the index can hold.");

    ORDERS_UNKNOWN_TOTAL: counter("orders_unknown_total", "messages", ["feed", "channel"], Some("the-order-index-is-full"),
        "Messages about an order that is not known: their records are incomplete and flagged.");

    ORDERS_OVERFLOWED_TOTAL: counter("orders_overflowed_total", "orders", ["feed", "channel"], Some("the-order-index-is-full"),
        "Orders not remembered because the index was full: raise orders_max.");

    ORDERS_DUPLICATE_TOTAL: counter("orders_duplicate_total", "orders", ["feed", "channel"], Some("the-order-index-is-full"),
        "Orders whose reference one that rested had already.");

    ORDERS_INCONSISTENT_TOTAL: counter("orders_inconsistent_total", "messages", ["feed", "channel"], Some("the-order-index-is-full"),
        "Messages that name an order of another instrument, or take more off an order than is left.");

    DECODE_ERRORS_TOTAL: counter("decode_errors_total", "packets, messages", ["feed", "channel", "reason"], Some("what-arrives-is-not-understood"),
        "Packets and messages that could not be decoded, by reason.");

    GROUP_PACKETS_TOTAL: counter("group_packets_total", "packets", ["feed", "channel", "line"], Some("a-line-is-silent"),
        "Packets of the line.");

    GROUP_BYTES_TOTAL: counter("group_bytes_total", "bytes", ["feed", "channel", "line"], Some("a-line-is-silent"),
        "UDP payload bytes of the line's packets.");

    SEQUENCE_GAPS_TOTAL: counter("sequence_gaps_total", "gaps", ["feed", "channel", "line"], Some("messages-lost"),
        "Holes in the line's own numbers, filled by another line or not.");

    SEQUENCE_GAP_MESSAGES_TOTAL: counter("sequence_gap_messages_total", "messages", ["feed", "channel", "line"], Some("messages-lost"),
        "Messages in the holes of the line's own numbers.");

    DUPLICATES_TOTAL: counter("duplicates_total", "messages", ["feed", "channel", "line"], None,
        "Messages that had been delivered before.");

    LATE_MESSAGES_TOTAL: counter("late_messages_total", "messages", ["feed", "channel", "line"], Some("messages-lost"),
        "Messages that came after their gap was declared.");

    LINE_REFUSED_MESSAGES_TOTAL: counter("line_refused_messages_total", "messages", ["feed", "channel", "line"], Some("recovery-does-not-end"),
        "Messages of a gap response line that were of no use: not missing, given up before they came, or without room.");

    OUT_OF_ORDER_TOTAL: counter("out_of_order_total", "packets", ["feed", "channel", "line"], None,
        "Packets behind their turn.");

    LINE_SILENCES_TOTAL: counter("line_silences_total", "silences", ["feed", "channel", "line"], Some("a-line-is-silent"),
        "How often the line was silent for longer than it may be.");

    ARBITRATION_WINS_TOTAL: counter("arbitration_wins_total", "packets", ["feed", "channel", "line"], Some("latency"),
        "Packets that were the first to bring something new.");

    LINE_SKEW_SECONDS: summary("line_skew_seconds", "seconds", ["feed", "channel", "line"], Some("latency"),
        "By how much the line brought packets later than another line did.");

    LINE_SKEW_MAX_SECONDS: gauge("line_skew_max_seconds", "seconds", ["feed", "channel", "line"], Some("messages-lost"),
        "By how much the line brought a packet later than another line did at most.");

    LINE_SILENT: gauge("line_silent", "0 or 1", ["feed", "channel", "line"], Some("a-line-is-silent"),
        "1 while the line is silent for longer than it may be.");

    GROUP_LAST_PACKET_TIMESTAMP_SECONDS: gauge("group_last_packet_timestamp_seconds", "seconds", ["feed", "channel", "line"], Some("a-line-is-silent"),
        "When the line's last packet came, seconds since 1970; 0 before the first.");
}

//! What channels had from elsewhere than their lines.

use super::{Family, define};

define! {
    since "0.1.0";

    RECOVERY_HOLES_OPEN: gauge("recovery_holes_open", "holes", ["feed", "channel"], Some("recovery-does-not-end"),
        "Holes asked for at this moment.");

    RECOVERY_MESSAGES_MISSING: gauge("recovery_messages_missing", "messages", ["feed", "channel"], Some("recovery-does-not-end"),
        "Messages missing in the holes that are asked for.");

    RECOVERY_SNAPSHOT_WANTED: gauge("recovery_snapshot_wanted", "0 or 1", ["feed", "channel"], Some("recovery-does-not-end"),
        "1 while a snapshot is wanted or being taken.");

    RECOVERY_RETAINED_PACKETS: gauge("recovery_retained_packets", "packets", ["feed", "channel"], None,
        "Packets retained because a snapshot is wanted.");

    RECOVERY_HOLES_TOTAL: counter("recovery_holes_total", "holes", ["feed", "channel"], None,
        "Holes that were asked for.");

    RECOVERY_HOLE_MESSAGES_TOTAL: counter("recovery_hole_messages_total", "messages", ["feed", "channel"], None,
        "Messages in holes when they were asked for first.");

    RECOVERY_HOLES_CLOSED_TOTAL: counter("recovery_holes_closed_total", "holes", ["feed", "channel"], None,
        "Holes that were closed without loss.");

    RECOVERY_HOLES_LOST_TOTAL: counter("recovery_holes_lost_total", "holes", ["feed", "channel"], Some("messages-lost"),
        "Holes of which something was lost for good.");

    RECOVERY_TIMEOUTS_TOTAL: counter("recovery_timeouts_total", "holes", ["feed", "channel"], Some("messages-lost"),
        "Holes given up because recover_timeout_ms was over.");

    RECOVERY_MESSAGES_TOTAL: counter("recovery_messages_total", "messages", ["feed", "channel"], None,
        "Messages delivered that were asked for again.");

    RECOVERY_REQUESTS_TOTAL: counter("recovery_requests_total", "requests", ["feed", "channel"], None,
        "Requests planned to re-request servers and gap request proxies, those that could not be sent included.");

    RECOVERY_REQUEST_TIMEOUTS_TOTAL: counter("recovery_request_timeouts_total", "requests", ["feed", "channel"], Some("recovery-does-not-end"),
        "Requests that nobody answered in time.");

    RECOVERY_RATE_LIMITED_TOTAL: counter("recovery_rate_limited_total", "requests", ["feed", "channel"], Some("recovery-does-not-end"),
        "Requests that waited because of requests_per_second.");

    RECOVERY_ANSWERS_TOTAL: counter("recovery_answers_total", "answers", ["feed", "channel"], None,
        "Answers with something that was missing; of gap request proxies, requests that they accepted.");

    RECOVERY_MESSAGES_SPENT_TOTAL: counter("recovery_messages_spent_total", "messages", ["feed", "channel"], None,
        "Messages that could be had of no server that was asked for them.");

    RECOVERY_GIVEN_UP_TOTAL: counter("recovery_given_up_total", "times", ["feed", "channel"], Some("recovery-does-not-end"),
        "Times that the channel was told that something cannot be had.");

    RECOVERY_SNAPSHOT_ATTEMPTS_TOTAL: counter("recovery_snapshot_attempts_total", "attempts", ["feed", "channel"], None,
        "Attempts at a snapshot.");

    RECOVERY_SNAPSHOT_FAILURES_TOTAL: counter("recovery_snapshot_failures_total", "attempts", ["feed", "channel"], Some("recovery-does-not-end"),
        "Attempts at a snapshot that failed.");

    RECOVERY_SNAPSHOTS_TOO_OLD_TOTAL: counter("recovery_snapshots_too_old_total", "snapshots", ["feed", "channel"], Some("recovery-does-not-end"),
        "Whole snapshots from before what was needed.");

    RECOVERY_SNAPSHOT_BYTES_TOTAL: counter("recovery_snapshot_bytes_total", "bytes", ["feed", "channel"], None,
        "Bytes of whole snapshots.");

    RECOVERY_SNAPSHOTS_TOTAL: counter("recovery_snapshots_total", "snapshots", ["feed", "channel"], None,
        "Snapshots taken into the stream.");

    RECOVERY_SNAPSHOT_MESSAGES_TOTAL: counter("recovery_snapshot_messages_total", "messages", ["feed", "channel"], None,
        "Messages in the snapshots taken into the stream.");

    RECOVERY_REPLAYED_MESSAGES_TOTAL: counter("recovery_replayed_messages_total", "messages", ["feed", "channel"], None,
        "Messages told again on top of a snapshot.");

    RECOVERY_REFRESHES_TOTAL: counter("recovery_refreshes_total", "snapshots", ["feed", "channel"], Some("the-builder-of-books-was-overtaken"),
        "Snapshots that were asked for because a builder of books was overtaken by its queue.");

    RECOVERY_RETAINED_LOST_TOTAL: counter("recovery_retained_lost_total", "packets", ["feed", "channel"], Some("recovery-does-not-end"),
        "Packets that were retained for a snapshot and went for newer ones: raise recover_packets_max.");

    RECOVERY_SUPPLIES_TOTAL: counter("recovery_supplies_total", "supplies", ["feed", "channel"], None,
        "What channels were given: answers, snapshots, and words that something cannot be had.");

    RECOVERY_SUPPLIES_LOST_TOTAL: counter("recovery_supplies_lost_total", "supplies", ["feed", "channel"], None,
        "What the worker's line had no room for; it was planned anew.");

    RECOVERY_DEMANDS_DELAYED_TOTAL: counter("recovery_demands_delayed_total", "times", ["feed", "channel"], None,
        "Times that a channel could not tell at once what it wants.");

    RECOVERY_DURATION_SECONDS: summary("recovery_duration_seconds", "seconds", ["feed", "channel"], None,
        "Time that the stream waited for what was asked for.");

    RECOVERY_DURATION_MAX_SECONDS: gauge("recovery_duration_max_seconds", "seconds", ["feed", "channel"], None,
        "The longest time that the stream waited for what was asked for.");

    RECOVERY_SNAPSHOT_FETCH_SECONDS: summary("recovery_snapshot_fetch_seconds", "seconds", ["feed", "channel"], None,
        "Time that whole snapshots took to fetch.");

    RECOVERY_ANSWERS_REFUSED_TOTAL: counter("recovery_answers_refused_total", "packets", ["feed", "channel", "reason"], Some("recovery-does-not-end"),
        "Packets of re-request servers that were of no use, and requests that gap request proxies refused, by reason.");

    RECOVERY_SUPPLIES_REFUSED_TOTAL: counter("recovery_supplies_refused_total", "supplies", ["feed", "channel", "reason"], None,
        "What a channel was given and could not use, by reason.");

    RECOVERY_SERVER_REQUESTS_TOTAL: counter("recovery_server_requests_total", "requests", ["feed", "channel", "kind", "server"], None,
        "Requests sent to the server, or attempts to have a snapshot of it.");

    RECOVERY_SERVER_ANSWERS_TOTAL: counter("recovery_server_answers_total", "answers", ["feed", "channel", "kind", "server"], None,
        "Packets that came from the server, requests that it accepted, or snapshots that were whole.");

    RECOVERY_SERVER_FAILURES_TOTAL: counter("recovery_server_failures_total", "failures", ["feed", "channel", "kind", "server"], Some("recovery-does-not-end"),
        "Requests that could not be sent or were refused, sessions that ended and errors that the network told, or attempts that failed.");

    REFRESH_STALE_INSTRUMENTS: gauge("refresh_stale_instruments", "instruments", ["feed", "channel", "book"], Some("recovery-does-not-end"),
        "Instruments whose levels, or orders, wait for a snapshot of the loop.");

    REFRESH_BOOKS_TOTAL: counter("refresh_books_total", "books", ["feed", "channel", "by"], Some("recovery-does-not-end"),
        "Books whose changes go on again: by a snapshot, because the stream proved that nothing of the instrument was lost, given up after two whole loops, or after market_recovery_timeout_ms.");

    REFRESH_WITHHELD_TOTAL: counter("refresh_withheld_total", "records", ["feed", "channel"], None,
        "Records of each output that were withheld because their book was not whole.");

    REFRESH_CONTAINED_TOTAL: counter("refresh_contained_total", "records", ["feed", "channel"], None,
        "Records of each output that were left out because a snapshot ahead of the stream contained them.");

    REFRESH_REPLAYED_TOTAL: counter("refresh_replayed_total", "messages", ["feed", "channel"], None,
        "Messages that were kept and told behind snapshots.");

    REFRESH_DEFINITIONS_REPEATED_TOTAL: counter("refresh_definitions_repeated_total", "definitions", ["feed", "channel"], None,
        "Definitions of the instrument feed that said nothing new: of another line, or of a later loop.");

    REFRESH_LOOPS_TOTAL: counter("refresh_loops_total", "loops", ["feed", "channel"], None,
        "Snapshot loops of which each packet came, on any line.");

    REFRESH_OVERFLOWS_TOTAL: counter("refresh_overflows_total", "overflows", ["feed", "channel"], Some("recovery-does-not-end"),
        "Times that there was no room for what is kept of the stream: snapshots from before are of no use.");

    REFRESH_REFUSED_TOTAL: counter("refresh_refused_total", "snapshots", ["feed", "channel", "reason"], None,
        "Snapshots that were wanted and of no use, by reason.");
}

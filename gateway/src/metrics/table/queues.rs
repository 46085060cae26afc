//! Queues, who reads them, and what clients did at the broker.

use super::{Family, define};

define! {
    since "0.1.0";

    QUEUE_RECORDS_TOTAL: counter("queue_records_total", "records", ["queue"], None,
        "Records published.");

    QUEUE_SLOTS_TOTAL: counter("queue_slots_total", "slots", ["queue"], None,
        "Slots published.");

    QUEUE_REFUSED_TOTAL: counter("queue_refused_total", "records", ["queue"], None,
        "Records too long for the queue.");

    QUEUE_ROTATIONS_TOTAL: counter("queue_rotations_total", "rotations", ["queue"], Some("an-entitlement-is-not-taken-back-yet"),
        "How often the queue went on in other memory because an entitlement was taken back.");

    CONSUMER_ATTACHED: gauge("consumer_attached", "1", ["consumer", "uid", "queue", "reader"], Some("a-reader-is-too-slow"),
        "1 for each reader.");

    CONSUMER_LAG_FRAMES: gauge("consumer_lag_frames", "slots", ["consumer", "uid", "queue", "reader"], Some("a-reader-is-too-slow"),
        "Slots published that the reader has not read.");

    CONSUMER_LOST_FRAMES_TOTAL: counter("consumer_lost_frames_total", "slots", ["consumer", "uid", "queue", "reader"], Some("a-reader-is-too-slow"),
        "Slots that passed unread because the reader was too slow.");

    CONSUMER_OVERRUNS_TOTAL: counter("consumer_overruns_total", "overruns", ["consumer", "uid", "queue", "reader"], Some("a-reader-is-too-slow"),
        "How many times the queue overran the reader.");

    CONSUMER_LAST_POLL_AGE_SECONDS: gauge("consumer_last_poll_age_seconds", "seconds", ["consumer", "uid", "queue", "reader"], Some("a-reader-is-too-slow"),
        "Time since the reader's last poll, as the reader says.");

    BROKER_CLIENTS: gauge("broker_clients", "clients", [], Some("a-client-is-refused"),
        "Clients connected.");

    BROKER_CONNECTIONS_TOTAL: counter("broker_connections_total", "connections", [], None,
        "Connections taken.");

    BROKER_SUBSCRIPTIONS_TOTAL: counter("broker_subscriptions_total", "subscriptions", [], None,
        "Subscriptions given.");

    BROKER_TABLES_TOTAL: counter("broker_tables_total", "tables", [], None,
        "Book tables given.");

    BROKER_SNAPSHOTS_TOTAL: counter("broker_snapshots_total", "requests", [], None,
        "Requests for orders that were answered with orders.");

    BROKER_THROTTLED_TOTAL: counter("broker_throttled_total", "requests", [], Some("a-client-is-refused"),
        "Requests that had to wait because their client asked too often.");

    BROKER_SILENT_TOTAL: counter("broker_silent_total", "clients", [], Some("a-client-is-refused"),
        "Clients that said nothing after connecting, and were let go.");

    BROKER_STUCK_TOTAL: counter("broker_stuck_total", "clients", [], Some("a-client-is-refused"),
        "Clients that did not read their answers, and were let go.");

    BROKER_REFUSED_TOTAL: counter("broker_refused_total", "requests", ["reason"], Some("a-client-is-refused"),
        "Connections, subscriptions and messages refused, by the rule or limit that refused them.");
}

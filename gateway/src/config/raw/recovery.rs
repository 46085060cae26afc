//! `[channel.recovery]` as written.

use gateway_feed::recovery::Ask;
use serde::Deserialize;

use super::super::document::{Field, Place, Section};
use super::RawLine;

words! {
    /// `ask`
    RawAsk -> Ask {
        InTurn => Ask::InTurn,
        All => Ask::All,
    }
}

/// `[channel.recovery]`
#[derive(Debug)]
pub(crate) struct RawRecovery {
    pub(crate) place: Place,
    pub(crate) rerequest: Option<Field<Vec<String>>>,
    pub(crate) ask: Option<Field<RawAsk>>,
    pub(crate) gap_request: Vec<RawSession>,
    pub(crate) gap_response: Vec<RawLine>,
    pub(crate) spin: Vec<RawSession>,
    pub(crate) market_recovery: Vec<RawLine>,
    pub(crate) instrument_definition: Vec<RawLine>,
    pub(crate) market_recovery_timeout_ms: Option<Field<u64>>,
    pub(crate) glimpse: Vec<RawGlimpse>,
    pub(crate) source: Option<Field<String>>,
    pub(crate) interface: Option<Field<String>>,
    pub(crate) requests_per_second: Option<Field<u64>>,
    pub(crate) requests_burst: Option<Field<u64>>,
    pub(crate) requests_outstanding_max: Option<Field<u64>>,
    pub(crate) request_messages_max: Option<Field<u64>>,
    pub(crate) answer_timeout_ms: Option<Field<u64>>,
    pub(crate) attempts_max: Option<Field<u64>>,
    pub(crate) hole_messages_max: Option<Field<u64>>,
    pub(crate) backoff_min_ms: Option<Field<u64>>,
    pub(crate) backoff_max_ms: Option<Field<u64>>,
    pub(crate) snapshot_timeout_ms: Option<Field<u64>>,
    pub(crate) snapshot_attempts_max: Option<Field<u64>>,
    pub(crate) snapshot_backoff_min_ms: Option<Field<u64>>,
    pub(crate) snapshot_backoff_max_ms: Option<Field<u64>>,
    pub(crate) snapshot_mib_max: Option<Field<u64>>,
}

/// One of `channel.recovery.gap_request` or `spin`
#[derive(Debug)]
pub(crate) struct RawSession {
    pub(crate) session_sub_id: Option<Field<String>>,
    pub(crate) server: RawGlimpse,
}

/// One of `channel.recovery.glimpse`
#[derive(Debug)]
pub(crate) struct RawGlimpse {
    pub(crate) place: Place,
    pub(crate) address: Option<Field<String>>,
    pub(crate) username: Option<Field<String>>,
    pub(crate) password_file: Option<Field<String>>,
    pub(crate) password_env: Option<Field<String>>,
}

pub(super) fn read(mut section: Section<'_, '_>) -> RawRecovery {
    let milliseconds = "a whole number of milliseconds";
    let glimpse = section.tables("glimpse");
    let gap_request = section.tables("gap_request");
    let gap_response = section.tables("gap_response");
    let spin = section.tables("spin");
    let market_recovery = section.tables("market_recovery");
    let instrument_definition = section.tables("instrument_definition");
    let raw = RawRecovery {
        place: section.place.clone(),
        rerequest: section.take(
            "rerequest",
            "a list of addresses and ports such as [\"10.1.1.1:26410\"]",
        ),
        ask: section.take("ask", "\"in-turn\" or \"all\""),
        gap_request: gap_request.into_iter().map(read_session).collect(),
        gap_response: gap_response.into_iter().map(super::read_line).collect(),
        spin: spin.into_iter().map(read_session).collect(),
        market_recovery: market_recovery.into_iter().map(super::read_line).collect(),
        instrument_definition: instrument_definition
            .into_iter()
            .map(super::read_line)
            .collect(),
        market_recovery_timeout_ms: section.take("market_recovery_timeout_ms", milliseconds),
        glimpse: glimpse.into_iter().map(read_glimpse).collect(),
        source: section.take("source", "an IP address of this host, in quotes"),
        interface: section.take("interface", "a network interface, in quotes"),
        requests_per_second: section.take("requests_per_second", "a whole number of requests"),
        requests_burst: section.take("requests_burst", "a whole number of requests"),
        requests_outstanding_max: section
            .take("requests_outstanding_max", "a whole number of requests"),
        request_messages_max: section.take("request_messages_max", "a whole number of messages"),
        answer_timeout_ms: section.take("answer_timeout_ms", milliseconds),
        attempts_max: section.take("attempts_max", "a whole number of requests"),
        hole_messages_max: section.take("hole_messages_max", "a whole number of messages"),
        backoff_min_ms: section.take("backoff_min_ms", milliseconds),
        backoff_max_ms: section.take("backoff_max_ms", milliseconds),
        snapshot_timeout_ms: section.take("snapshot_timeout_ms", milliseconds),
        snapshot_attempts_max: section.take("snapshot_attempts_max", "a whole number of attempts"),
        snapshot_backoff_min_ms: section.take("snapshot_backoff_min_ms", milliseconds),
        snapshot_backoff_max_ms: section.take("snapshot_backoff_max_ms", milliseconds),
        snapshot_mib_max: section.take("snapshot_mib_max", "a whole number of MiB"),
    };
    section.finish();
    raw
}

impl RawRecovery {
    /// Where servers are named, and how they are asked.
    pub(crate) fn servers_and_requests(&self) -> Vec<&Place> {
        let numbers = [
            &self.requests_per_second,
            &self.requests_burst,
            &self.requests_outstanding_max,
            &self.request_messages_max,
            &self.answer_timeout_ms,
            &self.attempts_max,
            &self.hole_messages_max,
            &self.backoff_min_ms,
            &self.backoff_max_ms,
            &self.snapshot_timeout_ms,
            &self.snapshot_attempts_max,
            &self.snapshot_backoff_min_ms,
            &self.snapshot_backoff_max_ms,
            &self.snapshot_mib_max,
        ];
        let numbers = numbers.into_iter().flatten().map(|field| &field.place);
        let sessions = self.gap_request.iter().chain(&self.spin);
        let mut places: Vec<&Place> = sessions.map(|raw| &raw.server.place).collect();
        places.extend(self.glimpse.iter().map(|raw| &raw.place));
        places.extend(self.gap_response.iter().map(|raw| &raw.place));
        places.extend(self.rerequest.as_ref().map(|field| &field.place));
        places.extend(self.ask.as_ref().map(|field| &field.place));
        let texts = [&self.source, &self.interface];
        places.extend(texts.into_iter().flatten().map(|field| &field.place));
        places.extend(numbers);
        places
    }

    /// Lines of the channel that do not carry its stream.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &RawLine> {
        let of_cme = self
            .market_recovery
            .iter()
            .chain(&self.instrument_definition);
        self.gap_response.iter().chain(of_cme)
    }
}

fn read_session(mut section: Section<'_, '_>) -> RawSession {
    let session_sub_id = section.require(
        "session_sub_id",
        "the session's id that the venue has given, in quotes",
    );
    RawSession {
        session_sub_id,
        server: read_glimpse(section),
    }
}

fn read_glimpse(mut section: Section<'_, '_>) -> RawGlimpse {
    let raw = RawGlimpse {
        place: section.place.clone(),
        address: section.require("address", "the server's address and port, in quotes"),
        username: section.require("username", "the name that the venue has given, in quotes"),
        password_file: section.take("password_file", "the path of a file, in quotes"),
        password_env: section.take("password_env", "the name of an environment variable"),
    };
    section.finish();
    raw
}

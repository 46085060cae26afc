//! The scenarios that come with the program.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// By which it is asked for.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

macro_rules! scenarios {
    ($($name:literal),* $(,)?) => {
        &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../../../config/scenarios/", $name, ".toml")),
        }),*]
    };
}

/// All of them: the files of `config/scenarios`.
#[must_use]
pub fn shipped() -> &'static [Shipped] {
    scenarios![
        "open_burst",
        "line_a_dies",
        "line_b_dies",
        "both_lines_gap",
        "both_lines_die",
        "session_rollover",
        "late_start",
        "rerequest_dead",
        "rerequest_slow",
        "rerequest_lying",
        "glimpse_drops",
        "last_sequences",
        "futures_day",
    ]
}

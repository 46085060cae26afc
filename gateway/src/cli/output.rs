//! What commands say, where somebody listens.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use super::exit::{Exit, Failure};

/// Prints `text` on stdout. A reader that closed the pipe has read what it wanted: that is no error.
pub(super) fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::Internal,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Prints `text` on stdout and ends the line.
pub(super) fn print_line(text: impl Display) -> Result<(), Failure> {
    print(format_args!("{text}\n"))
}

/// Says something on stderr. Where nobody listens there, nobody can be told.
pub(super) fn tell(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

//! The least HTTP that reads an endpoint of the gateway.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest time for a connection, and for each read.
const LIMIT: Duration = Duration::from_secs(3);
/// More than any answer of the gateway.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// An answer: its status code and its body.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Fetches `path` from `address` with one HTTP/1.0 request, in the network namespace of the calling thread.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)
        .with_context(|| format!("no answer at {address}"))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(|| format!("reading {path}"))?;
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        bail!("no HTTP answer: {text:?}")
    };
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("no status code in {head:?}"))?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}

//! What requester and responder tell each other over TCP: one JSON object a line.
//!
//! The requester speaks, the responder answers each line with one. Its end of the connection is the end of whatever it
//! had started.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::receiver::Description;
use super::{ClockKind, Path};

/// Version of this conversation.
pub const VERSION: u32 = 1;
/// The longest line taken from the other end.
const LINE_BYTES_MAX: usize = 64 << 10;
/// How often a wait for a line looks whether it should end.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What the requester asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Who are you?
    Hello {
        /// The requester's [`VERSION`].
        version: u32,
    },
    /// Answer datagrams from now on.
    Start(Start),
    /// Stop answering.
    Stop,
}

/// How datagrams are to be answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The way in.
    pub path: Path,
    /// Those of the run carry it.
    pub token: u64,
    /// The address they come from, to which answers go.
    pub requester: Ipv4Addr,
    /// UDP port to which answers go.
    pub port: u16,
    /// The clock to stamp with.
    pub clock: ClockKind,
}

/// What the responder says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To [`Request::Hello`].
    Hello {
        /// The responder's [`VERSION`].
        version: u32,
        /// Its machine.
        facts: Facts,
    },
    /// To [`Request::Start`]: it receives.
    Ready(Description),
    /// To [`Request::Stop`].
    Stopped(Answered),
    /// To anything: why it cannot.
    Refused {
        /// Cause and remedy.
        message: String,
    },
}

/// What a responder did between start and stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Requests of the run.
    pub requests: u64,
    /// Replies that the kernel took.
    pub replies: u64,
    /// Replies that the kernel refused to send.
    pub replies_refused: u64,
    /// Datagrams that were no request of the run.
    pub strangers: u64,
}

/// One end of the conversation.
#[derive(Debug)]
pub struct Conversation {
    reader: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Conversation {
    /// Over a connection.
    ///
    /// # Errors
    /// The kernel refuses its options.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK_INTERVAL))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self {
            reader: BufReader::new(stream),
            line: Vec::new(),
        })
    }

    /// Says one thing.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn say(&mut self, what: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(what).map_err(io::Error::other)?;
        line.push(b'\n');
        self.reader.get_mut().write_all(&line)
    }

    /// Waits for the next thing that the other end says; `None` once it has hung up.
    ///
    /// # Errors
    /// The connection is broken, the line is none that we know, `limit` has passed, or `interrupted` said so
    /// ([`io::ErrorKind::Interrupted`]).
    pub fn hear<T: DeserializeOwned>(
        &mut self,
        limit: Option<Duration>,
        interrupted: &dyn Fn() -> bool,
    ) -> io::Result<Option<T>> {
        let start = Instant::now();
        loop {
            if interrupted() {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
            }
            match self.read_some() {
                Ok(true) => break,
                Ok(false) if self.line.is_empty() => return Ok(None),
                Ok(false) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the other end hung up within a line",
                    ));
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    if limit.is_some_and(|limit| start.elapsed() > limit) {
                        return Err(io::Error::new(
                            io::ErrorKind::TimedOut,
                            "the other end does not answer",
                        ));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let heard = serde_json::from_slice(&self.line).map_err(|error| {
            let shown: String = String::from_utf8_lossy(&self.line)
                .chars()
                .filter(|c| !c.is_control())
                .take(80)
                .collect();
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the other end said `{shown}`, which makes no sense here: {error}"),
            )
        });
        self.line.clear();
        heard.map(Some)
    }

    /// Reads on until the end of a line (`true`) or of the connection (`false`).
    fn read_some(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(false);
            }
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let taken = end.unwrap_or(bytes.len());
            if self.line.len() + taken > LINE_BYTES_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a line of more than {LINE_BYTES_MAX} bytes"),
                ));
            }
            self.line.extend_from_slice(&bytes[..taken]);
            self.reader.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Conversation, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let here = listener.accept().unwrap().0;
        (Conversation::over(here).unwrap(), there)
    }

    fn hear(conversation: &mut Conversation) -> io::Result<Option<Request>> {
        conversation.hear(Some(Duration::from_secs(10)), &|| false)
    }

    #[test]
    fn what_is_said_is_heard() {
        let (mut here, there) = pair();
        let mut there = Conversation::over(there).unwrap();
        let start = Request::Start(Start {
            path: Path::GatewayQueue,
            token: u64::MAX,
            requester: Ipv4Addr::LOCALHOST,
            port: 1,
            clock: ClockKind::Realtime,
        });
        there.say(&start).unwrap();
        there.say(&Request::Stop).unwrap();
        drop(there);
        assert_eq!(hear(&mut here).unwrap(), Some(start));
        assert_eq!(hear(&mut here).unwrap(), Some(Request::Stop));
        assert_eq!(hear(&mut here).unwrap(), None);
    }

    #[test]
    fn nonsense_is_told_and_does_not_end_the_conversation() {
        let (mut here, mut there) = pair();
        there.write_all(b"GET / HTTP/1.1\r\n\"stop\"\n").unwrap();
        let error = hear(&mut here).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("GET / HTTP/1.1"), "{error}");
        assert_eq!(hear(&mut here).unwrap(), Some(Request::Stop));
    }

    #[test]
    fn an_endless_line_is_cut_off() {
        let (mut here, mut there) = pair();
        let writer = std::thread::spawn(move || {
            // Ends when the other side has hung up.
            while there.write_all(&[b'x'; 4096]).is_ok() {}
        });
        let error = hear(&mut here).unwrap_err();
        assert!(error.to_string().contains("65536 bytes"), "{error}");
        drop(here);
        writer.join().unwrap();
    }

    #[test]
    fn half_a_line_and_silence_are_errors() {
        let (mut here, mut there) = pair();
        there.write_all(b"\"st").unwrap();
        let error = here
            .hear::<Request>(Some(Duration::from_millis(1)), &|| false)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(there);
        assert_eq!(
            hear(&mut here).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        let interrupted = here.hear::<Request>(None, &|| true).unwrap_err();
        assert_eq!(interrupted.kind(), io::ErrorKind::Interrupted);
    }
}

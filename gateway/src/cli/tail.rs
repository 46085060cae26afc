//! `gateway tail`

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use gateway_client::{Client, ClientError, Event, Start, SubscribeOptions, WaitStrategy};

use super::exit::{Exit, Failure};
use super::record::{self, LineFormat};

/// Options of `gateway tail`.
#[derive(Debug, Args)]
pub(super) struct Tail {
    /// The queue; `gateway status` lists them
    queue: String,
    /// End after so many records
    #[arg(long)]
    count: Option<u64>,
    /// How records are printed
    #[arg(long, value_enum, default_value_t)]
    format: LineFormat,
    /// Where to begin
    #[arg(long, value_enum, default_value_t)]
    start: From,
    /// The gateway's broker_socket
    #[arg(long, value_name = "PATH", default_value = super::DEFAULT_SOCKET)]
    socket: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum From {
    /// With the next record
    #[default]
    Head,
    /// With the oldest record that is still there
    Oldest,
    /// With the last session start, reset or snapshot
    Resync,
}

impl Tail {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = Client::connect(&self.socket).map_err(unreachable)?;
        let options = SubscribeOptions {
            start: match self.start {
                From::Head => Start::Head,
                From::Oldest => Start::Oldest,
                From::Resync => Start::Resync,
            },
            wait: WaitStrategy::Sleep(Duration::from_millis(1)),
            ..SubscribeOptions::named("gateway-tail")
        };
        let mut subscription = client
            .subscribe(&self.queue, &options)
            .map_err(unreachable)?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut left = self.count.unwrap_or(u64::MAX);
        while left > 0 {
            let written = match subscription.wait(Duration::from_millis(100)) {
                Event::Record(record) => {
                    left -= 1;
                    writeln!(out, "{}", record::line(&record, self.format))
                }
                Event::Empty => out.flush(),
                Event::Lost(slots) => match self.format {
                    LineFormat::Text => {
                        writeln!(out, "LOST {slots} slots: this reader was too slow")
                    }
                    LineFormat::Json => writeln!(out, "{{\"record\":\"lost\",\"slots\":{slots}}}"),
                },
                Event::Closed(reason) => {
                    let _ = out.flush();
                    return Err(Failure::new(
                        Exit::NotReachable,
                        format!("queue \"{}\" is closed: {reason}", self.queue),
                    ));
                }
            };
            if written.is_err() {
                // Whoever read the lines has gone.
                return Ok(());
            }
        }
        let _ = out.flush();
        Ok(())
    }
}

/// How a client's error ends a command.
pub(super) fn unreachable(error: ClientError) -> Failure {
    let exit = match &error {
        ClientError::Connect { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Exit::Privilege
        }
        ClientError::Connect { .. } | ClientError::Broken { .. } => Exit::NotReachable,
        ClientError::Refused { .. } => Exit::Usage,
        _ => Exit::Internal,
    };
    Failure::new(exit, error)
}

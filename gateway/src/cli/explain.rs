//! `gateway explain`

use std::path::PathBuf;

use clap::Args;
use gateway_client::{Client, ClientError};

use super::exit::{Exit, Failure};
use super::output::{print, print_line};
use super::status::parse;
use super::tail::unreachable;
use crate::explain::{self, Explanation};
use crate::ingest::netdev::{self, LinkFacts};
use crate::ingest::{Facts, IngestError, InterfaceRequest};

/// Options of `gateway explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The interface; all of a running gateway, or all that are up, where it is left out
    interface: Option<String>,
    /// Print a JSON array with an object for each interface
    #[arg(long)]
    json: bool,
    /// The gateway's broker_socket
    #[arg(long, value_name = "PATH", default_value = super::DEFAULT_SOCKET)]
    socket: PathBuf,
    /// Look at the interface itself, even if a gateway runs
    #[arg(long)]
    probe: bool,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Failure> {
        let shown = if self.probe { None } else { self.ask()? };
        let (from, explanations) = match shown {
            Some(text) => {
                let status = parse(&text)?;
                let from = format!(
                    "from the running gateway {} (pid {})",
                    status.name, status.pid
                );
                match &self.interface {
                    None => (from, explain::running_all(&status)),
                    Some(name) => match explain::running(&status, name) {
                        Some(explanation) => (from, vec![explanation]),
                        // One that the gateway does not use can be looked at all the same.
                        None => (
                            format!("the running gateway {} does not use {name}", status.name),
                            vec![probe(name)?],
                        ),
                    },
                }
            }
            None => {
                let from = if self.probe {
                    "a look at the machine".to_owned()
                } else {
                    format!("no gateway answers on {}", self.socket.display())
                };
                let names = match &self.interface {
                    Some(name) => vec![name.clone()],
                    None => {
                        let up = |name: &String| LinkFacts::of(name).is_some_and(|link| link.up);
                        netdev::names().into_iter().filter(up).collect()
                    }
                };
                let all: Result<_, Failure> = names.iter().map(|name| probe(name)).collect();
                (from, all?)
            }
        };
        if self.json {
            let text = serde_json::to_string(&explanations);
            return print_line(text.map_err(|error| Failure::new(Exit::Internal, error))?);
        }
        let mut page = format!("{from}\n");
        for explanation in &explanations {
            page.push_str(&format!("\n{explanation}"));
        }
        print(page)
    }

    /// What a running gateway shows; `None` where none runs.
    fn ask(&self) -> Result<Option<String>, Failure> {
        match Client::connect(&self.socket).and_then(|client| client.status()) {
            Ok(text) => Ok(Some(text)),
            Err(ClientError::Connect { source, .. })
                if matches!(
                    source.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(unreachable(error)),
        }
    }
}

/// Looks at an interface as the default settings would use it.
fn probe(name: &str) -> Result<Explanation, Failure> {
    let fail = |error: IngestError| Failure::new(Exit::Interface, error);
    let missing = || IngestError::InterfaceMissing {
        name: name.to_owned(),
    };
    let index = netdev::index(name).ok_or_else(|| fail(missing()))?;
    let request = InterfaceRequest::new(name, Vec::new());
    let facts = Facts::gather(&request, index).map_err(|(action, cause)| {
        fail(IngestError::System {
            name: name.to_owned(),
            action,
            cause: cause.to_string(),
        })
    })?;
    Ok(explain::probed(name, &facts))
}

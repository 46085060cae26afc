//! Checks what is written against itself, and resolves names to indices.
//!
//! Every check goes on after a mistake; a value that is wrong is replaced by its default so that it causes no second
//! report. Facts about the machine (does `eth1` exist?) are not checked here: a file can be checked anywhere.

mod books;
mod entitlements;
mod feeds;
mod inputs;
mod queues;
mod recovery;
mod sharing;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::accounts::Accounts;
use super::document::{Field, Findings, Place, nearest};
use super::model::{Config, Gateway, MetricsListen, Wait, Worker};
use super::raw::{RawConfig, RawGateway};

/// CPU numbers beyond this are certainly mistakes (`CPU_SETSIZE` of the kernel's interface).
const CORE_MAX: u32 = 1023;
/// Length of a Unix socket's path, from `sockaddr_un` less the final zero.
const SOCKET_PATH_MAX: usize = 107;
/// How many channels, and readers, may have latency series of their own: each is some 100 series and 60 KiB.
const METRICS_DETAIL: std::ops::RangeInclusive<u32> = 1..=4_096;
const METRICS_DETAIL_DEFAULT: u32 = 64;
/// How many clients a broker serves unless told otherwise, and what may be told.
const MAX_CLIENTS_DEFAULT: u32 = 256;
const MAX_CLIENTS_PER_USER_DEFAULT: u32 = 128;
const CHECKS_INTERVAL_S_DEFAULT: u32 = 300;
/// A look takes tens of milliseconds on the housekeeping core, and may ask the card's firmware.
const CHECKS_INTERVAL_S: std::ops::RangeInclusive<u32> = 10..=86_400;
const MAX_CLIENTS: std::ops::RangeInclusive<u32> = 1..=10_000;

/// What a name may look like: it becomes a label, a thread's name and an argument on a command line.
const NAME_RULE: &str = "use 1 to 63 letters, digits, '.', '_' or '-'";

/// The configuration of `raw`; complete only where `findings` stays clean.
pub(crate) fn validate(
    raw: &RawConfig,
    base: &Path,
    accounts: &dyn Accounts,
    findings: &Findings,
) -> Config {
    let gateway = gateway(&raw.gateway, findings);
    let (interfaces, captures, input_names) = inputs::inputs(raw, base, findings);
    let worker_names = Names::collect(
        "worker",
        raw.workers.iter().map(|w| w.name.as_ref()),
        findings,
    );
    let mut workers = inputs::workers(raw, &input_names, findings);
    cores(raw, &gateway, &mut workers, findings);
    let channels = feeds::channels(raw, base, &worker_names, &workers, &input_names, findings);
    feeds::every_input_is_used(
        raw,
        &worker_names,
        &input_names,
        &workers,
        &channels,
        findings,
    );
    let queues = queues::queues(raw, &channels, findings);
    let books = books::books(raw, &gateway, &workers, &channels, &queues, findings);
    let entitlements = entitlements::entitlements(raw, &queues, &books, accounts, findings);
    if raw.workers.is_empty() {
        findings.add(
            &Place::default(),
            "there is no [[worker]], so nothing would run",
            "add a [[worker]] with inputs, and a [[channel]] and a [[queue]] for it",
        );
    }
    Config {
        gateway,
        interfaces,
        captures,
        workers,
        channels,
        queues,
        books,
        entitlements,
        warnings: Vec::new(),
        written: toml::Table::new(),
    }
}

fn gateway(raw: &RawGateway, findings: &Findings) -> Gateway {
    if let Some(name) = &raw.name {
        check_name(name, findings);
    }
    let broker_socket = raw.broker_socket.as_ref().map_or_else(
        || PathBuf::from("/run/gateway/broker.sock"),
        |field| {
            if field.value.is_empty() || field.value.len() > SOCKET_PATH_MAX {
                findings.add(
                    &field.place,
                    "not a path that a Unix socket can have",
                    format!("give a path of 1 to {SOCKET_PATH_MAX} bytes"),
                );
            }
            PathBuf::from(&field.value)
        },
    );
    let metrics_listen = match &raw.metrics_listen {
        None => Some(MetricsListen::Tcp(SocketAddr::from(([127, 0, 0, 1], 9464)))),
        Some(field) if field.value.is_empty() => None,
        Some(field) => match field.value.strip_prefix("unix:") {
            Some(path) => {
                if path.is_empty() || path.len() > SOCKET_PATH_MAX {
                    findings.add(
                        &field.place,
                        "not a path that a Unix socket can have",
                        format!("give a path of 1 to {SOCKET_PATH_MAX} bytes behind \"unix:\""),
                    );
                }
                Some(MetricsListen::Unix(PathBuf::from(path)))
            }
            None => match field.value.parse() {
                Ok(address) => Some(MetricsListen::Tcp(address)),
                Err(_) => {
                    findings.add(
                        &field.place,
                        "neither an address and port nor a Unix socket",
                        "write it as \"127.0.0.1:9464\", \"[::1]:9464\" or \"unix:/run/gateway/metrics.sock\"; \"\" turns \
                         the metrics server off",
                    );
                    None
                }
            },
        },
    };
    let clients = |field: &Option<Field<u32>>, default| {
        field.as_ref().map_or(default, |field| {
            if !MAX_CLIENTS.contains(&field.value) {
                findings.add(
                    &field.place,
                    "not a number of clients that the broker can serve",
                    format!("give {} to {}", MAX_CLIENTS.start(), MAX_CLIENTS.end()),
                );
            }
            field.value
        })
    };
    let max_clients = clients(&raw.max_clients, MAX_CLIENTS_DEFAULT);
    let max_clients_per_user = clients(&raw.max_clients_per_user, MAX_CLIENTS_PER_USER_DEFAULT);
    let checks_interval_s = match &raw.checks_interval_s {
        None => CHECKS_INTERVAL_S_DEFAULT,
        Some(field) => {
            if field.value != 0 && !CHECKS_INTERVAL_S.contains(&field.value) {
                let (least, most) = CHECKS_INTERVAL_S.into_inner();
                findings.add(
                    &field.place,
                    "not a time between two looks at the machine",
                    format!("give {least} to {most} seconds, or 0 to look at the start only"),
                );
            }
            field.value
        }
    };
    let metrics_detail_max =
        raw.metrics_detail_max
            .as_ref()
            .map_or(METRICS_DETAIL_DEFAULT, |field| {
                if !METRICS_DETAIL.contains(&field.value) {
                    findings.add(
                        &field.place,
                        "not a number of channels and readers that metrics can have series of",
                        format!(
                            "give {} to {}",
                            METRICS_DETAIL.start(),
                            METRICS_DETAIL.end()
                        ),
                    );
                }
                field.value
            });
    Gateway {
        name: text(raw.name.as_ref(), "gateway"),
        broker_socket,
        max_clients: max_clients as usize,
        max_clients_per_user: max_clients_per_user as usize,
        metrics_listen,
        metrics_detail_max: metrics_detail_max as usize,
        log: raw.log.as_ref().map(|f| f.value).unwrap_or_default(),
        housekeeping_core: core(raw.housekeeping_core.as_ref(), findings),
        confine: raw.confine.as_ref().map(|f| f.value).unwrap_or_default(),
        checks_interval: (checks_interval_s > 0)
            .then(|| Duration::from_secs(checks_interval_s.into())),
    }
}

/// Two threads that never sleep cannot share a core.
fn cores(raw: &RawConfig, gateway: &Gateway, workers: &mut [Worker], findings: &Findings) {
    let mut owner: HashMap<usize, &str> = HashMap::new();
    if let Some(core) = gateway.housekeeping_core {
        owner.insert(core, "the housekeeping thread");
    }
    for (raw, worker) in raw.workers.iter().zip(workers.iter_mut()) {
        worker.core = core(raw.core.as_ref(), findings);
        let (Some(field), Some(core)) = (&raw.core, worker.core) else {
            continue;
        };
        if worker.wait == Wait::Sleep {
            continue;
        }
        match owner.get(&core) {
            Some(other) => findings.add(
                &field.place,
                format!("{other} is on this core already, and this worker never sleeps"),
                "give each its own core, or set wait = \"sleep\"",
            ),
            None => {
                owner.insert(core, raw.name.as_ref().map_or("a worker", |f| &f.value));
            }
        }
    }
}

fn core(field: Option<&Field<u32>>, findings: &Findings) -> Option<usize> {
    let field = field?;
    if field.value > CORE_MAX {
        let remedy = format!("give a CPU number from 0 to {CORE_MAX}; `lscpu -e` lists them");
        findings.add(&field.place, "there is no such CPU", remedy);
        return None;
    }
    usize::try_from(field.value).ok()
}

/// Names of one kind, each once.
pub(super) struct Names<'r> {
    kind: &'static str,
    index: HashMap<&'r str, usize>,
}

impl<'r> Names<'r> {
    /// Checks that each name is well formed and there once.
    pub(super) fn collect(
        kind: &'static str,
        names: impl Iterator<Item = Option<&'r Field<String>>>,
        findings: &Findings,
    ) -> Self {
        let mut index = HashMap::new();
        let mut lines: HashMap<&str, usize> = HashMap::new();
        for (position, field) in names.enumerate() {
            let Some(field) = field else { continue };
            check_name(field, findings);
            if let Some(line) = lines.get(field.value.as_str()) {
                findings.add(
                    &field.place,
                    format!("another {kind} on line {line} has this name"),
                    "give each a name of its own",
                );
                continue;
            }
            lines.insert(&field.value, field.place.line);
            index.insert(field.value.as_str(), position);
        }
        Self { kind, index }
    }

    /// Whether something of this kind has this name.
    fn knows(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// The index of `name`; an unknown one is a mistake at `place`.
    pub(super) fn resolve(&self, name: &str, place: &Place, findings: &Findings) -> Option<usize> {
        let found = self.index.get(name).copied();
        if found.is_none() {
            let mut known: Vec<&str> = self.index.keys().copied().collect();
            known.sort_unstable();
            let remedy = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None if known.is_empty() => format!("add a {} of that name", self.kind),
                None => format!("use one of: {}", known.join(", ")),
            };
            findings.add(
                place,
                format!("there is no {} \"{name}\"", self.kind),
                remedy,
            );
        }
        found
    }
}

/// A book's conflated queue has its name: there is one space of names for both.
fn names_of_queues_and_books(raw: &RawConfig) -> impl Iterator<Item = Option<&Field<String>>> {
    let queues = raw.queues.iter().map(|queue| queue.name.as_ref());
    queues.chain(raw.books.iter().map(|book| book.name.as_ref()))
}

fn check_name(field: &Field<String>, findings: &Findings) {
    let fits = (1..=63).contains(&field.value.len())
        && field
            .value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !fits {
        findings.add(&field.place, "not a usable name", NAME_RULE);
    }
}

fn text(field: Option<&Field<String>>, default: &str) -> String {
    field.map_or_else(|| default.to_owned(), |field| field.value.clone())
}

/// A whole number within `range`, or a report and `default`.
fn number(
    field: Option<&Field<u64>>,
    range: std::ops::RangeInclusive<u64>,
    default: u64,
    unit: &str,
    findings: &Findings,
) -> u64 {
    let Some(field) = field else { return default };
    if range.contains(&field.value) {
        return field.value;
    }
    findings.add(
        &field.place,
        "out of range",
        format!("give {} to {} {unit}", range.start(), range.end()),
    );
    default
}

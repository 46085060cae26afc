//! A gateway that plays a generated session with losses on both lines, as fast as it can.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gateway_client::{
    Client, ControlKind, Event, Record, Start, SubscribeOptions, Subscription, WaitStrategy,
};
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::simulator::{Report, line_arguments};
use gateway_test_harness::{Binaries, Config, Gateway, Namespace, wait};
use tempfile::TempDir;

/// Longest wait for anything; builds of the programs under test not included.
pub const LIMIT: Duration = Duration::from_secs(30);
/// Few enough that [`gateway_test_harness::Running`] keeps every line that a client prints of it.
const FLOW: &str = "generate --symbols 20 --messages 10000 --pace rate=100000 --end-of-session";
/// The same in another protocol, whose session has no message for its end.
const FLOW_OF_OTHERS: &str = "generate --symbols 20 --messages 10000 --pace rate=100000 --feed";
const LOSSES: &str = " --loss-a 0.03 --loss-b 0.03";

/// The book that every gateway of a flow keeps of its queue `full`, with a conflated queue.
pub const BOOK: &str = "full-book";

/// A session in a capture file, and what is true of it.
#[derive(Debug)]
pub struct Flow {
    binaries: Binaries,
    folder: TempDir,
    feed: &'static str,
    /// What the exchange sent and what it dropped.
    pub report: Report,
}

/// A gateway that played the whole of a [`Flow`].
#[derive(Debug)]
pub struct Played {
    /// The process.
    pub gateway: Gateway,
}

impl Flow {
    /// Writes the session, of which either line loses some packets, some of them the same.
    pub fn generate() -> Result<Self> {
        let flow = Self::write(&format!("{FLOW}{LOSSES}"), Self::ITCH)?;
        ensure!(
            flow.report.lost_on_both.messages > 0,
            "the flow has no loss on both lines: {:?}",
            flow.report
        );
        Ok(flow)
    }

    /// Writes the session, of which nothing is lost.
    pub fn whole() -> Result<Self> {
        Self::write(FLOW, Self::ITCH)
    }

    /// Writes the same day of another feed that the simulator has (PITCH as unit 1), of which nothing is lost.
    pub fn whole_of(feed: &'static str) -> Result<Self> {
        Self::write(&format!("{FLOW_OF_OTHERS} {feed}"), feed)
    }

    const ITCH: &'static str = "nasdaq-itch50";

    fn write(flow: &str, feed: &'static str) -> Result<Self> {
        let binaries = Binaries::of_this_build()?;
        let folder = TempDir::new().context("no temporary folder")?;
        let output = Command::new(binaries.path("gateway-sim"))
            .args(flow.split_whitespace())
            .args(line_arguments(
                &Config::new(Self::input(folder.path())).lines,
            ))
            .arg("--output-pcap")
            .arg(folder.path().join("lines.pcap"))
            .output()
            .context("cannot start gateway-sim")?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "gateway-sim failed: {stderr}");
        let report = Report::parse(&output.stdout)?;
        Ok(Self {
            binaries,
            folder,
            feed,
            report,
        })
    }

    fn input(folder: &Path) -> Input {
        Input::Capture {
            file: folder.join("lines.pcap"),
            pace: "asap",
        }
    }

    /// A configuration that plays it into `queues`, of which one is `all`.
    pub fn config(&self, queues: Vec<Queue>) -> Config {
        let unit = if self.feed.starts_with("cboe-pitch") {
            "unit = 1\n"
        } else {
            ""
        };
        Config {
            queues,
            feed: self.feed,
            channel_keys: unit.to_owned(),
            // No metrics server: tests run beside each other and beside a gateway of the machine's.
            metrics_listen: String::new(),
            ..Config::new(Self::input(self.folder.path()))
        }
    }

    /// As [`Self::play`], with a book of the queue `full`, which is one of `queues`.
    pub fn play_with_book(&self, queues: Vec<Queue>, conflated: &str) -> Result<Played> {
        let config = Config {
            extra: format!(
                "[[book]]\nname = \"{BOOK}\"\nqueue = \"full\"\norders_max = 100000\n\
                 conflated = \"{conflated}\"\n"
            ),
            ..self.config(queues)
        };
        self.start(&config)
    }

    /// Plays it into `queues` and waits for its end.
    pub fn play(&self, queues: Vec<Queue>) -> Result<Played> {
        self.start(&self.config(queues))
    }

    fn start(&self, config: &Config) -> Result<Played> {
        let gateway = Gateway::start(&self.binaries, &Namespace::current(), config)?;
        if self.feed == Self::ITCH {
            await_session_end(&gateway.socket())?;
        } else {
            wait::until("the last message", LIMIT, || {
                let status = gateway.status()?;
                let next = status["channels"][0]["next_sequence"].as_u64();
                Ok((next == Some(self.report.last_sequence + 1)).then_some(()))
            })?;
        }
        Ok(Played { gateway })
    }
}

/// Returns when the queue `all` has the session's end.
fn await_session_end(socket: &Path) -> Result<()> {
    read_to_session_end(watch(socket, Start::Oldest)?)
}

/// Begins to read the queue `all`.
pub(crate) fn watch(socket: &Path, start: Start) -> Result<Subscription> {
    let options = SubscribeOptions {
        start,
        wait: WaitStrategy::Sleep(Duration::from_millis(1)),
        ..SubscribeOptions::named("watch")
    };
    Ok(Client::connect(socket)?.subscribe("all", &options)?)
}

/// Returns when `subscription` has come to a session's end.
pub(crate) fn read_to_session_end(mut subscription: Subscription) -> Result<()> {
    wait::until("the session's end", LIMIT, || {
        while let Event::Record(record) = subscription.poll() {
            if let Record::Control(control) = record
                && control.kind == ControlKind::SessionEnd as u16
            {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })
}

impl Played {
    /// Returns when `count` readers called `name` are subscribed and have read everything.
    pub fn await_drained(&self, name: &str, count: usize) -> Result<()> {
        let what = format!("{count} readers {name} to read everything");
        wait::until(&what, LIMIT, || {
            let status = self.gateway.status()?;
            let readers = status["readers"].as_array().context("no readers")?;
            let done = |reader: &serde_json::Value| {
                reader["name"] == name && reader["lag"] == 0 && reader["last_poll_age_s"].is_f64()
            };
            Ok((readers.iter().filter(|reader| done(reader)).count() == count).then_some(()))
        })
    }

    /// Returns when the book has all that its queue has.
    pub fn await_book(&self) -> Result<()> {
        let client = Client::connect(self.gateway.socket())?;
        wait::until("the book to have everything", LIMIT, || {
            let queues = client.queues()?;
            let queue = queues.iter().find(|queue| queue.name == "full");
            let head = queue.context("no queue full")?.head;
            let books = client.book_list()?;
            let book = books.iter().find(|book| book.name == BOOK);
            Ok((book.context("no book")?.applied == head).then_some(()))
        })
    }

    /// Stops the gateway in order.
    pub fn stop(mut self) -> Result<()> {
        let (status, _) = self.gateway.process.terminate(LIMIT)?;
        let output = self.gateway.process.output();
        ensure!(
            status.success(),
            "the gateway ended with {status}\n{output}"
        );
        Ok(())
    }
}

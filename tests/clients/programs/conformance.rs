//! The conformance script's program in Rust: `conformance SOCKET`, commands on stdin. See `CONFORMANCE.md`.

use std::fmt::Write as _;
use std::io::{BufRead, Write as _};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gateway_client::dbn::BidAskPair;
use gateway_client::protocol::ErrorCode;
use gateway_client::{
    Client, ClientError, Closed, Event, JoinOutcome, Joined, MultiSubscriber, OnLapped, QueueState,
    Record, Start, SubscribeOptions, Subscription, WaitStrategy,
};

/// What is open.
struct Program {
    socket: String,
    client: Option<Client>,
    subscription: Option<Subscription>,
    queues: Option<MultiSubscriber>,
    out: String,
}

/// Why a command has no result.
enum Failure {
    /// The library's; the driver is told.
    Client(ClientError),
    /// The driver's mistake.
    Driver(anyhow::Error),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<std::num::ParseIntError> for Failure {
    fn from(error: std::num::ParseIntError) -> Self {
        Self::Driver(error.into())
    }
}

fn main() -> Result<()> {
    let socket = std::env::args()
        .nth(1)
        .context("usage: conformance SOCKET")?;
    let mut program = Program {
        socket,
        client: None,
        subscription: None,
        queues: None,
        out: String::new(),
    };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let result = program.run(&words);
        let mut out = std::mem::take(&mut program.out);
        match result {
            Ok(()) => out.push_str("ok\n"),
            Err(Failure::Client(error)) => writeln!(out, "error {}", error_name(&error))?,
            Err(Failure::Driver(error)) => return Err(error.context(line)),
        }
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(out.as_bytes())?;
        stdout.flush()?;
    }
    Ok(())
}

impl Program {
    fn run(&mut self, words: &[&str]) -> Result<(), Failure> {
        match *words {
            ["connect"] => {
                self.client = None;
                self.client = Some(Client::connect(&self.socket)?);
            }
            ["queues"] => {
                for queue in self.client()?.queues()? {
                    self.line(format_args!("queue {} {}", queue.name, queue.slots));
                }
            }
            ["subscribe", queue, ref keys @ ..] => {
                self.subscription = None;
                let subscription = self.client()?.subscribe(queue, &options(keys)?)?;
                self.joined(subscription.joined());
                self.subscription = Some(subscription);
            }
            ["read", count, timeout_ms] => self.read(count.parse()?, timeout(timeout_ms)?)?,
            ["drain"] => self.drain()?,
            ["position"] => {
                let subscription = self.subscription()?;
                let (position, lost) = (subscription.position(), subscription.lost());
                self.line(format_args!("position {position} lost {lost}"));
            }
            ["checkpoint"] => {
                let checkpoint = self.subscription()?.checkpoint();
                self.line(format_args!(
                    "checkpoint {} {}",
                    checkpoint.run, checkpoint.position
                ));
            }
            ["joined"] => {
                let joined = self.subscription()?.joined();
                self.joined(joined);
            }
            ["health"] => {
                let live = self.subscription()?.health().state == QueueState::Live;
                self.line(format_args!("{}", if live { "live" } else { "ended" }));
            }
            ["reattach"] => {
                let subscription = self.subscription()?;
                subscription.reattach()?;
                let joined = subscription.joined();
                self.joined(joined);
            }
            ["close"] => {
                self.subscription = None;
                self.queues = None;
            }
            ["multi", wait] => self.queues = Some(MultiSubscriber::new(wait_strategy(wait)?)),
            ["add", queue, ref keys @ ..] => {
                let subscription = self.client()?.subscribe(queue, &options(keys)?)?;
                let joined = subscription.joined();
                let index = self.queues()?.add(subscription);
                self.line(format_args!("added {index}"));
                self.joined(joined);
            }
            ["read-any", count, timeout_ms] => {
                self.read_any(count.parse()?, timeout(timeout_ms)?)?;
            }
            ["over"] => {
                let over = self.queues()?.is_over();
                self.line(format_args!("over {}", if over { "yes" } else { "no" }));
            }
            ["reattach-any", index] => {
                let index = index.parse()?;
                let member = self.queues()?.get_mut(index).context("no such queue")?;
                member.reattach()?;
                let joined = member.joined();
                self.joined(joined);
            }
            _ => return Err(anyhow::anyhow!("no such command").into()),
        }
        Ok(())
    }

    fn read(&mut self, count: u64, timeout: Duration) -> Result<(), Failure> {
        let subscription = self.subscription.as_mut().context("no subscription")?;
        for _ in 0..count {
            let event = subscription.wait(timeout);
            let last = matches!(event, Event::Empty | Event::Closed(_));
            let line = describe(event);
            print(&mut self.out, subscription, "", &line);
            if last {
                break;
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Failure> {
        let subscription = self.subscription.as_mut().context("no subscription")?;
        loop {
            let event = subscription.poll();
            if matches!(event, Event::Empty | Event::Closed(_)) {
                return Ok(());
            }
            let line = describe(event);
            print(&mut self.out, subscription, "", &line);
        }
    }

    fn read_any(&mut self, count: u64, timeout: Duration) -> Result<(), Failure> {
        let queues = self.queues.as_mut().context("no multi-subscriber")?;
        for _ in 0..count {
            let Some((index, event)) = queues.wait(timeout) else {
                self.out.push_str("empty\n");
                break;
            };
            let line = describe(event);
            let member = queues.get(index).context("an event of no queue")?;
            print(&mut self.out, member, &format!("{index} "), &line);
        }
        Ok(())
    }

    fn client(&self) -> Result<&Client> {
        self.client.as_ref().context("not connected")
    }

    fn subscription(&mut self) -> Result<&mut Subscription> {
        self.subscription.as_mut().context("no subscription")
    }

    fn queues(&mut self) -> Result<&mut MultiSubscriber> {
        self.queues.as_mut().context("no multi-subscriber")
    }

    fn joined(&mut self, joined: Joined) {
        let (outcome, lost) = match joined.outcome {
            JoinOutcome::AsAsked => ("as-asked", 0),
            JoinOutcome::Later { slots } => ("later", slots),
            JoinOutcome::NotYet => ("not-yet", 0),
            JoinOutcome::OtherRun => ("other-run", 0),
        };
        let (position, head) = (joined.position, joined.head);
        self.line(format_args!(
            "joined {outcome} position {position} head {head} lost {lost}"
        ));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.out.push_str(&line.to_string());
        self.out.push('\n');
    }
}

/// The first word of an event's line, and what follows the position that a record has.
enum Line {
    Record(&'static str, String),
    Other(String),
}

fn print(out: &mut String, subscription: &Subscription, prefix: &str, line: &Line) {
    out.push_str(prefix);
    match line {
        Line::Record(name, rest) => {
            let position = subscription.current().position;
            out.push_str(&format!("{name} {position} {rest}\n"));
        }
        Line::Other(line) => out.push_str(&format!("{line}\n")),
    }
}

fn describe(event: Event<'_>) -> Line {
    let record = match event {
        Event::Record(record) => record,
        Event::Empty => return Line::Other("empty".to_owned()),
        Event::Lost(slots) => return Line::Other(format!("lost {slots}")),
        Event::Closed(reason) => return Line::Other(format!("closed {}", closed(reason))),
    };
    match record {
        Record::Mbo(order) => Line::Record(
            "mbo",
            format!(
                "{} {} {} {} {} {} {} {} {}",
                order.hd.instrument_id,
                order.order_id,
                character(order.action),
                character(order.side),
                order.price,
                order.size,
                order.flags.raw(),
                order.sequence,
                order.hd.ts_event
            ),
        ),
        Record::Definition(definition) => Line::Record(
            "definition",
            format!(
                "{} {}",
                definition.hd.instrument_id,
                text(&definition.raw_symbol)
            ),
        ),
        Record::Status(status) => Line::Record(
            "status",
            format!("{} {}", status.hd.instrument_id, status.action),
        ),
        Record::Imbalance(imbalance) => Line::Record(
            "imbalance",
            format!(
                "{} {} {} {}",
                imbalance.hd.instrument_id,
                imbalance.paired_qty,
                imbalance.total_imbalance_qty,
                character(imbalance.side)
            ),
        ),
        Record::Trade(trade) => Line::Record(
            "trade",
            format!(
                "{} {} {} {} {}",
                trade.hd.instrument_id,
                character(trade.side),
                trade.price,
                trade.size,
                trade.sequence
            ),
        ),
        Record::Statistics(statistic) => Line::Record(
            "statistic",
            format!(
                "{} {} {} {}",
                statistic.hd.instrument_id,
                statistic.stat_type,
                statistic.price,
                statistic.quantity
            ),
        ),
        Record::Control(control) => Line::Record(
            "control",
            format!(
                "{} {} {} {}",
                control.kind, control.channel_id, control.sequence, control.count
            ),
        ),
        Record::Native { header, bytes } => {
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                // Writing to a String cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            Line::Record("native", format!("{} {hex}", header.instrument_id))
        }
        Record::Mbp1(best) => Line::Record(
            "mbp1",
            levels(
                best.hd.instrument_id,
                best.flags.raw(),
                best.sequence,
                &best.levels,
            ),
        ),
        Record::Mbp10(ten) => Line::Record(
            "mbp10",
            levels(
                ten.hd.instrument_id,
                ten.flags.raw(),
                ten.sequence,
                &ten.levels,
            ),
        ),
        Record::Other(record) => {
            let rtype = record.words.first().map_or(0, |word| word >> 8 & 0xFF);
            Line::Record("other", rtype.to_string())
        }
    }
}

fn levels(instrument_id: u32, flags: u8, sequence: u32, levels: &[BidAskPair]) -> String {
    let mut line = format!("{instrument_id} {flags} {sequence}");
    for level in levels {
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            " {} {} {} {} {} {}",
            level.bid_px, level.bid_sz, level.bid_ct, level.ask_px, level.ask_sz, level.ask_ct
        );
    }
    line
}

fn character(byte: std::ffi::c_char) -> char {
    char::from(byte.cast_unsigned())
}

/// A text field, up to its end and without the spaces that exchanges pad it with.
fn text(bytes: &[std::ffi::c_char]) -> String {
    let bytes = bytes.iter().take_while(|&&byte| byte != 0);
    let text: String = bytes.map(|&byte| character(byte)).collect();
    text.trim_end_matches(' ').to_owned()
}

const fn closed(reason: Closed) -> &'static str {
    match reason {
        Closed::Stopped => "stopped",
        Closed::Restarted { .. } => "restarted",
        Closed::HungUp => "hung-up",
        Closed::Revoked => "revoked",
    }
}

const fn error_name(error: &ClientError) -> &'static str {
    match error {
        ClientError::Connect { .. } => "connect",
        ClientError::Broken { .. } => "broken",
        ClientError::Protocol(_) => "protocol",
        ClientError::Queue(_) => "queue",
        ClientError::Refused { code, .. } => match code {
            ErrorCode::UnknownQueue => "unknown-queue",
            ErrorCode::Busy => "busy",
            ErrorCode::NotEntitled | ErrorCode::Revoked => "not-entitled",
            _ => "refused",
        },
    }
}

fn timeout(milliseconds: &str) -> Result<Duration> {
    Ok(Duration::from_millis(milliseconds.parse()?))
}

fn options(keys: &[&str]) -> Result<SubscribeOptions> {
    let mut options = SubscribeOptions::default();
    for key in keys {
        match key.split_once('=').context("a key has a value")? {
            ("name", name) => options.name = name.to_owned(),
            ("start", "head") => options.start = Start::Head,
            ("start", "oldest") => options.start = Start::Oldest,
            ("start", "resync") => options.start = Start::Resync,
            ("start", position) => options.start = Start::At(position.parse()?),
            ("run", run) => options.run = Some(run.parse()?),
            ("on-lapped", "oldest") => options.on_lapped = OnLapped::Oldest,
            ("on-lapped", "latest") => options.on_lapped = OnLapped::Latest,
            ("on-lapped", "resync") => options.on_lapped = OnLapped::Resync,
            ("wait", wait) => options.wait = wait_strategy(wait)?,
            (key, value) => bail!("no key {key}={value}"),
        }
    }
    Ok(options)
}

fn wait_strategy(wait: &str) -> Result<WaitStrategy> {
    Ok(match wait {
        "spin" => WaitStrategy::Spin,
        "yield" => WaitStrategy::Yield,
        "block" => WaitStrategy::Block,
        _ => {
            let microseconds = wait.strip_prefix("sleep:").context("no such wait")?;
            WaitStrategy::Sleep(Duration::from_micros(microseconds.parse()?))
        }
    })
}

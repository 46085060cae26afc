//! Each scenario that comes with the program, over real sockets: what it promises is what receivers of its lines and
//! clients of its servers meet, and the report says the same.
//!
//! Each test runs itself once more in a network namespace of its own, at ten times the speed.
#![allow(clippy::unwrap_used)]

mod ask;
mod hear;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ask::{Answers, Fetched, ask, fetch};
use gateway_feed::moldudp64::Session;
use gateway_sim::clock::RealClock;
use gateway_sim::flow::OrderFlow;
use gateway_sim::recovery::counts::{GlimpseCounts, RerequestCounts};
use gateway_sim::scenario::{Overrides, Scenario, ScenarioReport, load, run};
use gateway_sim::transmit::Egress;
use gateway_sim::venue::State;
use hear::{Position, Receiver, Tally, split};

const INSIDE: &str = "GATEWAY_SIM_TEST_INSIDE";
const LISTEN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long a server is asked. Servers stay for two seconds behind the last message.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long a client waits for something to happen on the lines.
const WAIT: Duration = Duration::from_secs(40);

/// Whether this is the process inside the namespace. Outside, starts it and checks how it ends; says so where namespaces
/// cannot be made.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "sh", "-ec", script]);
        command
    };
    match unshare("ip link set lo up").output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let reason = String::from_utf8_lossy(&output.stderr);
            println!("skipped: no network namespace: {}", reason.trim());
            return false;
        }
        Err(error) => {
            println!("skipped: no unshare: {error}");
            return false;
        }
    }
    let script = format!("ip link set lo up\nexec \"$0\" --exact {test} --nocapture");
    let output = unshare(&script)
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{told}");
    assert!(text.contains("1 passed"), "{text}");
    false
}

/// A scenario that was played, and what was met.
struct Played<T> {
    scenario: Scenario,
    report: ScenarioReport,
    /// By line, and by session.
    heard: Vec<Vec<Tally>>,
    /// What the client got.
    got: T,
}

/// Plays a scenario while `client` does what it does with the servers.
fn play<T: Send>(name: &str, client: impl FnOnce(&Scenario, &Position) -> T + Send) -> Played<T> {
    let overrides = Overrides {
        speed: 10.0,
        ..Overrides::default()
    };
    let scenario = load(Path::new(name), &overrides).unwrap();
    let (stop, position) = (Arc::default(), Arc::default());
    let receivers: Vec<Receiver> = scenario
        .lines
        .iter()
        .map(|line| Receiver::start(line.destination, &stop, &position))
        .collect();
    let running = AtomicBool::new(false);
    let played = std::thread::scope(|scope| {
        let running = &running;
        let (scenario, position) = (&scenario, &position);
        let client = scope.spawn(move || {
            while !running.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(1));
            }
            client(scenario, position)
        });
        let asked_to_stop = AtomicBool::new(false);
        // Release: the client begins once the servers listen; pairs with its Acquire.
        let ready = |_: &_| running.store(true, Ordering::Release);
        let mut clock = RealClock::new(&asked_to_stop);
        let (report, error) = run(
            scenario,
            &Egress::default(),
            LISTEN,
            &mut clock,
            ready,
            &mut |_| (),
        )
        .unwrap();
        assert!(error.is_none(), "{error:?}");
        (report, client.join().unwrap())
    });
    let (report, got) = played;
    stop.store(true, Ordering::Relaxed);
    let sessions: Vec<(Session, u64)> = scenario
        .sessions
        .iter()
        .map(|session| (session.plan.pack.session, session.plan.pack.first_sequence))
        .collect();
    let heard = receivers
        .into_iter()
        .map(|receiver| split(&receiver.join(), &sessions))
        .collect();
    let played = Played {
        scenario,
        report,
        heard,
        got,
    };
    played.reconcile();
    played
}

fn server(port: u16) -> SocketAddr {
    SocketAddr::new(LISTEN, port)
}

fn wait_for(position: &Position, sequence: u64) {
    let end = Instant::now() + WAIT;
    while position.get() < sequence {
        assert!(
            Instant::now() < end,
            "the lines are at {}, not {sequence}",
            position.get()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The numbers that the phase with this index has, in the first session.
fn phase(scenario: &Scenario, index: usize) -> Range<u64> {
    let plan = &scenario.sessions[0].plan;
    let messages = |part: &gateway_sim::publisher::Part| part.messages.unwrap();
    let before: u64 = plan.parts[..index].iter().map(messages).sum();
    let first = plan.pack.first_sequence + before;
    first..first + messages(&plan.parts[index])
}

/// The day of a session, generated once more: every message under its number.
fn day(scenario: &Scenario, session: usize) -> BTreeMap<u64, Vec<u8>> {
    let session = &scenario.sessions[session];
    let mut flow = OrderFlow::new(session.flow.clone());
    let mut day = BTreeMap::new();
    let mut sequence = session.plan.pack.first_sequence;
    while let Some(message) = flow.next() {
        day.insert(sequence, message.bytes.to_vec());
        sequence += 1;
    }
    day
}

impl<T> Played<T> {
    /// What each line brought is what the report says, and the messages are those of the day.
    fn reconcile(&self) {
        assert_eq!(self.report.sessions.len(), self.scenario.sessions.len());
        assert!(!self.report.interrupted);
        for (index, report) in self.report.sessions.iter().enumerate() {
            let day = day(&self.scenario, index);
            let mut either = BTreeMap::new();
            for (line, heard) in self.scenario.lines.iter().zip(&self.heard) {
                let (tally, counts) = (&heard[index], &report.lines[&line.name].counts);
                let told = |control: &gateway_sim::counts::ControlCounts| {
                    control.sent + control.duplicated
                };
                assert_eq!(
                    tally.data,
                    counts.packets_sent + counts.duplicated,
                    "line {}",
                    line.name
                );
                assert_eq!(
                    tally.heartbeats,
                    told(&counts.heartbeats),
                    "line {}",
                    line.name
                );
                assert_eq!(
                    tally.ends,
                    told(&counts.end_of_session),
                    "line {}",
                    line.name
                );
                assert_eq!(
                    tally.messages.len() as u64,
                    counts.messages_sent,
                    "line {}",
                    line.name
                );
                either.extend(&tally.messages);
            }
            for (sequence, message) in &either {
                assert_eq!(day.get(sequence), Some(*message), "message {sequence}");
            }
            let missing: Vec<u64> = day
                .keys()
                .filter(|sequence| !either.contains_key(sequence))
                .copied()
                .collect();
            let told = report.lost_on_both.merged(&report.silent);
            let runs = told.runs().iter().flat_map(|(first, last)| *first..=*last);
            assert_eq!(missing, runs.collect::<Vec<_>>(), "what no line brought");
        }
    }

    /// What the lines dropped on purpose, of the first session.
    fn dropped(&self, line: &str) -> u64 {
        self.report.sessions[0].lines[line].counts.messages_dropped
    }

    fn rerequest(&self, index: usize) -> &RerequestCounts {
        let counts = &self.report.recovery.rerequest[index].counts;
        assert_eq!(counts.accounted(), counts.requests);
        counts
    }

    fn glimpse(&self) -> &GlimpseCounts {
        let counts = &self.report.recovery.glimpse[0].counts;
        assert_eq!(counts.accounted(), counts.connections);
        assert_eq!(counts.accepted_accounted(), counts.accepted);
        counts
    }

    /// These are the messages of `range`, all of them and none else.
    fn is_whole(&self, answers: &Answers, range: Range<u64>) {
        let day = day(&self.scenario, 0);
        let expected: BTreeMap<u64, Vec<u8>> = range
            .map(|sequence| (sequence, day[&sequence].clone()))
            .collect();
        assert_eq!(answers.messages.len(), expected.len());
        assert!(
            answers.messages == expected,
            "an answer has another message than the day"
        );
    }

    /// The snapshot and what follows it lead to where the whole day leads; it is valid at `from` or later.
    fn leads_to_the_end(&self, fetched: &Fetched, from: u64) {
        let (messages, next_sequence) = fetched.as_ref().unwrap();
        assert!(
            *next_sequence >= from,
            "a snapshot from before {from}: {next_sequence}"
        );
        let day = day(&self.scenario, 0);
        let (mut late, mut whole) = (State::default(), State::default());
        messages.iter().for_each(|message| late.apply(message));
        let mut heard: BTreeMap<u64, &Vec<u8>> = BTreeMap::new();
        for line in &self.heard {
            heard.extend(
                line[0]
                    .messages
                    .range(*next_sequence..)
                    .map(|(sequence, message)| (*sequence, message)),
            );
        }
        heard.values().for_each(|message| late.apply(message));
        day.values().for_each(|message| whole.apply(message));
        assert_eq!(late.unknown_orders(), 0);
        assert_eq!(late.snapshot(), whole.snapshot());
    }
}

#[test]
fn line_a_dies() {
    if inside("line_a_dies") {
        one_line_dies("line_a_dies", ["A", "B"]);
    }
}

#[test]
fn line_b_dies() {
    if inside("line_b_dies") {
        one_line_dies("line_b_dies", ["B", "A"]);
    }
}

fn one_line_dies(name: &str, [dies, lives]: [&str; 2]) {
    let played = play(name, |_, _| ());
    let dead = phase(&played.scenario, 1);
    assert_eq!(
        (played.dropped(dies), played.dropped(lives)),
        (dead.end - dead.start, 0)
    );
    let index = usize::from(dies == "B");
    let heard = &played.heard[index][0].messages;
    assert_eq!(heard.range(dead.clone()).count(), 0, "a dead line speaks");
    assert!(heard.range(..dead.start).count() > 0 && heard.range(dead.end..).count() > 0);
    assert_eq!(played.report.sessions[0].lost_on_both.messages(), 0);
}

#[test]
fn both_lines_gap() {
    if !inside("both_lines_gap") {
        return;
    }
    let played = play("both_lines_gap", |scenario, position| {
        let hole = phase(scenario, 1);
        wait_for(position, hole.end + 1);
        ask(
            server(26_410),
            scenario.sessions[0].plan.pack.session,
            hole,
            PATIENCE,
        )
    });
    let hole = phase(&played.scenario, 1);
    assert_eq!(hole.end - hole.start, 1_000);
    let lost = &played.report.sessions[0].lost_on_both;
    let covers = |run: &(u64, u64)| run.0 <= hole.start && run.1 >= hole.end - 1;
    assert!(
        lost.runs().iter().any(covers) && lost.messages() > 1_000,
        "{lost:?}"
    );
    played.is_whole(&played.got, hole);
    let counts = played.rerequest(0);
    assert_eq!(counts.answered, counts.requests);
    for line in ["A", "B"] {
        assert!(played.dropped(line) > 1_100);
    }
    let counts = &played.report.sessions[0].lines["A"].counts;
    assert!(counts.duplicated > 0 && counts.reordered > 0);
}

#[test]
fn both_lines_die() {
    if !inside("both_lines_die") {
        return;
    }
    let played = play("both_lines_die", |scenario, position| {
        let hole = phase(scenario, 1);
        wait_for(position, hole.end + 1);
        let snapshot = fetch(server(26_420));
        let session = scenario.sessions[0].plan.pack.session;
        let first = hole.start..hole.start + 30;
        (
            snapshot,
            ask(server(26_410), session, first, Duration::from_millis(300)),
        )
    });
    let hole = phase(&played.scenario, 1);
    assert_eq!(hole.end - hole.start, 20_000);
    assert_eq!(
        played.report.sessions[0].lost_on_both.runs(),
        [(hole.start, hole.end - 1)]
    );
    let (snapshot, answers) = &played.got;
    assert_eq!((answers.packets, answers.messages.len()), (0, 0));
    assert!(played.rerequest(0).too_old > 0);
    played.leads_to_the_end(snapshot, hole.end);
    assert_eq!(played.glimpse().complete, 1);
}

#[test]
fn session_rollover() {
    if !inside("session_rollover") {
        return;
    }
    let played = play("session_rollover", |_, _| ());
    let names: Vec<&str> = played
        .report
        .sessions
        .iter()
        .map(|report| report.session.as_str())
        .collect();
    assert_eq!(names, ["DAY 1", "DAY 2", "DAY 3", "DAY 3"]);
    for line in &played.heard {
        let ends: Vec<bool> = line.iter().map(|tally| tally.ends > 0).collect();
        assert_eq!(ends, [true, false, false, true], "which sessions are ended");
        let firsts: Vec<u64> = line
            .iter()
            .map(|tally| *tally.messages.first_key_value().unwrap().0)
            .collect();
        assert_eq!(
            firsts,
            [1, 1, 61, 1],
            "the first message of each session that a line has"
        );
        assert!(line[3].heartbeats >= 2, "a restart is told by heartbeats");
    }
    assert_eq!(played.report.sessions[2].lost_on_both.runs(), [(1, 60)]);
}

#[test]
fn late_start() {
    if !inside("late_start") {
        return;
    }
    let played = play("late_start", |scenario, position| {
        wait_for(position, 20_100);
        let session = scenario.sessions[0].plan.pack.session;
        let snapshot = fetch(server(26_420));
        (
            snapshot,
            ask(server(26_410), session, 1..31, Duration::from_millis(300)),
        )
    });
    assert_eq!(played.report.sessions[0].silent.runs(), [(1, 20_000)]);
    for line in &played.heard {
        assert_eq!(*line[0].messages.first_key_value().unwrap().0, 20_001);
    }
    let (snapshot, answers) = &played.got;
    assert_eq!(answers.packets, 0);
    assert!(played.rerequest(0).too_old > 0);
    played.leads_to_the_end(snapshot, 20_001);
}

#[test]
fn rerequest_dead() {
    if !inside("rerequest_dead") {
        return;
    }
    let played = play("rerequest_dead", |scenario, position| {
        let hole = phase(scenario, 1);
        wait_for(position, hole.end + 1);
        let session = scenario.sessions[0].plan.pack.session;
        let short = Duration::from_millis(200);
        let silent =
            [26_410, 26_411].map(|port| ask(server(port), session, hole.clone(), short).packets);
        (silent, ask(server(26_412), session, hole, PATIENCE))
    });
    let (silent, answers) = &played.got;
    assert_eq!(*silent, [0, 0]);
    played.is_whole(answers, phase(&played.scenario, 1));
    let [dead, mute, good] = [0, 1, 2].map(|index| played.rerequest(index));
    assert!(
        dead.while_down == dead.requests && dead.requests > 0,
        "{dead:?}"
    );
    assert!(mute.lost == mute.requests && mute.requests > 0, "{mute:?}");
    assert_eq!(good.answered, good.requests);
}

#[test]
fn rerequest_slow() {
    if !inside("rerequest_slow") {
        return;
    }
    let played = play("rerequest_slow", |scenario, position| {
        let hole = phase(scenario, 1);
        wait_for(position, hole.end + 1);
        let began = Instant::now();
        let session = scenario.sessions[0].plan.pack.session;
        let answers = ask(server(26_410), session, hole, 2 * PATIENCE);
        (answers, began.elapsed())
    });
    let (answers, took) = &played.got;
    let counts = played.rerequest(0);
    assert!(
        counts.lost > 0 && counts.answered > 0 && counts.duplicated > 0,
        "{counts:?}"
    );
    assert_eq!(answers.packets, counts.answered + counts.duplicated);
    assert!(answers.twice > 0);
    // No answer comes before its time, whatever the machine does.
    assert!(*took >= Duration::from_millis(80));
    for (sequence, message) in &answers.messages {
        assert_eq!(day(&played.scenario, 0)[sequence], *message);
    }
}

#[test]
fn rerequest_lying() {
    if !inside("rerequest_lying") {
        return;
    }
    let played = play("rerequest_lying", |scenario, position| {
        let hole = phase(scenario, 1);
        wait_for(position, hole.end + 1);
        let session = scenario.sessions[0].plan.pack.session;
        let liar = ask(
            server(26_410),
            session,
            hole.clone(),
            Duration::from_millis(300),
        );
        (liar, ask(server(26_411), session, hole, 2 * PATIENCE))
    });
    let (liar, honest) = &played.got;
    let counts = played.rerequest(0);
    assert_eq!((counts.answered, counts.lost), (0, 0));
    let wrong = [
        counts.sent_other_session,
        counts.sent_other_range,
        counts.sent_cut,
        counts.sent_garbage,
    ];
    assert!(wrong.iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(liar.packets, wrong.iter().sum::<u64>());
    assert_eq!(
        (liar.other_session, liar.garbage, liar.cut),
        (wrong[0], wrong[3], wrong[2])
    );
    let counts = played.rerequest(1);
    assert!(
        counts.answered > 0 && counts.answered < counts.requests,
        "{counts:?}"
    );
    assert!(honest.cut > 0 || honest.garbage > 0 || honest.other_session > 0);
    played.is_whole(honest, phase(&played.scenario, 1));
}

#[test]
fn glimpse_drops() {
    if !inside("glimpse_drops") {
        return;
    }
    let played = play("glimpse_drops", |scenario, position| {
        let hole = phase(scenario, 1);
        wait_for(position, hole.end + 1);
        [(); 3].map(|()| fetch(server(26_420)))
    });
    let [refused, dropped, served] = &played.got;
    assert!(
        refused.as_ref().unwrap_err().contains("refused"),
        "{refused:?}"
    );
    assert!(dropped.is_err(), "{dropped:?}");
    let hole = phase(&played.scenario, 1);
    assert_eq!(
        played.report.sessions[0].lost_on_both.runs(),
        [(hole.start, hole.end - 1)]
    );
    played.leads_to_the_end(served, hole.end);
    let counts = played.glimpse();
    assert_eq!((counts.refused, counts.dropped, counts.complete), (1, 1, 1));
}

#[test]
fn last_sequences() {
    if !inside("last_sequences") {
        return;
    }
    let played = play("last_sequences", |scenario, position| {
        let hole = phase(scenario, 1);
        wait_for(position, hole.end + 1);
        ask(
            server(26_410),
            scenario.sessions[0].plan.pack.session,
            hole,
            PATIENCE,
        )
    });
    let report = &played.report.sessions[0];
    assert_eq!(
        played.scenario.sessions[0].plan.pack.session,
        Session(*b" LAST 1   ")
    );
    assert_eq!(report.last_sequence, u64::MAX - 1);
    let hole = phase(&played.scenario, 1);
    played.is_whole(&played.got, hole);
    for line in &played.heard {
        assert!(line[0].ends > 0);
    }
}

#[test]
fn open_burst() {
    if !inside("open_burst") {
        return;
    }
    let played = play("open_burst", |_, _| ());
    let report = &played.report.sessions[0];
    assert_eq!(report.messages, 420_000);
    assert!(report.packets >= 100_000, "{}", report.packets);
    for line in ["A", "B"] {
        let counts = &report.lines[line].counts;
        // One in a thousand of a hundred thousand, give or take.
        assert!(
            (40..250).contains(&counts.packets_dropped),
            "{}",
            counts.packets_dropped
        );
    }
}

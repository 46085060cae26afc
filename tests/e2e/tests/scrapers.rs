//! What clients of the metrics server may do: nothing of it reaches the workers, and each is told of once.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gateway_client::{Client, SubscribeOptions};
use gateway_e2e::{Lab, Observer};
use gateway_feed::record::ControlKind;
use gateway_test_harness::config::Input;
use gateway_test_harness::{Config, Gateway, http, wait};

const LIMIT: Duration = Duration::from_secs(40);
const ADDRESS: &str = "127.0.0.1:9464";
/// No losses: what is missing was lost here.
const FLOW: &str = "generate --messages 60000 --symbols 20 --pace rate=20000 --end-of-session";

fn address() -> SocketAddr {
    ADDRESS.parse().unwrap()
}

/// Runs the flow through while `disturb` goes on, and sees that all of it arrives.
fn flow_is_whole(
    lab: &Lab,
    config: &Config,
    gateway: &Gateway,
    disturb: impl FnOnce(&AtomicBool) + Send,
) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let disturbing = scope.spawn(|| disturb(&over));
        let observer = Observer::start(&gateway.socket(), "all").unwrap();
        let report = lab.simulator(config, FLOW).unwrap().finish(LIMIT).unwrap();
        let ended = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
        let seen = observer
            .wait_for("the end of the session", LIMIT, ended)
            .unwrap();
        over.store(true, Ordering::Relaxed);
        disturbing.join().unwrap();
        assert_eq!(seen.messages, report.messages);
        assert_eq!(seen.gap_messages(), 0);
    });
    let metrics = gateway.metrics().unwrap();
    let of = |name| metrics.sum(name, &[]).unwrap();
    assert_eq!(of("gateway_messages_lost_total"), 0.0);
    assert_eq!(of("gateway_xsk_rx_dropped_total"), 0.0);
    assert_eq!(of("gateway_ready"), 1.0);
}

/// Lines of the log with these words.
fn told(gateway: &Gateway, words: &str) -> usize {
    let log = gateway.process.stderr();
    log.lines().filter(|line| line.contains(words)).count()
}

#[test]
fn clients_that_never_read_are_hung_up_on_and_workers_do_not_notice() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("auto"));
    let gateway = lab.gateway(&config).unwrap();
    // More than there is room for: some say nothing, some half a request, and some do not read their answer.
    let connect = || {
        let requests: [&[u8]; 3] = [
            b"",
            b"GET /metrics HT",
            b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ];
        let open = |number: usize| {
            let mut stream = TcpStream::connect(address())?;
            stream.write_all(requests[number % 3])?;
            Ok(stream)
        };
        (0..40)
            .map(open)
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(Into::into)
    };
    let stuck: Vec<TcpStream> = lab.network.gateway.enter(connect).unwrap();
    let began = Instant::now();
    flow_is_whole_without_scrapes(&lab, &config, &gateway);
    // Those that wait get their turn once the first have had theirs.
    let answered = wait::until("an answer beside those", LIMIT, || {
        let answer = lab
            .network
            .gateway
            .enter(|| http::get(address(), "/healthz"));
        Ok(answer.ok().filter(|answer| answer.status == 200))
    });
    answered.unwrap();
    assert!(began.elapsed() < LIMIT);
    let hung_up = wait::until("the count", LIMIT, || {
        Ok(gateway
            .metrics()?
            .sum("gateway_http_timeouts_total", &[])
            .filter(|count| *count >= 16.0))
    });
    hung_up.unwrap();
    let lines = told(&gateway, "it is hung up on");
    assert!(
        (1..=12).contains(&lines),
        "{lines} lines\n{}",
        gateway.process.output()
    );
    drop(stuck);
}

/// The same, where scrapes may have to wait for their turn.
fn flow_is_whole_without_scrapes(lab: &Lab, config: &Config, gateway: &Gateway) {
    let observer = Observer::start(&gateway.socket(), "all").unwrap();
    let report = lab.simulator(config, FLOW).unwrap().finish(LIMIT).unwrap();
    let ended = |seen: &gateway_e2e::Seen| seen.has(ControlKind::SessionEnd);
    let seen = observer
        .wait_for("the end of the session", LIMIT, ended)
        .unwrap();
    assert_eq!((seen.messages, seen.gap_messages()), (report.messages, 0));
}

#[test]
fn scrapes_in_a_loop_get_pages_of_a_moment_ago_and_workers_do_not_notice() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("auto"));
    let gateway = lab.gateway(&config).unwrap();
    let scrapes = AtomicU64::new(0);
    let began = Instant::now();
    flow_is_whole(&lab, &config, &gateway, |over| {
        // A thousand a second, if this machine has them.
        let pace = Duration::from_millis(1);
        let scrape = || {
            let mut next = Instant::now();
            while !over.load(Ordering::Relaxed) {
                let answer = http::get(address(), "/metrics")?;
                assert_eq!(answer.status, 200);
                assert!(answer.body.contains("gateway_up"), "{}", answer.body);
                scrapes.fetch_add(1, Ordering::Relaxed);
                next = (next + pace).max(Instant::now());
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            Ok(())
        };
        lab.network.gateway.enter(scrape).unwrap();
    });
    let seconds = began.elapsed().as_secs();
    let scrapes = scrapes.load(Ordering::Relaxed);
    // A page of a moment ago does not count those that came since: by now there is a new one to be had.
    std::thread::sleep(Duration::from_millis(200));
    let metrics = gateway.metrics().unwrap();
    let reused = metrics.sum("gateway_http_pages_reused_total", &[]).unwrap() as u64;
    let drawn = scrapes - reused;
    assert!(
        drawn <= 20 * (seconds + 2),
        "{drawn} pages of {scrapes} in {seconds} s"
    );
    assert!(reused > 0, "only {scrapes} scrapes in {seconds} s");
    let lines = told(&gateway, "pages of a moment ago are given") as u64;
    assert!(
        (1..=seconds + 2).contains(&lines),
        "{lines} lines in {seconds} s"
    );
}

#[test]
fn a_name_with_quotes_line_ends_and_backslashes_stays_within_its_label() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let config = Config::new(Input::tier("auto"));
    let gateway = lab.gateway(&config).unwrap();
    let client = Client::connect(gateway.socket()).unwrap();
    let options = SubscribeOptions::named("q\"} 1\ngateway_up 0\\");
    let reader = client.subscribe("all", &options).unwrap();
    let page = || {
        let mut stream = TcpStream::connect(address())?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = lab.network.gateway.enter(page).unwrap();
    let ups: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("gateway_up"))
        .collect();
    assert_eq!(ups, ["gateway_up 1"]);
    // A line end is none of the letters that a name may have; quote and backslash are escaped.
    let label = r#"consumer="q\"} 1?gateway_up 0\\""#;
    assert!(text.contains(label), "{text}");
    drop(reader);
}

//! Each tier on a virtual function, and how the gateway comes to it.

use anyhow::{Context, Result, ensure};
use gateway_lab::topology::{VIRTUAL, Wire};
use gateway_test_harness::{LineReport, Metrics, Report};

use crate::config::Config;
use crate::guest::Guest;
use crate::options::Set::{Short, Whole};
use crate::{Case, Kernels};

/// Both lines lose packets, not all of them the same: what is sent must be delivered or declared lost.
pub(crate) const FLOW: &str = "generate --symbols 20 --messages 6000 --pace rate=3000 --messages-per-packet 6 \
                               --loss-a 0.02 --loss-b 0.02 --heartbeat-ms 200 --end-of-session";

/// The same for cards that lose packets as real ones do when nobody empties their ring of 256 in time: an emulated guest may
/// stand still for a second when its host is busy.
pub(crate) const SLOW_FLOW: &str = "generate --symbols 20 --messages 900 --pace rate=400 --messages-per-packet 6 \
                                    --loss-a 0.05 --loss-b 0.05 --heartbeat-ms 200 --end-of-session";

pub(crate) fn cases() -> Vec<Case> {
    use Kernels::{Any, NoZeroCopy, ZeroCopy};
    vec![
        Case::new(
            "zero_copy_on_a_virtual_function_delivers_and_accounts_for_every_packet",
            Short,
            ZeroCopy,
            |guest| delivers(guest, "zero-copy"),
        ),
        Case::new(
            "the_copy_tier_on_a_virtual_function_delivers_and_accounts_for_every_packet",
            Whole,
            Any,
            |guest| delivers(guest, "copy"),
        ),
        Case::new(
            "the_skb_tier_on_a_virtual_function_delivers_and_accounts_for_every_packet",
            Whole,
            Any,
            |guest| delivers(guest, "skb"),
        ),
        Case::new(
            "the_socket_tier_on_a_virtual_function_delivers_and_accounts_for_every_packet",
            Whole,
            Any,
            |guest| delivers(guest, "socket"),
        ),
        Case::new(
            "auto_reaches_zero_copy_without_a_step_down",
            Whole,
            ZeroCopy,
            auto_reaches_zero_copy,
        ),
        Case::new(
            "a_kernel_that_offers_no_zero_copy_steps_down_to_copy_and_says_why",
            Short,
            NoZeroCopy,
            steps_down,
        ),
        Case::new(
            "where_zero_copy_is_required_and_not_to_be_had_the_gateway_ends_with_its_exit_code",
            Short,
            NoZeroCopy,
            require_refuses,
        ),
    ]
}

fn auto_reaches_zero_copy(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    let gateway = guest.gateway(&Config::new("vf0", "require = \"zero-copy\""))?;
    let status = guest.status()?;
    let interface = &status["interfaces"][0];
    ensure!(
        interface["tier"] == "zero-copy" && interface["steps"] == serde_json::json!([]),
        "{interface:#}"
    );
    let explained = guest.explain("vf0")?;
    ensure!(
        explained["source"] == "running"
            && explained["summary"] == "receives at zero-copy, the best there is",
        "{explained:#}"
    );
    let filter = finding(&explained, "multicast filter")?;
    ensure!(filter.contains("it holds 64"), "{filter}");
    // A virtio card names its queues' interrupts.
    finding(&explained, "interrupts")?;
    guest.stop(gateway)?;

    // The same without a gateway: nothing is attached, and the same is to be expected.
    let explained = guest.explain("vf0")?;
    ensure!(
        explained["source"] == "probe" && explained["tier"] == "zero-copy",
        "{explained:#}"
    );
    ensure!(!guest.has_program("vf0")?, "it attached a program");
    Ok(())
}

/// What an explanation says about a subject.
fn finding(explained: &serde_json::Value, subject: &str) -> Result<String> {
    let findings = explained["findings"].as_array();
    let found = findings
        .into_iter()
        .flatten()
        .find(|finding| finding["subject"] == subject);
    let what = found.and_then(|finding| finding["what"].as_str());
    let what = what.with_context(|| format!("nothing about {subject}: {explained:#}"))?;
    Ok(what.to_owned())
}

fn steps_down(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    let config = Config::new("vf0", "mode = \"auto\"");
    let gateway = guest.gateway(&config)?;
    let status = guest.status()?;
    let interface = &status["interfaces"][0];
    let step = &interface["steps"][0];
    let reason = step["reason"].as_str().unwrap_or_default();
    ensure!(
        interface["tier"] == "copy" && step["tier"] == "zero-copy" && !reason.is_empty(),
        "{interface:#}"
    );
    let explained = guest.explain("vf0")?;
    let first = &explained["tiers"][0];
    ensure!(
        first["standing"] == "refused" && first["why"] == reason && first["remedy"] != "",
        "{explained:#}"
    );
    let log = guest.log(gateway)?;
    ensure!(
        log.contains("tier not used") && log.contains(reason),
        "no word of it:\n{log}"
    );
    reconciles(guest, &VIRTUAL, &config, "copy")?;
    guest.stop(gateway)
}

fn require_refuses(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    let gateway = guest.launch(&Config::new("vf0", "require = \"zero-copy\""))?;
    let (code, log) = guest.ends(gateway)?;
    ensure!(code == 6, "ended with {code}:\n{log}");
    ensure!(
        log.contains("does not reach `require = \"zero-copy\"`"),
        "{log}"
    );
    ensure!(!guest.has_program("vf0")?, "a program was left");
    Ok(())
}

fn delivers(guest: &mut Guest, tier: &str) -> Result<()> {
    guest.virtual_function()?;
    let config = Config::tier("vf0", tier);
    let gateway = guest.gateway(&config)?;
    let status = guest.status()?;
    ensure!(
        status["interfaces"][0]["tier"] == tier,
        "not on {tier}: {status:#}"
    );
    reconciles(guest, &VIRTUAL, &config, tier)?;
    polls(guest, tier)?;
    guest.stop(gateway)?;
    ensure!(!guest.has_program("vf0")?, "a program was left");
    Ok(())
}

/// Once packets came, it is known of every queue that had some whether the worker drives it.
fn polls(guest: &mut Guest, tier: &str) -> Result<()> {
    let status = guest.status()?;
    let queues = status["interfaces"][0]["queues"].as_array();
    for queue in queues.into_iter().flatten() {
        let state = queue["busy_poll"].as_str().unwrap_or_default();
        let known: &[&str] = match tier {
            "socket" => &["off"],
            _ if queue["packets"] == 0 => &["polls", "in_vain", "refused", "unknown"],
            _ => &["polls", "in_vain", "refused"],
        };
        ensure!(known.contains(&state), "{queue:#}");
    }
    Ok(())
}

/// Sends [`FLOW`] and has every packet of it accounted for.
pub(crate) fn reconciles(
    guest: &mut Guest,
    wire: &Wire,
    config: &Config,
    tier: &str,
) -> Result<()> {
    reconciles_with(guest, wire, config, tier, FLOW)
}

/// Sends a flow with losses and has every packet of it accounted for: by the simulator, the XDP program, the ring, the
/// lines, the channel and the reader.
pub(crate) fn reconciles_with(
    guest: &mut Guest,
    wire: &Wire,
    config: &Config,
    tier: &str,
    flow: &str,
) -> Result<()> {
    let observer = guest.observe()?;
    let report = guest.exchange(wire, config, flow)?.finish()?;
    let lost = |line: &LineReport| line.packets_dropped > 0;
    ensure!(report.lines.values().all(lost), "the flow has no loss");
    let seen = guest.until("the end of the session", |guest| {
        let seen = guest.seen(observer)?;
        Ok(seen.session_end.then_some(seen))
    })?;
    ensure!(
        seen.messages + seen.gap_messages() == report.messages
            && seen.gap_messages() == report.lost_on_both.messages,
        "sent {} of which {} on no line, delivered {seen:?}",
        report.messages,
        report.lost_on_both.messages
    );
    ensure!(
        (seen.out_of_order, seen.repeated, seen.lost_slots) == (0, 0, 0),
        "{seen:?}"
    );
    let metrics = guest.until("the counters on show to catch up", |guest| {
        let metrics = guest.metrics()?;
        let sum = |name| metrics.sum(name, &[]).unwrap_or_default() as u64;
        let shown = sum("gateway_messages_total") + sum("gateway_messages_lost_total");
        Ok((shown >= report.messages).then_some(metrics))
    })?;
    accounts(&metrics, &report, tier)
}

/// Each packet is under exactly one count.
fn accounts(metrics: &Metrics, report: &Report, tier: &str) -> Result<()> {
    let sum =
        |name: &str, labels: &[(&str, &str)]| metrics.sum(name, labels).unwrap_or_default() as u64;
    let sent: u64 = report.lines.values().map(LineReport::datagrams).sum();
    let received = sum("gateway_rx_packets_total", &[]);
    ensure!(received == sent, "sent {sent}, received {received}");
    if tier != "socket" {
        let redirected = sum("gateway_xdp_verdicts_total", &[("verdict", "redirect")]);
        ensure!(
            redirected == received,
            "redirected {redirected}, received {received}"
        );
        ensure!(
            sum("gateway_xsk_rx_dropped_total", &[]) == 0,
            "dropped by the ring"
        );
        let lost = sum("gateway_xdp_lost_in_redirect_total", &[]);
        ensure!(lost == 0, "{lost} said to be lost on the way to the ring");
    }
    ensure!(sum("gateway_rx_refused_total", &[]) == 0, "refused");
    ensure!(
        sum("gateway_decode_errors_total", &[]) == 0,
        "decode errors"
    );
    for (name, line) in &report.lines {
        let packets = sum("gateway_group_packets_total", &[("line", name)]);
        ensure!(
            packets == line.datagrams(),
            "line {name}: {packets} of {}",
            line.datagrams()
        );
    }
    Ok(())
}
